package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/progress"
)

func (s *solo) mustPropose(n int) {
	for range n {
		_, _, err := s.Propose(s.now, [][]byte{make([]byte, 68)})
		require.NoError(s.t, err)
	}
	s.check()
}

func to(ms []Message, id ReplicaID) []Message {
	var found []Message
	for _, m := range ms {
		if m.To == id {
			found = append(found, m)
		}
	}
	return found
}

func (s *solo) peerStatus(id ReplicaID) PeerStatus {
	for _, p := range s.Status().Peers {
		if p.ID == id {
			return p
		}
	}
	s.t.Fatal("no such peer")
	return PeerStatus{}
}

// beat lets a heartbeat interval pass; the peer answers that it holds what it was sent up to matched.
func (s *solo) beat(from ReplicaID, matched uint64) []Message {
	s.tick()
	var round uint64
	for _, m := range of(s.flush(), MsgHeartbeat) {
		round = max(round, m.Round)
	}
	return to(s.answer(Message{Type: MsgHeartbeatResp, From: from, Term: s.Term(), LogIndex: matched, Round: round}), from)
}

// Claim (§5.3, REPL-11): a new leader knows of no match, appends a no-op, and probes each follower with one append.
// Method: look at what it sends first.
func TestNewLeaderProbesWithNoOp(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 1, 5)
	s.lead()
	ms := s.flush()
	require.Len(t, of(ms, MsgAppend), 2)
	m := ms[0]
	require.Equal(t, []uint64{2, 5, 0}, []uint64{m.LogIndex, m.LogTerm, m.Commit})
	require.Equal(t, []Entry{{Index: 3, Term: 6, Kind: EntryNoOp}}, m.Entries)
	require.Zero(t, s.PeerMatch(2)+s.PeerMatch(3))
	s.mustPropose(3)
	require.Empty(t, s.flush(), "one probe at a time")
}

// Claim: proposals between two Outputs share their appends; the leader sends before its own disk is done. Method: three
// proposals, disk held.
func TestProposalsAreBatchedAndSentBeforeDurable(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	s.lead()
	s.flush()
	s.ackAll(2)
	s.mustPropose(3)
	out := s.out()
	m := only(t, out.Messages, MsgAppend)
	require.Len(t, m.Entries, 3)
	require.Len(t, out.Persist.Entries, 3)
	require.Equal(t, uint64(1), s.Durable())
}

// Claim: appends are pipelined up to the limits in number and bytes, none larger than its own limit. Method: two sets of limits.
func TestPipelineIsBounded(t *testing.T) {
	for _, c := range []struct{ appends, bytes, appendBytes, want int }{{3, 1 << 20, 100, 3}, {100, 500, 200, 2}, {100, 50, 200, 1}} {
		s := newSolo(t, 3, func(cfg *Config) {
			cfg.MaxInflightAppends, cfg.MaxInflightBytes, cfg.MaxAppendBytes = c.appends, c.bytes, c.appendBytes
		}, 5)
		s.lead()
		s.flush()
		s.ackAll(2)
		s.mustPropose(20)
		ms := to(s.flush(), 2)
		total := 0
		for _, m := range ms {
			_, size := prefix(m.Entries, 1<<30)
			require.True(t, size <= c.appendBytes || len(m.Entries) == 1)
			total += size
		}
		require.True(t, total <= c.bytes || len(ms) == 1)
		require.GreaterOrEqual(t, len(ms), c.want)
		require.LessOrEqual(t, len(ms), c.appends)
		before := s.LastIndex()
		s.answer(Message{Type: MsgAppendResp, From: 2, Term: s.Term(), LogIndex: ms[0].Entries[0].Index})
		require.Equal(t, before, s.LastIndex())
	}
}

// Claim (REPL-08, REPL-10): match follows the answers only, never what was sent meanwhile, and never goes back.
// Method: answers out of order while proposals go on.
func TestMatchComesFromAnswersOnly(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	s.lead()
	s.flush()
	s.ackAll(2)
	s.mustPropose(3)
	s.flush()
	s.mustPropose(5)
	ack := func(index uint64) {
		s.answer(Message{Type: MsgAppendResp, From: 2, Term: s.Term(), LogIndex: index})
	}
	ack(3)
	require.Equal(t, uint64(3), s.PeerMatch(2))
	ack(2)
	require.Equal(t, uint64(3), s.PeerMatch(2))
	ack(100)
	require.Equal(t, uint64(3), s.PeerMatch(2), "beyond the log: nobody can have that")
	require.Equal(t, uint64(1), s.Status().Dropped)
	require.Zero(t, s.PeerMatch(3)+s.PeerMatch(77))
}

