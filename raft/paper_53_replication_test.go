package raft_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/rafttest"
)

// Goal: a leader appends a command to its log and sends it to all others in parallel, each
// entry with its term and index (§5.3). Method: propose at a leader whose followers keep up.
func TestPaper53_LeaderAppendsAndSendsInParallel(t *testing.T) {
	l := newLone(t, 5, 3, []uint64{1, 2})
	l.lead()
	for id := raft.ReplicaID(2); id <= 5; id++ {
		l.ack(id, 3)
	}
	sent := of(raft.MsgAppend, l.propose("a", "b"))
	require.Len(t, sent, 4)
	for i, m := range sent {
		require.Equal(t, raft.ReplicaID(i+2), m.To)
		require.Equal(t, uint64(3), m.LogIndex)
		require.Equal(t, uint64(4), m.LogTerm)
		require.Equal(t, []raft.Entry{{Index: 4, Term: 4, Data: []byte("a")}, {Index: 5, Term: 4, Data: []byte("b")}}, m.Entries)
	}
}

// Goal: only a leader takes commands (§5.1, §8). Method: propose at a follower and a candidate.
func TestPaper53_OnlyTheLeaderTakesCommands(t *testing.T) {
	l := newLone(t, 3, 0, nil)
	for range 2 {
		_, _, err := l.r.Propose(l.now, [][]byte{[]byte("a")})
		require.ErrorIs(t, err, raft.ErrNotLeader)
		require.Zero(t, l.r.LastIndex())
		l.timeout()
	}
}

// Goal: an entry is committed exactly when its leader has replicated it on a majority (§5.3). Method: for each
// cluster size acknowledge from one follower after the other.
func TestPaper53_EntryCommitsOnAMajority(t *testing.T) {
	for n := 1; n <= 7; n++ {
		l := newLone(t, n, 0, nil)
		if n == 1 {
			l.timeout()
		} else {
			l.lead()
		}
		for held := 1; held <= n; held++ {
			if held > 1 {
				l.ack(raft.ReplicaID(held), 1)
			}
			require.Equal(t, held > n/2, l.r.Commit() == 1, "%d of %d", held, n)
		}
	}
}

// Goal: the leader tells its commit index with later messages, and followers apply in log order
// (§5.3). Method: commit three commands, then one heartbeat; compare what was applied everywhere.
func TestPaper53_FollowersLearnWhatIsCommitted(t *testing.T) {
	c := group(t, 3, plain)
	leader := elect(t, c, 1)
	_, err := c.Propose(1, "a", "b", "c")
	require.NoError(t, err)
	c.Stabilize()
	require.Equal(t, uint64(4), leader.Commit())
	require.Less(t, c.Raft(2).Commit(), uint64(4), "followers do not know yet")
	c.Tick(1)
	c.Stabilize()
	for id := raft.ReplicaID(1); id <= 3; id++ {
		require.Equal(t, uint64(4), c.Raft(id).Commit())
		require.Equal(t, uint64(4), c.Raft(id).Applied())
		require.Equal(t, c.Log(1), c.Log(id))
	}
}

// Goal: a follower refuses an append unless it holds the entry before, of the same term; an accepted one
// makes the logs equal up to its end (§5.3, Figure 2). Method: a table of places to append.
func TestPaper53_AppendConsistencyCheck(t *testing.T) {
	log := []uint64{1, 1, 2}
	for _, tc := range []struct {
		prev, prevTerm uint64
		entries        []uint64
		want           []uint64
	}{
		{0, 0, []uint64{1, 1, 2}, log},
		{3, 2, nil, log},
		{3, 2, []uint64{3}, []uint64{1, 1, 2, 3}},
		{2, 1, []uint64{3, 3}, []uint64{1, 1, 3, 3}},
		{0, 0, []uint64{3}, []uint64{3}},
		{3, 1, []uint64{3}, nil}, // other term
		{3, 3, []uint64{3}, nil},
		{1, 2, []uint64{3}, nil},
		{4, 2, []uint64{3}, nil}, // gap
		{9, 3, nil, nil},
	} {
		t.Run(fmt.Sprint(tc.prev, tc.prevTerm, tc.entries), func(t *testing.T) {
			l := newLone(t, 3, 3, log)
			answer := only(t, raft.MsgAppendResp, l.receive(raft.Message{
				Type: raft.MsgAppend, From: 2, Term: 3, LogIndex: tc.prev, LogTerm: tc.prevTerm, Entries: entries(tc.prev, tc.entries...),
			}))
			require.Equal(t, tc.want == nil, answer.Reject)
			if tc.want == nil {
				require.Equal(t, log, l.terms())
				require.Equal(t, tc.prev, answer.LogIndex)
				return
			}
			require.Equal(t, tc.want, l.terms())
			require.Equal(t, tc.prev+uint64(len(tc.entries)), answer.LogIndex)
		})
	}
}

