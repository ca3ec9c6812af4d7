package hunt

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/testsuite/run"
)

// Goal: whoever asks is told of each run once, of those that failed and of the others. Method: seeds that all
// end soundly, counted.
func TestEachRunIsToldOfOnce(t *testing.T) {
	told := map[uint64]int{}
	Run(Options{
		From: 1, Seeds: 3, Workers: 2, KeepGoing: true,
		Failed: func(r *run.Result) { told[r.Plan.Seed] += 10 }, Sound: func(r *run.Result) { told[r.Plan.Seed]++ },
	})
	require.Equal(t, map[uint64]int{1: 1, 2: 1, 3: 1}, told)
}