// Claim (REPL-09): answers of an earlier term of the same leader do not count. Method: an old answer after re-election.
func TestAnswersOfOldTermsDoNotCount(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	s.lead()
	s.flush()
	old := Message{Type: MsgAppendResp, From: 2, Term: s.Term(), LogIndex: 1}
	s.answer(Message{Type: MsgHeartbeatResp, From: 3, Term: 8})
	require.Equal(t, Follower, s.Role())
	s.lead()
	s.flush()
	s.answer(old)
	require.Zero(t, s.PeerMatch(2))
	require.Zero(t, s.Commit())
}

// Claim (§5.3, last paragraphs): whole terms are skipped in both directions. Method: logs that diverge over long terms
// agree again after few refusals.
func TestBacktrackingSkipsTerms(t *testing.T) {
	c := newCluster(t, 3, 1, nil)
	for _, id := range c.ids {
		c.crash(id)
	}
	long := func(term uint64) []Entry {
		es := []Entry{{Index: 1, Term: 1}}
		for i := range uint64(100) {
			es = append(es, Entry{Index: i + 2, Term: term + i/50})
		}
		return es
	}
	c.disks[1] = &disk{state: HardState{Term: 20}, entries: long(8)}
	c.disks[2] = &disk{state: HardState{Term: 20}, entries: long(2)}
	c.disks[3] = &disk{state: HardState{Term: 20}, entries: long(5)}
	refusals := 0
	c.filter = func(m Message) bool {
		if m.Type == MsgAppendResp && m.Reject {
			refusals++
		}
		return true
	}
	for _, id := range c.ids {
		c.start(id)
	}
	require.Equal(t, ReplicaID(1), c.elect().ID())
	c.agree("the logs agree")
	require.LessOrEqual(t, refusals, 2*2)
}

// Claim (REPL-12): a lost probe is repeated after a heartbeat response. Method: never answer the probe.
func TestLostProbeIsRepeated(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	s.lead()
	s.flush()
	for range 3 {
		require.Len(t, only(t, s.beat(2, 0), MsgAppend).Entries, 1)
	}
}

// Claim (LIVE-03): lost appends, or lost answers, of a full pipeline are noticed within two heartbeat intervals. Method:
// fill it, answer heartbeats only; then refuse the nudge.
func TestStalledPipelineRecovers(t *testing.T) {
	s := newSolo(t, 3, func(c *Config) { c.MaxInflightAppends, c.MaxAppendBytes = 2, 100 }, 5)
	s.lead()
	s.flush()
	s.ackAll(2)
	s.mustPropose(4)
	require.Len(t, to(s.flush(), 2), 2)
	s.beat(2, 1)
	nudge := only(t, s.beat(2, 1), MsgAppend)
	require.Empty(t, nudge.Entries)
	require.Equal(t, uint64(3), nudge.LogIndex)
	ms := s.answer(Message{Type: MsgAppendResp, From: 2, Term: s.Term(), Reject: true, LogIndex: 3, HintIndex: 1, HintTerm: 6})
	m := only(t, ms, MsgAppend)
	require.Equal(t, uint64(1), m.LogIndex)
	require.Equal(t, progress.Probe, s.peerStatus(2).State)
	ms = s.answer(Message{Type: MsgAppendResp, From: 2, Term: s.Term(), LogIndex: 2})
	require.Len(t, ms, 2, "the pipeline is open again")
}

// Claim: a follower that only has a slow disk is not nudged for ever, one that restarted is nudged so that it learns the
// commit index. Method: answers that show progress, then a fresh follower.
func TestRestartedFollowerIsNudged(t *testing.T) {
	c := newCluster(t, 3, 5, nil)
	l := c.elect()
	c.propose(l, "a")
	c.agree("all hold it")
	id := l.ID()%3 + 1
	c.crash(id)
	c.disks[id].state.Commit = 0
	c.applied[id] = 0
	c.start(id)
	require.Zero(t, c.nodes[id].Commit())
	c.runUntil("the restarted follower learns the commit index of an idle group", func() bool {
		return c.nodes[id].Commit() == c.leader().Commit()
	})
	require.Equal(t, l.ID(), c.leader().ID())
}

// Claim (REPL-21): a late refusal does not rewind what is known to match. Method: refuse below and above match.
func TestLateRefusalIsIgnored(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	s.lead()
	s.flush()
	s.mustPropose(5)
	s.flush()
	s.ackAll(2)
	before := s.peerStatus(2)
	s.get(Message{Type: MsgAppendResp, From: 2, Term: s.Term(), Reject: true, LogIndex: 3, HintIndex: 0})
	require.Equal(t, before, s.peerStatus(2))
}

