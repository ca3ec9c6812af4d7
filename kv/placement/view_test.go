package placement

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

// Goal: a replica is called gone only if a settled configuration of its generation or a later one lacks it (PLACE-7).
// Method: a group that replaces node 3 by node 4, as reports may tell it, right and wrong.
func TestOnlySettledConfigurationsMakeReplicasGone(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 3}, 1, 2, 3, 4)
	r.holds(3, 1, 0, 10)
	r.holds(4, 1, 2, 10)
	r.report(3, 4)
	require.Empty(t, r.d.Gone(3, 300), "nobody leads")

	r.leads(1, 1, 2, 1, voters(1, 2, 3))
	r.report(1)
	require.Empty(t, r.d.Gone(3, 300), "it is a member")
	require.Empty(t, r.d.Gone(4, 400), "generation 2 is still to come")

	x := r.leads(1, 1, 2, 2, append(voters(1, 2), voter(4, 1)))
	x.Settled = false
	r.report(1)
	require.Empty(t, r.d.Gone(3, 300), "the configuration may be taken back")
	x.Settled = true
	r.report(1)
	want := []Gone{{Group: 1, Replica: 3}}
	require.Equal(t, want, r.d.Gone(3, 300))
	require.Empty(t, r.d.Gone(4, 400), "generation 2 is still to come")
	require.Empty(t, r.d.Gone(3, 301), "another log did not report it")

	r.leads(2, 1, 3, 2, append(voters(1, 2), voter(4, 1))).Settled = false
	r.report(2)
	require.Equal(t, want, r.d.Gone(3, 300), "what was settled stays so under the next leader")

	r.leads(2, 1, 3, 2, append(voters(1, 2), voter(4, 3)))
	r.report(2)
	require.Equal(t, []Gone{{Group: 1, Replica: uint64(raft.MakeReplicaID(4, 2))}}, r.d.Gone(4, 400))
}

// Goal: an old report does not bring an old leader back, and a leader that steps down, or whose replica is gone, is none.
// Method: reports in and out of order.
func TestNewestLeaderCounts(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 3}, 1, 2, 3)
	r.leads(1, 1, 2, 1, voters(1, 2, 3))
	r.report(1)
	require.Equal(t, []LeaderHint{{Group: 1, Node: 1, Term: 2}}, r.d.Leaders())
	r.leads(2, 1, 4, 1, voters(1, 2, 3))
	r.report(2)
	require.Equal(t, []LeaderHint{{Group: 1, Node: 2, Term: 4}}, r.d.Leaders())
	r.report(1)
	require.Equal(t, []LeaderHint{{Group: 1, Node: 2, Term: 4}}, r.d.Leaders(), "node 1 led before")

	r.says[2][0].Leader, r.says[2][0].Members, r.says[2][0].Term = false, nil, 3
	r.report(2)
	require.Len(t, r.d.Leaders(), 1, "that was before it led")
	r.says[2][0].Term = 4
	r.report(2)
	require.Empty(t, r.d.Leaders())

	r.leads(2, 1, 5, 1, voters(1, 2, 3))
	r.report(2)
	require.Len(t, r.d.Leaders(), 1)
	r.says[2] = nil
	r.d.Heard(r.now, Report{Node: 2, Store: 999})
	require.Len(t, r.d.Leaders(), 1, "another process under the same id")
	r.report(2)
	require.Empty(t, r.d.Leaders())
}