// appendModel is AppendEntries steps 2 to 4 of Figure 2, literally, on terms.
func appendModel(log []uint64, prev, prevTerm uint64, entries []uint64) ([]uint64, bool) {
	if prev > uint64(len(log)) || (prev > 0 && log[prev-1] != prevTerm) {
		return log, false
	}
	log = slices.Clone(log)
	for i, term := range entries {
		at := int(prev) + i
		if at < len(log) && log[at] != term {
			log = log[:at]
		}
		if at == len(log) {
			log = append(log, term)
		}
	}
	return log, true
}

// Goal: conflicts are overwritten from the first conflicting entry on, and nothing else is ever
// removed (§5.3, §5.5). Method: rapid logs of leader and follower, slices of the leader's log in any order, against
// Figure 2 taken literally.
func TestPaper53_OnlyConflictsAreOverwritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := func(name string) []uint64 {
			terms := rapid.SliceOfN(rapid.Uint64Range(1, 4), 0, 8).Draw(t, name)
			slices.Sort(terms)
			return terms
		}
		// Entries of the same index and term are the same, and so are all before (Log Matching): the
		// follower's log shares a prefix with the leader's and then has terms that the leader's has not there.
		leader := log("leader")
		own := slices.Clone(leader[:rapid.IntRange(0, len(leader)).Draw(t, "shared")])
		own = append(own, slices.Repeat([]uint64{5}, rapid.IntRange(0, 5).Draw(t, "tail"))...)
		l := newLone(t, 3, 9, own)
		want := slices.Clone(own)
		for range rapid.IntRange(1, 8).Draw(t, "appends") {
			lo := rapid.IntRange(0, len(leader)).Draw(t, "lo")
			hi := rapid.IntRange(lo, len(leader)).Draw(t, "hi")
			m := raft.Message{Type: raft.MsgAppend, From: 2, Term: 9, LogIndex: uint64(lo), Entries: entries(uint64(lo), leader[lo:hi]...)}
			if lo > 0 {
				m.LogTerm = leader[lo-1]
			}
			var ok bool
			want, ok = appendModel(want, m.LogIndex, m.LogTerm, leader[lo:hi])
			answer := only(t, raft.MsgAppendResp, l.receive(m))
			require.Equal(t, ok, !answer.Reject)
			require.Equal(t, len(want), int(l.r.LastIndex()))
			require.Equal(t, want, append([]uint64{}, l.terms()...))
		}
	})
}

// figure7 are the logs of Figure 7: the leader's and those of the followers (a) to (f).
var figure7 = map[string][]uint64{
	"leader": {1, 1, 1, 4, 4, 5, 5, 6, 6, 6},
	"a":      {1, 1, 1, 4, 4, 5, 5, 6, 6},
	"b":      {1, 1, 1, 4},
	"c":      {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6},
	"d":      {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7},
	"e":      {1, 1, 1, 4, 4, 4, 4},
	"f":      {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3},
}

// Goal: a leader brings any follower's log in line with its own, which it never changes itself; it starts at
// its last entry and backs up a term, not an entry, at a time (§5.3, Figure 7). Method: each log of the figure; count refusals.
func TestPaper53_LeaderRepairsTheLogsOfFigure7(t *testing.T) {
	for name, log := range figure7 {
		t.Run(name, func(t *testing.T) {
			c := group(t, 3, plain)
			reset(t, c, 1, 7, figure7["leader"]...)
			reset(t, c, 2, 7, log...)
			reset(t, c, 3, 7)
			// The vote of the one with an empty log is enough.
			c.Tick(1)
			c.Stabilize(1, 3)
			require.Equal(t, raft.Leader, c.Raft(1).Role())
			before := c.Log(1)
			probe := c.Mail(rafttest.Selection{From: 1, To: 2, Type: raft.MsgAppend})
			require.Equal(t, uint64(10), probe[0].LogIndex, "nextIndex starts just after the last entry")
			refused := 0
			for rounds := 0; len(c.Mail(rafttest.Selection{})) > 0; rounds++ {
				require.Less(t, rounds, 100)
				for _, m := range c.Mail(rafttest.Selection{To: 1, Type: raft.MsgAppendResp}) {
					if m.Reject {
						refused++
					}
				}
				c.Deliver(rafttest.Selection{})
			}
			require.Equal(t, before, c.Log(1))
			require.Equal(t, before, c.Log(2))
			require.LessOrEqual(t, refused, 3, "one for each term that differs, at most")
		})
	}
}

