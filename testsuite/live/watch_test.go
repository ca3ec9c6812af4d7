package live

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Goal: what a replica has committed must not go back while it lives, and may after a restart, in each group by itself.
// Method: answers of one node with two groups, whose replicas have the same id: it restarts, and both are behind; then one
// goes back without a restart.
func TestProgressIsHeldToEachGroupsLife(t *testing.T) {
	w := &Watch{
		lives: make(map[invariant.Replica]life), leaders: make(map[uint64]uint64),
		election: invariant.NewElectionSafety(), progress: invariant.NewProgress(), hashes: invariant.NewStateHash(),
	}
	answer := func(start int, first, second uint64) {
		w.observe(2, start, &kvpb.NodeStatus{Groups: []*kvpb.GroupStatus{
			{Group: 1, Replica: 1, Term: 3, Commit: first}, {Group: 2, Replica: 1, Term: 3, Commit: second},
		}})
	}
	answer(1, 7, 7)
	answer(2, 6, 6)
	require.Empty(t, w.Case().Violations)
	answer(2, 6, 5)
	require.Len(t, w.Case().Violations, 1)
}
