package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

// Goal: NODE-1, what must become durable while the log writes gathers in one next batch, and nothing is acknowledged before its
// batch is durable. Method: five turns with writes while a write of the log is held back.
func TestTurnsDuringALogWriteShareTheNextOne(t *testing.T) {
	r := newRig(t, 1).lead()
	frames := r.disk.Stats().Syncs
	first := r.call(putting("k", "first"))
	r.turn()
	require.Len(t, r.jobs[env.LaneWAL], 1)
	var later []*call
	for i := range 5 {
		later = append(later, r.call(putting("k", fmt.Sprint(i))))
		r.turn()
		require.Len(t, r.jobs[env.LaneWAL], 1, "one log write at a time")
	}
	r.run(env.LaneWAL)
	require.Len(t, r.jobs[env.LaneWAL], 1, "one next batch")
	require.Empty(t, first.answers)
	r.run(env.LaneApply)
	require.Equal(t, kvpb.Code_OK, first.code())
	for _, c := range later {
		require.Empty(t, c.answers)
	}
	r.run(env.LaneWAL)
	require.Empty(t, r.jobs[env.LaneWAL])
	require.Equal(t, frames+2, r.disk.Stats().Syncs, "two syncs for six writes")
	r.settle()
	for i, c := range later {
		require.Equal(t, kvpb.Code_OK, c.code())
		require.Equal(t, first.answers[0].Index+uint64(i)+1, c.answers[0].Index)
	}
}

// Goal: NODE-2, a failed log write stops the node: what was appended ends as unknown, what comes later is refused, and nothing is sent
// or promised any more. Method: fail the write, and the sync, of a batch with more gathering behind it.
func TestFailedLogWriteStopsTheNode(t *testing.T) {
	for _, broken := range []netsim.Op{netsim.OpWrite, netsim.OpSync} {
		r := newRig(t, 3).lead()
		r.inject(netsim.Fault{Ops: broken, Match: "log"})
		inFlight := r.call(putting("k", "a"))
		r.turn()
		gathering, asked := r.call(putting("k", "b")), r.call(reading("k"))
		r.turn()
		fresh := r.call(putting("k", "c"))
		r.sent = nil
		job := r.jobs[env.LaneWAL][0]
		r.jobs[env.LaneWAL] = nil
		job.Run()
		job.Done()
		require.ErrorContains(t, r.n.Failed(), "writing the log")
		require.Equal(t, kvpb.Code_OUTCOME_UNKNOWN, inFlight.code())
		require.Equal(t, kvpb.Code_OUTCOME_UNKNOWN, gathering.code())
		require.Equal(t, kvpb.Code_UNAVAILABLE, asked.code())
		require.Equal(t, kvpb.Code_UNAVAILABLE, fresh.code(), "never appended")
		late := r.call(putting("k", "d"))
		require.Equal(t, kvpb.Code_UNAVAILABLE, late.code())
		require.Contains(t, late.answers[0].Message, "has stopped serving: writing the log")
		require.Contains(t, r.n.Status().Failure, "writing the log")

		r.now = r.now.Add(time.Hour)
		r.n.Tick()
		r.depose()
		r.settle()
		r.n.Send(&raft.Message{Type: raft.MsgVoteResp, Group: TheGroup, From: 1, To: 2, Term: 99})
		r.n.SendHash(2, r.n.Replica(0), 1024, 1)
		require.Empty(t, r.sent)
		require.Empty(t, r.jobs[env.LaneWAL])
		first := r.n.Failed()
		r.n.Fail(errors.New("another"))
		require.Same(t, first, r.n.Failed())
	}
}

// Goal: NODE-2, a batch that was being written when the node stopped is reported to nobody. Method: stop under the job.
func TestLogWriteThatEndsAfterTheStopPromisesNothing(t *testing.T) {
	r := newRig(t, 3)
	r.settle()
	r.n.Receive(2, r.message(raft.Message{Type: raft.MsgVote, Group: TheGroup, From: 2, To: 1, Term: 2, LogIndex: 1, LogTerm: 1}))
	r.turn()
	require.Len(t, r.jobs[env.LaneWAL], 1)
	r.n.Stop()
	r.sent = nil
	r.run(env.LaneWAL)
	require.Empty(t, r.sent)
	c := r.call(putting("k", "v"))
	require.Equal(t, "node 1 is stopping", c.answers[0].Message)
	require.NoError(t, r.n.Failed())

	lone := newRig(t, 1).lead()
	durable := lone.status().Durable
	lone.call(putting("k", "v"))
	lone.turn()
	lone.n.Stop()
	lone.run(env.LaneWAL)
	require.Equal(t, durable, lone.status().Durable)
}

