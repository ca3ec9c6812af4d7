package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// sleeper returns a rig of three nodes of one group, which node 1 leads and has sent to sleep with the others' consent.
func sleeper(t *testing.T) *rig {
	r := &rig{t: t}
	*r = *newRig(t, 3)
	r.cfg.Sharding.QuiesceAfter = 300 * time.Millisecond
	require.NoError(t, r.start())
	r.lead()
	for range 2000 {
		if r.asleep() && r.n.Replica(0).Raft().Configuration().Members[0].Info != "" {
			break // the addresses are in the log, too
		}
		r.now = r.now.Add(5 * time.Millisecond)
		r.n.Receive(2, appendAlive(nil, 7))
		r.n.Receive(3, appendAlive(nil, 7))
		r.n.Tick()
		r.settle()
		r.answerAll()
	}
	require.True(t, r.asleep())
	r.settle()
	return r
}

// answerAll has nodes 2 and 3 agree to what they are asked, but for the word to sleep, which needs no answer.
func (r *rig) answerAll() {
	for len(r.sent) > 0 {
		mail := r.sent
		r.sent = nil
		for _, e := range mail {
			m, ok := PeekRaft(e.payload)
			answer := raft.Message{Group: m.Group, From: m.To, To: m.From, Term: m.Term, Round: m.Round}
			switch {
			case !ok:
				continue
			case m.Type == raft.MsgPreVote:
				answer.Type = raft.MsgPreVoteResp
			case m.Type == raft.MsgVote:
				answer.Type = raft.MsgVoteResp
			case m.Type == raft.MsgAppend:
				answer.Type, answer.LogIndex = raft.MsgAppendResp, m.LogIndex+uint64(len(m.Entries))
			case m.Type == raft.MsgHeartbeat && !r.n.Replica(0).Raft().Quiescent():
				answer.Type, answer.LogIndex = raft.MsgHeartbeatResp, m.Commit
			default:
				continue
			}
			r.n.Receive(e.to, r.message(answer))
		}
		r.settle()
	}
}

func (r *rig) asleep() bool { return r.n.Replica(0).Raft().Quiescent() }

// Goal: NODE-12, a group sleeps as long as the nodes that it relies on say that they are alive, in the same life, and wakes when one is silent for an
// election timeout or has restarted; a node that has sleeping groups says so itself, once for all. Method: words of nodes 2 and 3, then silence, then
// another life.
func TestGroupsSleepOnlyWhileTheNodesTheyRelyOnLive(t *testing.T) {
	alive := func(r *rig, from env.NodeID, life uint64) { r.n.Receive(from, appendAlive(nil, life)) }
	rest := func(r *rig, d time.Duration, from ...env.NodeID) {
		for end := r.now.Add(d); r.now < end; {
			r.now = r.now.Add(20 * time.Millisecond)
			for _, id := range from {
				alive(r, id, 7)
			}
			r.n.Tick()
			r.turn()
		}
	}
	r := sleeper(t)
	r.sent = nil
	rest(r, 3*time.Second, 2, 3)
	require.True(t, r.asleep())
	words := 0
	for _, e := range r.sent {
		d, err := decode(e.payload)
		require.NoError(t, err)
		require.Equal(t, byte(kindAlive), d.kind, "a sleeping group sends nothing else")
		words++
	}
	most := 2 * int(3*time.Second/r.cfg.HeartbeatInterval)
	require.GreaterOrEqual(t, words, most/2, "late by half an interval at most")
	require.LessOrEqual(t, words, most)
	rest(r, 2*r.cfg.ElectionTimeout, 2)
	require.False(t, r.asleep(), "node 3 is silent")

	r = sleeper(t)
	rest(r, 100*time.Millisecond, 2, 3)
	alive(r, 3, 8)
	r.turn()
	require.False(t, r.asleep(), "node 3 has restarted")
	require.Empty(t, r.n.vigil.over)
}
