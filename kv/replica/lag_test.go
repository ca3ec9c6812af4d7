package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// hear hands a follower a message of a peer, without delivering any other.
func (h *home) hear(from raft.ReplicaID, kind raft.MessageType, term, commit uint64) {
	h.r.Receive(h.g.now, raft.Message{Type: kind, Group: partition, From: from, To: h.id, Term: term, Commit: commit})
}

// Goal: Lag is the time since the leader's last message whose commit index is applied here, 0 on the leader; no other message
// counts. Method: messages of others, of older terms, and of less than is known to be committed.
func TestLagCountsFromTheLastMessageThatIsAppliedWhole(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	l.fill(5)
	g.beat(1)
	f := g.at[1]
	term, commit := f.r.Raft().Term(), f.r.Raft().Commit()
	require.Zero(t, f.r.Lag(g.now))
	require.Equal(t, 3*time.Second, f.r.Lag(g.now.Add(3*time.Second)))
	require.Zero(t, l.r.Lag(g.now.Add(3*time.Second)))
	g.now = g.now.Add(50 * time.Millisecond)
	f.hear(3, raft.MsgHeartbeat, 0, commit)
	f.hear(3, raft.MsgAppendResp, term, commit)
	f.hear(1, raft.MsgAppendResp, term, 0)
	f.hear(1, raft.MsgHeartbeat, term, commit-1)
	f.hear(1, raft.MsgHeartbeat, term, 0)
	require.Equal(t, 50*time.Millisecond, f.r.Lag(g.now))
	g.beat(1)
	require.Zero(t, f.r.Lag(g.now))
}

// Goal: a replica that starts with old data does not call it fresh. Method: restart a follower while the leader commits without
// it, let a day pass, and look before and after it hears of the leader again.
func TestLagIsUnknownAfterARestart(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	l.put("k", "old")
	l.turn()
	g.settle()
	g.beat(1)
	h := g.at[2]
	g.alone[3] = true
	l.put("k", "new")
	l.turn()
	g.settle()
	g.now = g.now.Add(24 * time.Hour)
	require.Equal(t, 24*time.Hour, h.r.Lag(g.now))
	require.NoError(t, h.start())
	h.turn()
	require.Equal(t, LagUnknown, h.r.Lag(g.now))
	g.alone[3] = false
	for range 5 {
		g.beat(1)
	}
	g.agree()
	require.Zero(t, h.r.Lag(g.now))
}

// Goal: a late message of an earlier leadership does not make a replica fresh, though the same node leads again. Method: a
// replica restarts when replica 1 has led twice; it hears who leads, then the message of the first time.
func TestLagIgnoresTheLeadersEarlierTerms(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	l.fill(5)
	g.beat(1)
	first, commit := l.r.Raft().Term(), l.r.Raft().Commit()
	g.elect(2)
	g.beat(2)
	g.elect(1)
	g.beat(1)
	h := g.at[2]
	require.NoError(t, h.start())
	h.turn()
	h.hear(1, raft.MsgHeartbeat, l.r.Raft().Term(), 0)
	h.hear(1, raft.MsgHeartbeat, first, commit)
	require.Equal(t, raft.ReplicaID(1), h.r.Raft().Leader())
	require.Equal(t, LagUnknown, h.r.Lag(g.now))
	h.hear(1, raft.MsgHeartbeat, l.r.Raft().Term(), l.r.Raft().Commit())
	require.Zero(t, h.r.Lag(g.now))
}

// Goal: Lag tells of a backlog in the state machine, and counts from when the newest applied state was the leader's. Method: the
// leader writes for 0.8 s (less than makes it unfit, REP-9) and is heard all the time, no apply job runs; then they run.
func TestLagCountsTheBacklogOfTheStateMachine(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	g.beat(1)
	h := g.at[1]
	require.Zero(t, h.r.Lag(g.now))
	for i := range 20 {
		l.put("k", fmt.Sprint(i))
		l.turn()
		g.exchange()
		for range 4 {
			g.now = g.now.Add(10 * time.Millisecond)
			l.r.Tick(g.now)
			l.turn()
			g.exchange()
		}
	}
	require.GreaterOrEqual(t, h.r.Lag(g.now), 750*time.Millisecond)
	g.settle()
	require.Greater(t, h.r.Lag(g.now), 700*time.Millisecond, "what was heard first is applied; of later messages nothing is known")
	g.beat(1)
	require.Zero(t, h.r.Lag(g.now))
}

// Goal: a new leader that has not committed in its own term proves nothing, for it may not know what its predecessor committed
// (§5.4.2). Method: a message of the next term with the same commit index, then one with an entry of that term.
func TestLagTrustsNoCommitOfAnEarlierTerm(t *testing.T) {
	g := newGroup(t, 3, nil)
	g.elect(1)
	g.beat(1)
	f := g.at[1]
	term, commit := f.r.Raft().Term(), f.r.Raft().Commit()
	g.now = g.now.Add(time.Second)
	f.hear(3, raft.MsgHeartbeat, term+1, commit)
	require.Equal(t, raft.ReplicaID(3), f.r.Raft().Leader())
	require.Equal(t, time.Second, f.r.Lag(g.now))
	f.r.Receive(g.now, raft.Message{
		Type: raft.MsgAppend, Group: partition, From: 3, To: 2, Term: term + 1, LogIndex: commit, LogTerm: term,
		Entries: []raft.Entry{{Index: commit + 1, Term: term + 1, Kind: raft.EntryNoOp}}, Commit: commit + 1,
	})
	require.Equal(t, time.Second, f.r.Lag(g.now), "not applied yet")
	f.turn()
	f.persist()
	f.run(env.LaneApply)
	require.Zero(t, f.r.Lag(g.now))
}