// Goal: no vote leaves before it is durable, and it does then. Method: ask for a vote.
func TestVoteLeavesWhenDurable(t *testing.T) {
	r := newRig(t, 3)
	r.settle()
	r.n.Receive(2, r.message(raft.Message{Type: raft.MsgVote, Group: TheGroup, From: 2, To: 1, Term: 2, LogIndex: 1, LogTerm: 1}))
	r.turn()
	require.Empty(t, r.sent)
	r.run(env.LaneWAL)
	require.Len(t, r.sent, 1)
	m, ok := PeekRaft(r.sent[0].payload)
	require.True(t, ok && r.sent[0].to == 2 && m.Type == raft.MsgVoteResp && !m.Reject)
}

// Goal: an engine that cannot be read stops the node, and the read is not answered with a value. Method: close the engine.
func TestFailedReadStopsTheNode(t *testing.T) {
	r := newRig(t, 1).lead()
	c := r.call(reading("k"))
	other := r.call(putting("k", "v"))
	require.NoError(t, r.engine.Close())
	r.settle()
	require.Equal(t, kvpb.Code_UNAVAILABLE, c.code())
	require.Equal(t, kvpb.Code_OUTCOME_UNKNOWN, other.code())
	require.Error(t, r.n.Failed())
}

// Goal: a restart finds the state again, and New refuses what it cannot be right with: an engine ahead of its log, a partition that it does not
// know, an identity that makes no sense. Method: restart; then lose the log's directory; then bad configurations.
func TestNewRefusesALostLog(t *testing.T) {
	r := newRig(t, 1).lead()
	c := r.call(putting("k", "v"))
	r.settle()
	require.Equal(t, kvpb.Code_OK, c.code())
	require.NoError(t, r.log.Close())
	require.NoError(t, r.start())
	r.lead()
	got := r.call(reading("k"))
	r.settle()
	require.Equal(t, "v", string(got.answers[0].Results[0].Value))
	require.NoError(t, r.log.Close())
	require.NoError(t, r.engine.Flush())
	require.NoError(t, r.disk.RemoveAll("log"))
	err := r.start()
	require.ErrorContains(t, err, "it lost entries")
	require.True(t, IsDamage(err))

	for message, change := range map[string]func(*Config){
		"node id 0":                   func(c *Config) { c.ID = 0 },
		"not in the member list":      func(c *Config) { c.ID = 2 },
		"out of range or given twice": func(c *Config) { c.Members = append(c.Members, c.Members[0]) },
		"MaxApplyBytes (0)":           func(c *Config) { c.MaxApplyBytes = 0 },
		"MaxWaitingReads (-1)":        func(c *Config) { c.MaxWaitingReads = -1 },
		"limit MaxKey is 0":           func(c *Config) { c.Limits.MaxKey = 0 },
		"partition 1: raft: config":   func(c *Config) { c.HeartbeatInterval = 0 },
	} {
		fresh := newRig(t, 1)
		change(&fresh.cfg)
		require.ErrorContains(t, fresh.start(), message)
	}
}

// Goal: Status tells what is so. Method: a leader of three with a session and a write, and time.
func TestStatusTellsWhatIsSo(t *testing.T) {
	r := newRig(t, 3).lead()
	r.call(&kvpb.Request{Kind: kvpb.RequestKind_OPEN_SESSION})
	r.call(putting("k", "v"))
	r.settle()
	r.answerPeers()
	s := r.n.Status()
	require.Equal(t, []any{uint64(1), uint64(9), "test", "v0", "", uint64(1000)}, []any{s.Node, s.Cluster, s.ClusterName, s.Version, s.Failure, s.UptimeMs})
	require.Len(t, s.Members, 3)
	require.Equal(t, []any{uint64(3), "client3", "client3"}, []any{s.Members[2].Node, s.Members[2].PeerAddress, s.Members[2].ClientAddress})
	g := s.Groups[0]
	core := r.n.Replica(TheGroup)
	applied, hash := core.Applied()
	require.Equal(t, []any{"leader", core.Raft().Term(), uint64(1)}, []any{g.Role, g.Term, g.LeaderNode})
	require.Equal(t, []uint64{1, 4, 4, 4, 4, applied, hash, 1}, []uint64{g.Group, g.Commit, g.Applied, g.Durable, g.Last, g.Applied, g.Hash, g.Sessions})
	require.Equal(t, []uint64{1, 2, 3}, g.Voters)
	require.Len(t, g.Peers, 2)
	require.Equal(t, []any{uint64(2), uint64(4), uint64(5)}, []any{g.Peers[0].Node, g.Peers[0].Match, g.Peers[0].Next})
	require.Equal(t, env.NodeID(1), r.n.ID())
	require.Nil(t, r.n.Replica(2))
}

