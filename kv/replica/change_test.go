package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// change asks until it is reached, and returns how often the configuration changed meanwhile.
func (g *group) change(l *home, ch Change) (steps int) {
	for range 200 {
		before := l.r.Raft().ConfigIndex()
		done, err := l.r.Change(g.now, ch)
		if err != nil {
			require.ErrorIs(g.t, err, raft.ErrChangePending)
		}
		if l.r.Raft().ConfigIndex() != before {
			steps++
		}
		if done {
			return steps
		}
		l.turn()
		g.pass(l, 20*time.Millisecond)
	}
	require.Fail(g.t, "the change is never reached", "%+v", ch)
	return 0
}

func (h *home) member(node uint64) confchange.Member {
	m, _ := h.r.Raft().Configuration().OnNode(node)
	return m
}

// settled returns a group whose leader has committed an entry of its term.
func settled(t *testing.T, n int, tune func(*Config)) (*group, *home) {
	g := newGroup(t, n, tune)
	return g, g.elect(1)
}

// Goal: REP-14, a change names a state: it is reached in one step, and asking again does nothing, for each kind. Method: ask twice, and count
// the configurations.
func TestChangesAreIdempotent(t *testing.T) {
	g, l := settled(t, 3, nil)
	id := raft.MakeReplicaID(4, 1)
	require.NoError(t, g.add(id).start())
	learner := Change{Kind: AddNode, Node: 4, Address: "here", Store: 44, Learner: true}
	voter := learner
	voter.Learner = false
	moved := voter
	moved.Address = "there"
	for _, ch := range []Change{
		learner, voter, moved,
		{Kind: SetPriority, Node: 2, Priority: 0},
		{Kind: SetPriority, Node: 4, Priority: 0},
		{Kind: DemoteNode, Node: 4},
		{Kind: PromoteNode, Node: 4},
		{Kind: RemoveNode, Node: 4},
		{Kind: RemoveNode, Node: 4},
	} {
		g.change(l, ch)
		require.Zero(t, g.change(l, ch), "%+v was reached", ch)
		m := l.member(4)
		switch ch.Kind {
		case AddNode:
			require.Equal(t, !ch.Learner, m.Voter)
			require.Equal(t, ch.Address, m.Info)
		case DemoteNode:
			require.True(t, m.Learner && !m.Promote)
			g.pass(l, time.Second)
			require.True(t, l.member(4).Learner, "what was demoted is not promoted by itself")
		case PromoteNode:
			require.True(t, m.Voter)
		case RemoveNode:
			require.Zero(t, m.ID)
		}
	}
	g.change(l, Change{Kind: SetPriority, Node: 1, Priority: 7})
	require.Equal(t, uint8(7), l.member(1).Priority)
	require.Zero(t, g.change(l, Change{Kind: SetPriority, Node: 1, Priority: 7}))
}

// Goal: what can never be done is refused, and changes nothing; only a leader is asked. Method: one of each.
func TestChangesThatCannotBeAreRefused(t *testing.T) {
	g, l := settled(t, 1, nil)
	at := l.r.Raft().ConfigIndex()
	for _, ch := range []Change{
		{Kind: RemoveNode, Node: 1},
		{Kind: DemoteNode, Node: 1},
		{Kind: PromoteNode, Node: 2},
		{Kind: SetPriority, Node: 2},
		{Kind: AddNode, Node: 2},
		{Kind: AddNode, Node: 2, Address: "x"},
		{Kind: AddNode, Node: 2, Store: 1},
		{Kind: AddNode, Node: 1, Address: "x", Store: 5},
		{Kind: AddNode, Node: 1, Address: "x", Learner: true},
		{Kind: 99, Node: 1},
	} {
		done, err := l.r.Change(g.now, ch)
		require.False(t, done)
		require.ErrorIs(t, err, ErrRefused, "%+v", ch)
	}
	require.Equal(t, at, l.r.Raft().ConfigIndex())
	require.ErrorIs(t, l.r.Transfer(g.now, 2), ErrRefused)
	require.False(t, l.r.HandOver(g.now), "there is no other voter: nothing to wait for")
	l.r.Stop()
	_, err := l.r.Change(g.now, Change{Kind: RemoveNode, Node: 1})
	require.ErrorIs(t, err, raft.ErrNotLeader)

	g, l = settled(t, 3, nil)
	f := g.at[1]
	_, err = f.r.Change(g.now, Change{Kind: RemoveNode, Node: 9})
	require.ErrorIs(t, err, raft.ErrNotLeader)
	require.ErrorIs(t, f.r.Transfer(g.now, 9), raft.ErrNotLeader, "a follower may not know the members")
	l.r.Rejoin(g.now, 9, 5, "x")
	l.r.Rejoin(g.now, 1, 5, "x")
	l.r.Rejoin(g.now, 2, 0, "x")
	f.r.Rejoin(g.now, 3, 5, "x")
	require.Equal(t, uint64(1), l.r.Raft().ConfigIndex(), "a stranger, the leader itself, no store, not the leader")
}

