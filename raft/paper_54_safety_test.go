package raft_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/rafttest"
)

// Goal: a voter denies its vote if its own log is more up-to-date: a later last term, or the same and longer
// (§5.4.1). Method: all pairs of short logs.
func TestPaper541_VoterDeniesLessUpToDateLogs(t *testing.T) {
	var logs [][]uint64
	for length := 1; length <= 3; length++ {
		for last := uint64(1); last <= 3; last++ {
			log := make([]uint64, length)
			for i := range log {
				log[i] = 1
			}
			log[length-1] = last
			logs = append(logs, log)
		}
	}
	for _, own := range logs {
		for _, candidate := range logs {
			last, ownLast := candidate[len(candidate)-1], own[len(own)-1]
			want := last > ownLast || (last == ownLast && len(candidate) >= len(own))
			l := newLone(t, 3, 3, own)
			answer := only(t, raft.MsgVoteResp, l.receive(raft.Message{
				Type: raft.MsgVote, From: 2, Term: 4, LogIndex: uint64(len(candidate)), LogTerm: last,
			}))
			require.Equal(t, want, !answer.Reject, "voter %v, candidate %v", own, candidate)
			require.Equal(t, uint64(4), l.r.Term(), "the term counts even if the vote is denied")
		}
	}
}

// Goal: a candidate cannot win without all committed entries (§5.4.1): entries of a majority block it,
// and it takes them over from who wins. Method: every choice of the majority that holds the entry, every candidate.
func TestPaper541_WinnerHoldsAllCommittedEntries(t *testing.T) {
	for holders := range 1 << 5 {
		held := 0
		for i := range 5 {
			held += holders >> i & 1
		}
		if held != 3 {
			continue
		}
		for candidate := raft.ReplicaID(1); candidate <= 5; candidate++ {
			t.Run(fmt.Sprintf("%05b-%d", holders, candidate), func(t *testing.T) {
				c := group(t, 5, plain)
				for id := raft.ReplicaID(1); id <= 5; id++ {
					log := []uint64{1, 1, 1, 1}
					if holders>>(id-1)&1 == 1 {
						log = []uint64{1, 1, 2}
					}
					reset(t, c, id, 2, log...)
				}
				c.Tick(candidate)
				c.Stabilize()
				wins := holders>>(candidate-1)&1 == 1
				require.Equal(t, wins, c.Raft(candidate).Role() == raft.Leader)
				if wins {
					term, ok := c.Raft(candidate).TermAt(3)
					require.True(t, ok)
					require.Equal(t, uint64(2), term)
				}
			})
		}
	}
}

// Goal: only entries of the leader's own term are committed by counting replicas (§5.4.2). Method: all
// followers acknowledge the entries of old terms, one after the other, then one of the own term.
func TestPaper542_OldTermsAreNotCommittedByCounting(t *testing.T) {
	l := newLone(t, 5, 4, []uint64{1, 2, 4})
	l.lead()
	for index := uint64(1); index <= 3; index++ {
		for id := raft.ReplicaID(2); id <= 5; id++ {
			l.ack(id, index)
			require.Zero(t, l.r.Commit(), "entry %d of an old term is on all servers", index)
		}
	}
	l.ack(2, 4)
	require.Zero(t, l.r.Commit())
	l.ack(3, 4)
	require.Equal(t, uint64(4), l.r.Commit(), "all before is committed indirectly, by Log Matching")
}

// Goal: the history of Figure 8 loses nothing that was committed (§5.4.2). Method: S1 replicates its old entry to a
// majority, S5 overwrites it; the cluster's oracles watch what was taken for committed.
func TestPaper542_Figure8LosesNothingCommitted(t *testing.T) {
	c := group(t, 5, plain, func(cfg *raft.Config) { cfg.MaxAppendBytes = 1 })
	// (c): S1 leads term 4; the entries of term 2 are on S1, S2 and, in a moment, on S3.
	reset(t, c, 1, 3, 1, 2, 2)
	reset(t, c, 2, 3, 1, 2)
	reset(t, c, 3, 3, 1)
	reset(t, c, 4, 3, 1)
	reset(t, c, 5, 3, 1, 3)
	c.Crash(5)
	c.Tick(1)
	c.Deliver(rafttest.Selection{To: 2})
	c.Deliver(rafttest.Selection{To: 3})
	c.Deliver(rafttest.Selection{To: 1})
	require.Equal(t, raft.Leader, c.Raft(1).Role())
	for rounds := 0; c.Raft(1).PeerMatch(2) < 3 || c.Raft(1).PeerMatch(3) < 3; rounds++ {
		require.Less(t, rounds, 10)
		c.Deliver(rafttest.Selection{To: 2, Count: 1})
		c.Deliver(rafttest.Selection{To: 3, Count: 1})
		c.Deliver(rafttest.Selection{To: 1})
	}
	require.Zero(t, c.Raft(1).Commit())
	require.Len(t, c.Log(3), 3)
	// (d): S5 wins with the newer last term and overwrites.
	c.Drop(rafttest.Selection{})
	c.Crash(1)
	require.NoError(t, c.Restart(5, 10))
	c.Tick(5)
	c.Drop(rafttest.Selection{})
	c.Tick(5)
	c.Stabilize()
	require.Equal(t, raft.Leader, c.Raft(5).Role())
	require.Len(t, c.Log(3), 3)
	require.Equal(t, uint64(3), c.Log(3)[1].Term)
	require.Equal(t, uint64(3), c.Raft(5).Commit())
}