// Goal: a state hash goes to all other members, and one of a group that is not here is dropped and counted (what differences do:
// kv/replica). Method: send and receive reports.
func TestHashReports(t *testing.T) {
	r := newRig(t, 3)
	r.n.SendHash(2, r.n.Replica(0), 2048, 7)
	r.n.SendHash(3, r.n.Replica(0), 2048, 7)
	require.Len(t, r.sent, 2)
	for i, e := range r.sent {
		d, err := decode(e.payload)
		require.NoError(t, err)
		require.Equal(t, env.NodeID(i+2), e.to)
		require.Equal(t, hashReport{TheGroup, 1, 2048, 7}, d.hash)
	}
	rejected := r.n.rejected
	r.n.Receive(2, appendHash(nil, hashReport{TheGroup, 2, replica.HashEvery, 1}))
	require.Equal(t, rejected, r.n.rejected)
	r.n.Receive(2, appendHash(nil, hashReport{TheGroup + 1, 2, replica.HashEvery, 1}))
	require.Equal(t, rejected+1, r.n.rejected)
}

// Goal: the timer is armed for what is due, and only when that moves forward; an early Tick does not lose it. Method: watch Arm.
func TestTimerIsArmedForTheNextDeadline(t *testing.T) {
	r := newRig(t, 3)
	r.turn()
	due := r.n.Replica(0).Deadline()
	require.Equal(t, due, r.armed)
	r.armed = 0
	r.turn()
	require.Zero(t, r.armed, "armed already")
	r.n.Tick()
	r.turn()
	require.Equal(t, due, r.armed)
	r.now = due
	r.n.Tick()
	r.turn()
	require.NotEmpty(t, r.sent, "it campaigns")
	require.Greater(t, r.armed, due)
}

// Goal: NODE-3, every request is answered exactly once, and by a code that is true. Method: random requests, turns, jobs, answers of a
// peer, elections lost and won, failing disks, and in the end a stop; the log tells what was applied.
func TestEveryRequestIsAnsweredOnce(t *testing.T) {
	seen := map[kvpb.Code]int{}
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(rt, 3).lead()
		var calls []*call
		for range rapid.IntRange(5, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0, 1, 2:
				calls = append(calls, r.call(putting("k", fmt.Sprint(len(calls)))))
			case 3:
				req := reading("k")
				req.Stale = rapid.Bool().Draw(rt, "stale")
				calls = append(calls, r.call(req))
			case 4:
				calls = append(calls, r.call(writing()))
			case 5, 6:
				r.run(env.Lane(rapid.IntRange(0, int(env.NumLanes)-1).Draw(rt, "lane")))
			case 7:
				r.answerPeers()
			case 8:
				if rapid.IntRange(0, 3).Draw(rt, "depose") == 0 {
					r.depose()
				}
			case 9:
				if rapid.IntRange(0, 9).Draw(rt, "break") == 0 {
					r.inject(netsim.Fault{Ops: netsim.OpSync, Match: "log", Count: 1})
				}
			}
			if rapid.Bool().Draw(rt, "turn") {
				r.turn()
			}
		}
		r.n.Stop()
		r.settle() // jobs at work end what they have
		applied := map[string]bool{}
		if last := r.status().Applied; last > 0 && r.n.Failed() == nil {
			entries, err := r.log.ReadEntries(TheGroup, 1, last, 1<<20)
			require.NoError(rt, err)
			for _, e := range entries {
				applied[string(e.Data)] = true
			}
		}
		for i, c := range calls {
			require.Len(rt, c.answers, 1, "request %d of %v", i, c.req)
			code := c.answers[0].Code
			seen[code]++
			if c.req.Kind != kvpb.RequestKind_WRITE || len(c.req.Ops) == 0 {
				require.NotEqual(rt, kvpb.Code_OUTCOME_UNKNOWN, code, "a read is never unknown")
				continue
			}
			is := applied[string(encode(c.req, r.wall))]
			require.False(rt, is && (code == kvpb.Code_NOT_LEADER || code == kvpb.Code_UNAVAILABLE), "write %d is applied but answered %v", i, code)
			require.True(rt, is || code != kvpb.Code_OK || r.n.Failed() != nil, "write %d is acknowledged but not applied", i)
		}
	})
	for _, code := range []kvpb.Code{kvpb.Code_OK, kvpb.Code_NOT_LEADER, kvpb.Code_UNAVAILABLE, kvpb.Code_OUTCOME_UNKNOWN, kvpb.Code_INVALID} {
		require.Positive(t, seen[code], "%v never came up", code)
	}
}