// Claim: entries that left memory are fetched, one fetch at a time for a peer; a failed fetch is repeated after a heartbeat response
// (REPL-07), a late answer ignored, a wrong one a panic. Method: a tiny cache.
func TestOldEntriesAreFetched(t *testing.T) {
	s := newSolo(t, 3, func(c *Config) { c.MaxCacheBytes, c.MaxAppendBytes = 1, 3*entryOverhead+3 }, 5, 5, 5, 5, 5, 5)
	s.lead()
	s.flush()
	refuse := Message{Type: MsgAppendResp, From: 2, Term: 6, Reject: true, LogIndex: 5, HintIndex: 0}
	s.get(refuse)
	out := s.out()
	require.Equal(t, []Fetch{{Peer: 2, Lo: 1, Hi: 6, MaxBytes: 3*entryOverhead + 3}}, out.Fetches)
	require.True(t, s.peerStatus(2).Fetching)
	s.get(refuse)
	require.Empty(t, s.out().Fetches, "one at a time")
	s.Fetched(2, 1, nil)
	require.Empty(t, s.out().Fetches, "failed: not at once")
	s.tick()
	round := of(s.flush(), MsgHeartbeat)[0].Round
	s.get(Message{Type: MsgHeartbeatResp, From: 2, Term: 6, Round: round})
	require.Len(t, s.out().Fetches, 1)
	es := []Entry{{Index: 1, Term: 5, Data: []byte{5}}, {Index: 2, Term: 5, Data: []byte{5}}, {Index: 3, Term: 5, Data: []byte{5}}, {Index: 4, Term: 5}}
	s.Fetched(2, 2, es[1:])
	require.Empty(t, s.out().Messages, "not what was asked for")
	wrong := []Entry{{Index: 1, Term: 4}}
	require.Panics(t, func() {
		copied := *s.Raft
		copied.peers = append([]peer(nil), s.peers...)
		copied.Fetched(2, 1, wrong)
	})
	s.Fetched(2, 1, es)
	m := only(t, to(s.flush(), 2), MsgAppend)
	require.Equal(t, es[:3], m.Entries, "cut to the limit")
	s.get(Message{Type: MsgAppendResp, From: 2, Term: 6, LogIndex: 3})
	require.Equal(t, uint64(4), s.out().Fetches[0].Lo)
	s.Fetched(99, 4, es)
}

// Claim: a follower that needs what only a snapshot covers gets nothing but heartbeats, and the status says so.
// Method: a leader whose log starts at a snapshot.
func TestFollowerBelowSnapshotWaits(t *testing.T) {
	r, err := New(testConfig(1, 3), Restored{HardState: HardState{Term: 5}, SnapIndex: 10, SnapTerm: 4, SnapConfig: conf(1, 2, 3), LastIndex: 10, Applied: 10}, 0)
	require.NoError(t, err)
	s := &solo{Raft: r, t: t}
	s.lead()
	require.Len(t, of(s.flush(), MsgAppend), 2)
	require.Empty(t, to(s.answer(Message{Type: MsgAppendResp, From: 2, Term: 6, Reject: true, LogIndex: 10, HintIndex: 3, HintTerm: 1}), 2))
	require.True(t, s.peerStatus(2).NeedsSnapshot)
	require.Empty(t, s.beat(2, 0))
}

// Claim (§5.1): a leader that meets a higher term steps down at once and proposes nothing in it (ELEC-18).
// Method: a response of a newer term between two proposals.
func TestHigherTermDeposesLeader(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	s.lead()
	s.flush()
	s.get(Message{Type: MsgAppendResp, From: 3, Term: 9, Reject: true})
	require.Equal(t, Follower, s.Role())
	_, _, err := s.Propose(s.now, [][]byte{nil})
	require.ErrorIs(t, err, ErrNotLeader)
	require.Equal(t, uint64(1), s.LastIndex())
	require.Greater(t, s.Deadline(), s.now)
}

// Claim: proposals are bounded in bytes until they commit, but one always fits; senseless ones are refused. Method: fill, commit, refill.
func TestProposalsAreBounded(t *testing.T) {
	s := newSolo(t, 3, func(c *Config) { c.MaxUncommittedBytes = 300 }, 5)
	s.lead()
	s.flush()
	s.mustPropose(2)
	_, _, err := s.Propose(s.now, [][]byte{make([]byte, 68)})
	require.ErrorIs(t, err, ErrOverloaded)
	require.Equal(t, uint64(3), s.LastIndex())
	s.flush()
	s.ackAll(2)
	require.Zero(t, s.Status().UncommittedBytes)
	first, term, err := s.Propose(s.now, [][]byte{make([]byte, 1000), nil})
	require.NoError(t, err)
	require.Equal(t, []uint64{4, 6, 5}, []uint64{first, term, s.LastIndex()})
	_, _, err = s.Propose(s.now, nil)
	require.ErrorIs(t, err, ErrBadProposal)
	_, _, err = s.Propose(s.now, [][]byte{make([]byte, MaxEntryBytes+1)})
	require.ErrorIs(t, err, ErrBadProposal)
}
