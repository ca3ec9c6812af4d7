package live

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
)

// Goal: what a replica has committed must not go back while it lives, and may after a restart, in each group by itself.
// Method: answers of one node with two groups, whose replicas have the same id: it restarts, and both are behind; then one
// goes back without a restart.
func TestProgressIsHeldToEachGroupsLife(t *testing.T) {
	w := &Watch{
		lives: make(map[invariant.Replica]life), leaders: make(map[uint64]uint64),
		election: invariant.NewElectionSafety(), progress: invariant.NewProgress(), hashes: invariant.NewStateHash(),
		teller: newTeller(nil),
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

// Goal: the course of a run has what the nodes say, once, and what a node says no more. Method: answers of a node with two groups,
// one of which it loses, and of its next start.
func TestCourseFollowsWhatNodesSay(t *testing.T) {
	c := target.NewCourse()
	teller := newTeller(c)
	group := func(group uint64, role string, term uint64) *kvpb.GroupStatus {
		return &kvpb.GroupStatus{Group: group, Replica: 1, Role: role, Term: term}
	}
	c.Add(events.Event{Kind: events.Up, Node: 2})
	for range 2 {
		teller.tell(2, 1, &kvpb.NodeStatus{TableVersion: 7, Groups: []*kvpb.GroupStatus{group(1, "leader", 3), group(2, "follower", 3)}})
	}
	teller.tell(2, 1, &kvpb.NodeStatus{TableVersion: 7, Groups: []*kvpb.GroupStatus{group(1, "follower", 4)}, Failure: "the disk"})
	c.Add(events.Event{Kind: events.Down, Node: 2})
	c.Add(events.Event{Kind: events.Up, Node: 2})
	teller.tell(2, 2, &kvpb.NodeStatus{Groups: []*kvpb.GroupStatus{group(1, "follower", 4), {Group: 2}}})
	var told []events.Event
	log := c.End()
	for _, e := range append(log.Before(), log.After()...) {
		e.At = 0
		told = append(told, e)
	}
	require.Equal(t, []events.Event{
		{Kind: events.Up, Node: 2},
		{Kind: events.Role, Node: 2, Group: 1, Term: 3, Name: "leader"},
		{Kind: events.Role, Node: 2, Group: 2, Term: 3, Name: "follower"},
		{Kind: events.Table, Node: 2, Count: 7},
		{Kind: events.Stopped, Node: 2, Name: "the disk"},
		{Kind: events.Role, Node: 2, Group: 1, Term: 4, Name: "follower"},
		{Kind: events.Role, Node: 2, Group: 2},
		{Kind: events.Down, Node: 2},
		{Kind: events.Up, Node: 2},
		{Kind: events.Role, Node: 2, Group: 1, Term: 4, Name: "follower"},
	}, told)
}
