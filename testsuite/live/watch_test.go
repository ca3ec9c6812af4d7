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
		teller: newTeller(nil), tables: newTables(), last: make(map[uint64]word),
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
	require.Positive(t, w.Case().Violations[0].At, "a report shows it in its timeline")
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

// Goal: people who ask why nobody answers are told what each node said last, and which do not run. Method: answers of a node with a
// leader, of one that is down since, of one that failed; of two that never answered one is no member.
func TestLastWordsOfNodes(t *testing.T) {
	c := &Cluster{}
	for id := range uint64(5) {
		c.nodes = append(c.nodes, &node{id: id + 1, outside: id == 4})
	}
	c.nodes[0].proc, c.nodes[2].proc, c.nodes[2].paused = &process{}, &process{}, true
	w := &Watch{
		cluster: c, lives: make(map[invariant.Replica]life), leaders: make(map[uint64]uint64), last: make(map[uint64]word),
		election: invariant.NewElectionSafety(), progress: invariant.NewProgress(), hashes: invariant.NewStateHash(),
		teller: newTeller(nil), tables: newTables(),
	}
	group := func(id uint64, role string, leader uint64) *kvpb.GroupStatus {
		return &kvpb.GroupStatus{Group: id, Replica: 1, Role: role, Term: 3, LeaderNode: leader, Commit: 8, Applied: 7}
	}
	w.observe(1, 1, &kvpb.NodeStatus{Groups: []*kvpb.GroupStatus{group(1, "candidate", 0)}})
	w.observe(1, 2, &kvpb.NodeStatus{Groups: []*kvpb.GroupStatus{group(1, "leader", 1)}})
	w.observe(2, 1, &kvpb.NodeStatus{Sharded: true, Groups: []*kvpb.GroupStatus{group(1, "follower", 0), {Group: 2}, group(7, "follower", 1)}})
	w.observe(3, 1, &kvpb.NodeStatus{Failure: "the disk is full"})
	lines := w.Said()
	require.Len(t, lines, 4)
	require.Regexp(t, `^node 1: \S+ ago, in its start 2: leader of term 3, leader node 1, commit 8, applied 7$`, lines[0])
	require.Regexp(t, `^node 2 \(down\): \S+ ago, in its start 1: group 1 follower of term 3, knows no leader, commit 8, applied 7; `+
		`group 7 follower of term 3, leader node 1, commit 8, applied 7$`, lines[1])
	require.Regexp(t, `^node 3 \(paused\): \S+ ago, in its start 1: stopped serving: the disk is full$`, lines[2])
	require.Equal(t, "node 4 (down): it never answered", lines[3])
}