// Goal: a node that could never become a voter is not added to wait for it (seed 404829). Method: a group with
// all voters that there may be, and one place less.
func TestNoMemberWaitsForAPlaceThatIsNotThere(t *testing.T) {
	g, l := settled(t, confchange.MaxVoters, nil)
	full := Change{Kind: AddNode, Node: 10, Address: "a", Store: 7}
	_, err := l.r.Change(g.now, full)
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "9 voters")
	learner := full
	learner.Learner = true
	require.NoError(t, g.add(raft.MakeReplicaID(10, 1)).start())
	g.change(l, learner)
	_, err = l.r.Change(g.now, Change{Kind: PromoteNode, Node: 10})
	require.ErrorIs(t, err, ErrRefused)
	g.change(l, Change{Kind: RemoveNode, Node: 9})
	g.pass(l, time.Second)
	g.change(l, Change{Kind: PromoteNode, Node: 10})
	require.True(t, l.member(10).Voter)
}

// Goal: MEMB-12, a learner becomes a voter only when it has caught up, and the promise to promote it survives a change of leader. Method: add a
// node that is not there; depose the leader; let the node come.
func TestPromotionWaitsForTheLearnerAndSurvivesTheLeader(t *testing.T) {
	g, l := settled(t, 3, nil)
	g.fill(l, 20)
	_, err := l.r.Change(g.now, Change{Kind: AddNode, Node: 4, Address: "x", Store: 44})
	require.NoError(t, err)
	l.turn()
	g.pass(l, 3*time.Second)
	require.True(t, l.member(4).Learner, "it never answered")
	next := g.elect(2)
	g.pass(next, time.Second)
	require.True(t, next.member(4).Learner)
	require.NoError(t, g.add(raft.MakeReplicaID(4, 1)).start())
	for range 100 {
		g.pass(next, 50*time.Millisecond)
	}
	require.True(t, next.member(4).Voter)
	require.False(t, next.r.Raft().Configuration().Joint())
	g.agree()
}

// Goal: a voter with a higher priority gets the leadership when it has kept up. Method: prefer the third replica.
func TestLeadershipGoesToThePreferredVoter(t *testing.T) {
	g, l := settled(t, 3, nil)
	g.alone[3] = true
	g.change(l, Change{Kind: SetPriority, Node: 3, Priority: 9})
	g.pass(l, time.Second)
	require.True(t, l.leads(), "it is not there")
	delete(g.alone, 3)
	for range 100 {
		g.pass(l, 50*time.Millisecond)
	}
	require.True(t, g.at[2].leads())
	g.pass(g.at[2], time.Second)
	require.True(t, g.at[2].leads(), "and keeps it")
}