// Goal: repair needs at most one refusal for each term in which the logs differ (§5.3, last paragraphs).
// Method: rapid logs of many entries in few terms.
func TestPaper53_BackingUpCostsATermNotAnEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := func(name string, from uint64) (terms []uint64) {
			for term := from; term <= 8; term += 2 {
				for range rapid.IntRange(0, 20).Draw(t, name) {
					terms = append(terms, term)
				}
			}
			return terms
		}
		shared := rapid.IntRange(0, 20).Draw(t, "shared")
		mine := append(slices.Repeat([]uint64{1}, shared), log("leader", 2)...)
		other := append(slices.Repeat([]uint64{1}, shared), log("follower", 3)...)
		l, f := newLone(t, 2, 8, mine), newLone(t, 2, 8, other)
		sent := l.lead()
		refused := 0
		for rounds := 0; f.r.LastIndex() != l.r.LastIndex() || !slices.Equal(f.terms(), l.terms()); rounds++ {
			require.Less(t, rounds, 100)
			require.NotEmpty(t, sent)
			probe := sent[0]
			probe.From = 2
			answers := f.receive(probe)
			sent = nil
			for _, m := range answers {
				if m.Reject {
					refused++
				}
				m.From = 2
				sent = append(sent, l.receive(m)...)
			}
			require.LessOrEqual(t, refused, 5)
		}
	})
}

// Goal: a leader never overwrites or deletes entries of its own log (Leader Append-Only, §5.3).
// Method: every kind of answer to a leader, true or false; its log stays.
func TestPaper53_LeaderIsAppendOnly(t *testing.T) {
	l := newLone(t, 3, 4, []uint64{1, 2, 4})
	l.lead()
	want := []uint64{1, 2, 4, 5}
	require.Equal(t, want, l.terms())
	for prev := uint64(0); prev <= 4; prev++ {
		l.receive(raft.Message{Type: raft.MsgAppendResp, From: 2, Term: 5, LogIndex: prev, Reject: true})
		l.receive(raft.Message{Type: raft.MsgHeartbeatResp, From: 2, Term: 5, LogIndex: prev})
		require.Equal(t, want, l.terms())
	}
	l.ack(2, 4)
	l.ack(3, 2)
	l.propose("a")
	require.Equal(t, append(want, 5), l.terms())
}

// Goal: a follower's commit index is the smaller of the leader's and the last entry it is known to share with
// it (Figure 2, AppendEntries step 5). Method: commit indexes below, at and above, with a divergent tail behind.
func TestPaper53_CommitStaysWithinWhatMatches(t *testing.T) {
	for leaderCommit, want := range []uint64{0, 1, 2, 3, 3, 3, 3} {
		l := newLone(t, 3, 2, []uint64{1, 1, 1, 2, 2})
		l.receive(raft.Message{
			Type: raft.MsgAppend, From: 2, Term: 3, LogIndex: 2, LogTerm: 1, Entries: entries(2, 1), Commit: uint64(leaderCommit),
		})
		require.Equal(t, want, l.r.Commit(), "leader's commit index %d", leaderCommit)
		l.receive(raft.Message{Type: raft.MsgHeartbeat, From: 2, Term: 3, Commit: uint64(leaderCommit)})
		require.Equal(t, want, l.r.Commit(), "a heartbeat says no more")
	}
}

// Goal: one slow or dead follower delays nothing; the leader tries again for ever until it has all
// entries (§5.3, §5.5). Method: a third follower that is down, then comes back.
func TestPaper53_SlowFollowerIsRetriedAndDelaysNothing(t *testing.T) {
	c := group(t, 3)
	leader := elect(t, c, 1)
	c.Crash(3)
	for i := range 20 {
		first, err := c.Propose(1, fmt.Sprint(i))
		require.NoError(t, err)
		c.Stabilize()
		require.Equal(t, first, leader.Commit())
		c.Run(c.Now() + heartbeat)
	}
	require.NoError(t, c.Restart(3, 0))
	c.Run(c.Now() + 5*heartbeat)
	require.Equal(t, c.Log(1), c.Log(3))
	require.Equal(t, leader.Commit(), c.Raft(3).Commit())
	require.Equal(t, uint64(1), leader.Term())
}