// storm is a random schedule of everything that may go wrong, drawn by rapid.
type storm struct {
	t *rapid.T
	c *rafttest.Cluster
	n int
	// proposed, read count what was asked of the group.
	proposed, read int
}

func (s *storm) pick() raft.ReplicaID {
	return raft.ReplicaID(rapid.IntRange(1, s.n).Draw(s.t, "replica"))
}

func (s *storm) step() {
	id := s.pick()
	r := s.c.Raft(id)
	sel := rafttest.Selection{To: id, Count: 1, Skip: rapid.IntRange(0, 3).Draw(s.t, "skip")}
	switch action := rapid.IntRange(0, 24).Draw(s.t, "action"); {
	case action < 7:
		s.c.Deliver(sel)
	case action == 7:
		sel.Keep = true
		s.c.Deliver(sel)
	case action == 8:
		s.c.Drop(sel)
	case action == 9 && r == nil:
		require.NoError(s.t, s.c.Restart(id, rapid.IntRange(0, 3).Draw(s.t, "tail")))
	case r == nil:
	case action == 10:
		s.c.Crash(id)
	case action < 13:
		s.c.Tick(id)
	case action < 15:
		s.c.Persist(id, 0)
	case action == 15:
		if seqs := s.c.Pending(id); len(seqs) > 0 {
			s.c.Persist(id, seqs[0])
		}
	case action == 16:
		s.c.Fetch(id, rapid.Bool().Draw(s.t, "fail"))
	case action == 17 && r.Role() == raft.Leader:
		s.proposed++
		_, err := s.c.Propose(id, fmt.Sprint(s.proposed))
		require.NoError(s.t, err)
	case action == 18:
		s.read++
		s.c.Read(id, uint64(s.read))
	case action == 19:
		s.c.SetDisk(rapid.Bool().Draw(s.t, "slow disk"), id)
	case action < 22:
		s.c.Deliver(rafttest.Selection{})
	default:
		// A part of the group gets on with it, or else nothing is ever committed.
		s.c.Stabilize(id, s.pick(), s.pick())
	}
}

// Goal: Election Safety, Leader Append-Only, Log Matching, Leader Completeness and State Machine Safety
// hold at all times (Figure 3); reads are linearizable; promises are durable. Method: rapid schedules with loss,
// duplication, reordering, crashes and slow disks; rafttest checks each property after each input.
func TestPaperFig3_PropertiesHoldUnderAnySchedule(t *testing.T) {
	var elections, committed uint64
	rapid.Check(t, func(t *rapid.T) {
		cfg := rafttest.DefaultConfig(rapid.SampledFrom([]int{3, 3, 5}).Draw(t, "servers"))
		cfg.PreVote, cfg.CheckQuorum = rapid.Bool().Draw(t, "prevote"), rapid.Bool().Draw(t, "checkquorum")
		cfg.MaxAppendBytes, cfg.MaxCacheBytes, cfg.MaxInflightAppends = 70, 70, 2
		c, err := rafttest.New(cfg)
		require.NoError(t, err)
		c.SetDisk(rapid.Bool().Draw(t, "slow disks"))
		s := &storm{t: t, c: c, n: len(cfg.Voters)}
		for range rapid.IntRange(100, 400).Draw(t, "steps") {
			s.step()
			require.NoError(t, c.Err(), "%s", c.Trace())
		}
		for _, id := range cfg.Voters {
			if r := c.Raft(id); r != nil {
				elections += r.Term()
				committed += r.Commit()
			}
		}
	})
	t.Logf("%d terms, %d commits", elections, committed)
	if !testing.Short() {
		require.Greater(t, elections, uint64(100))
		require.Greater(t, committed, uint64(100), "schedules must commit")
	}
}
