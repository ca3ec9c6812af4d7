package live

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
)

// Goal: the pace is that of the operations called within the stretch. Method: one before, one after, a hundred within, and one
// without an answer.
func TestPaceIsThatOfTheStretch(t *testing.T) {
	begin := time.Unix(1000, 0)
	h := &history.History{}
	add := func(at, took time.Duration, outcome history.Outcome) {
		called := begin.Add(at)
		h.Operations = append(h.Operations, history.Operation{
			CallTime: called.UnixNano(), ReturnTime: called.Add(took).UnixNano(), Outcome: outcome,
		})
	}
	add(-1, time.Hour, history.OK)
	for i := range 100 {
		add(time.Duration(i)*time.Millisecond, time.Duration(i+1)*time.Millisecond, history.OK)
	}
	add(5*time.Second, time.Hour, history.Unknown)
	add(10*time.Second, time.Hour, history.OK)
	require.Equal(t, Pace{Rate: 10, P50: 50 * time.Millisecond, P99: 99 * time.Millisecond, Max: 100 * time.Millisecond, Unanswered: 1},
		PaceOf(h, begin, begin.Add(10*time.Second)))
	require.Zero(t, PaceOf(h, begin.Add(time.Hour), begin.Add(2*time.Hour)))
}