// Goal: a damaged node's replica is replaced by one under a new id, once, with its place and priority; one that was removed does not come
// back. Method: ask again and again, also a new leader.
func TestRejoinReplacesOnce(t *testing.T) {
	g, l := settled(t, 3, nil)
	g.change(l, Change{Kind: SetPriority, Node: 1, Priority: 9})
	id := raft.MakeReplicaID(3, 1)
	l.r.Rejoin(g.now, 3, 77, "there")
	require.False(t, l.r.Raft().Configuration().Joint(), "the replica answers: it has lost nothing, and is not replaced")
	g.alone[3] = true
	g.pass(l, time.Second)
	require.NoError(t, g.add(id).start())
	l.r.Rejoin(g.now, 3, 77, "there")
	require.True(t, l.r.Raft().Configuration().Joint())
	l.turn()
	l.r.Rejoin(g.now, 3, 77, "there")
	for range 60 {
		g.pass(l, 50*time.Millisecond)
		l.r.Rejoin(g.now, 3, 77, "there")
	}
	m := l.member(3)
	require.Equal(t, confchange.Member{ID: uint64(id), Voter: true, Store: 77, Info: "there"}, m)
	g.agree()
	require.Equal(t, uint32(1), l.r.Raft().Configuration().Generation)

	g.change(l, Change{Kind: RemoveNode, Node: 3})
	l.r.Rejoin(g.now, 3, 78, "there")
	require.Zero(t, l.member(3).ID)
}

// Goal: a leader fills in the addresses that are missing, and only these. Method: know some.
func TestMissingAddressesAreFilledIn(t *testing.T) {
	g, l := settled(t, 3, nil)
	known := map[env.NodeID]string{1: "one", 2: "two"}
	for range 3 {
		l.r.SetAddresses(g.now, func(n env.NodeID) string { return known[n] })
		l.turn()
		g.settle()
		g.pass(l, 50*time.Millisecond)
	}
	require.Equal(t, []string{"one", "two", ""}, []string{l.member(1).Info, l.member(2).Info, l.member(3).Info})
	at := l.r.Raft().ConfigIndex()
	known[1] = "another"
	l.r.SetAddresses(g.now, func(n env.NodeID) string { return known[n] })
	require.Equal(t, at, l.r.Raft().ConfigIndex(), "what is there stays")
	require.Positive(t, g.at[1].configs)
}

// Goal: REP-5 on followers, what a follower reads is at least what the leader had committed; without a leader it is told so. Method: write at the
// leader, read at each.
func TestFollowersServeLinearizableReads(t *testing.T) {
	g, l := settled(t, 3, nil)
	w := l.put("k", "new")
	l.turn()
	g.exchange() // committed, and applied nowhere
	require.Zero(t, w.ends)
	var all []*read
	for _, h := range g.at {
		rd := h.reader("k")
		h.r.ReadHere(rd)
		h.turn()
		all = append(all, rd)
	}
	for range 5 {
		g.settle()
		g.beat(1)
	}
	for _, rd := range all {
		require.Equal(t, "new", string(rd.value.Value), rd.name)
		require.GreaterOrEqual(t, rd.ranAt, rd.floor)
	}
	f := g.at[1]
	for range f.r.cfg.MaxWaitingReads {
		f.r.ReadHere(f.reader("k"))
	}
	over := f.reader("k")
	f.r.ReadHere(over)
	require.Equal(t, Overloaded, over.drop)
	f.r.Stop()
	late := f.reader("k")
	f.r.ReadHere(late)
	require.Equal(t, Stopped, late.drop)
}

// Goal: writes while the leadership is handed over are refused as overloaded: they are not applied and may be tried again. Method: write
// in the middle of a transfer.
func TestWritesDuringATransferAreRefused(t *testing.T) {
	g, l := settled(t, 3, nil)
	g.alone[2] = true
	require.NoError(t, l.r.Transfer(g.now, 2))
	w := l.put("k", "v")
	l.turn()
	require.Equal(t, Overloaded, w.drop)
	require.True(t, l.r.HandOver(g.now), "one is under way")
	delete(g.alone, 2)
	g.pass(l, time.Second)
	require.False(t, l.proposed[string(w.payload)])
}
