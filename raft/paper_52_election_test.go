package raft_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/rafttest"
)

// Goal: servers start as followers and stay so as long as they hear a leader (§5.2). Method:
// heartbeats, then appends, just within the least timeout; then silence.
func TestPaper52_FollowerStaysWhileItHearsALeader(t *testing.T) {
	l := newLone(t, 3, 1, nil)
	require.Equal(t, raft.Follower, l.r.Role())
	for i := range 20 {
		typ := raft.MsgHeartbeat
		if i%2 == 1 {
			typ = raft.MsgAppend
		}
		l.receive(raft.Message{Type: typ, From: 2, Term: 1})
		l.wait(election - time.Nanosecond)
		require.Equal(t, raft.Follower, l.r.Role())
	}
	l.wait(election)
	require.Equal(t, raft.Candidate, l.r.Role())
	require.Equal(t, uint64(2), l.r.Term())
}

// Goal: a follower without contact increments its term, votes for itself and asks all others in
// parallel (§5.2). Method: let it time out and look at its state and mail.
func TestPaper52_TimeoutStartsElection(t *testing.T) {
	for _, n := range []int{2, 3, 4, 5, 7} {
		l := newLone(t, n, 3, []uint64{1, 2, 2})
		sent := l.timeout()
		require.Equal(t, raft.Candidate, l.r.Role())
		require.Equal(t, uint64(4), l.r.Term())
		require.Equal(t, raft.ReplicaID(1), l.r.Vote())
		require.Len(t, sent, n-1)
		for i, m := range sent {
			want := raft.Message{Type: raft.MsgVote, Group: 1, From: 1, To: raft.ReplicaID(i + 2), Term: 4, LogIndex: 3, LogTerm: 2}
			require.Equal(t, want, m)
		}
	}
}

// Goal: election timeouts are spread at random over a fixed interval, drawn anew for each wait, and
// differ between servers (§5.2). Method: collect waits of several replicas of one group; count them by tenths.
func TestPaper52_TimeoutsAreRandomised(t *testing.T) {
	const servers, waits = 5, 200
	var tenths [10]int
	first := map[time.Duration]bool{}
	for id := 1; id <= servers; id++ {
		l := newLone(t, servers, 0, nil, func(c *raft.Config) { c.Seed = uint64(id) })
		for i := range waits {
			wait := l.r.Deadline() - l.now
			require.GreaterOrEqual(t, wait, election)
			require.Less(t, wait, 2*election)
			tenths[(wait-election)*10/election]++
			if i == 0 {
				first[wait] = true
			}
			l.timeout()
		}
	}
	require.Len(t, first, servers, "servers that start together must not time out together")
	for i, n := range tenths {
		require.InDelta(t, servers*waits/10, n, 50, "tenth %d of %v", i, tenths)
	}
}

// Goal: a server votes for at most one candidate per term, first come first served, and repeats that vote to
// the same one (§5.2, Figure 2). Method: rapid orders of requests of several terms, restarts between.
func TestPaper52_VotesForAtMostOneCandidatePerTerm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLone(t, 5, 1, nil)
		granted := map[uint64]raft.ReplicaID{}
		cfg := rafttest.DefaultConfig(5)
		cfg.ID = 1
		plain(&cfg)
		for range rapid.IntRange(1, 30).Draw(t, "requests") {
			if rapid.IntRange(0, 5).Draw(t, "restart") == 0 {
				l.start(cfg)
			}
			from := raft.ReplicaID(rapid.IntRange(2, 5).Draw(t, "candidate"))
			term := l.r.Term() + uint64(rapid.IntRange(0, 1).Draw(t, "ahead"))
			answer := only(t, raft.MsgVoteResp, l.receive(raft.Message{Type: raft.MsgVote, From: from, Term: term}))
			require.Equal(t, term, answer.Term)
			first, voted := granted[term]
			require.Equal(t, voted && first != from, answer.Reject, "candidate %d of term %d, vote %d", from, term, first)
			if !voted {
				granted[term] = from
			}
			require.Equal(t, granted[term], l.disk.State.Vote)
		}
	})
}

// Goal: a candidate wins exactly when a majority of the full cluster voted for it, each counted
// once (§5.2). Method: for all sizes answers in random order with duplicates and refusals.
func TestPaper52_MajorityOfDistinctVotersWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 7).Draw(t, "servers")
		l := newLone(t, n, 0, nil)
		l.timeout()
		granted, refused := map[raft.ReplicaID]bool{1: true}, 0
		answers := map[raft.ReplicaID]bool{}
		for range rapid.IntRange(0, 2*n).Draw(t, "answers") {
			from := raft.ReplicaID(rapid.IntRange(2, n).Draw(t, "from"))
			reject, again := answers[from]
			if !again {
				reject = rapid.Bool().Draw(t, "refused")
				answers[from] = reject
			}
			if l.r.Role() != raft.Candidate {
				break
			}
			l.receive(raft.Message{Type: raft.MsgVoteResp, From: from, Term: 1, Reject: reject})
			if reject && !again {
				refused++
			} else if !reject {
				granted[from] = true
			}
			switch {
			case len(granted) > n/2:
				require.Equal(t, raft.Leader, l.r.Role())
			case n-refused <= n/2:
				require.Equal(t, raft.Follower, l.r.Role(), "lost: no majority is left")
			default:
				require.Equal(t, raft.Candidate, l.r.Role())
			}
		}
	})
}

// Goal: one vote that the network duplicates is one vote (§5.2, §5.5). Method: deliver it five times.
func TestPaper52_DuplicatedVoteCountsOnce(t *testing.T) {
	l := newLone(t, 5, 0, nil)
	l.timeout()
	for range 5 {
		l.receive(raft.Message{Type: raft.MsgVoteResp, From: 2, Term: 1})
	}
	require.Equal(t, raft.Candidate, l.r.Role())
	l.receive(raft.Message{Type: raft.MsgVoteResp, From: 3, Term: 1})
	require.Equal(t, raft.Leader, l.r.Role())
}

// Goal: a winner tells everybody at once, and goes on telling within each heartbeat interval, so that no
// election starts (§5.2). Method: mail of the winner; then ten seconds of a quiet cluster.
func TestPaper52_LeaderAssertsItsAuthority(t *testing.T) {
	l := newLone(t, 5, 0, nil)
	require.Len(t, of(raft.MsgAppend, l.lead()), 4)
	for range 10 {
		require.Len(t, of(raft.MsgHeartbeat, l.wait(heartbeat)), 4)
	}

	c := group(t, 5, plain)
	elect(t, c, 3)
	c.Run(c.Now() + 10*time.Second)
	for id := raft.ReplicaID(1); id <= 5; id++ {
		require.Equal(t, uint64(1), c.Raft(id).Term())
		require.Equal(t, raft.ReplicaID(3), c.Raft(id).Leader())
	}
}

// Goal: a candidate that hears a leader of its own or a later term steps back; one of an older
// term it refuses and goes on (§5.2). Method: appends and heartbeats of terms around the candidate's.
func TestPaper52_CandidateStepsBackForALegitimateLeader(t *testing.T) {
	for _, typ := range []raft.MessageType{raft.MsgAppend, raft.MsgHeartbeat} {
		for _, term := range []uint64{4, 5, 6} {
			t.Run(fmt.Sprint(typ, term), func(t *testing.T) {
				l := newLone(t, 3, 4, nil)
				l.timeout()
				l.receive(raft.Message{Type: typ, From: 2, Term: term})
				if term < 5 {
					require.Equal(t, raft.Candidate, l.r.Role())
					return
				}
				require.Equal(t, raft.Follower, l.r.Role())
				require.Equal(t, raft.ReplicaID(2), l.r.Leader())
				require.Equal(t, term, l.r.Term())
			})
		}
	}
}

// Goal: candidates of a split vote try again in a new term after a new random wait (§5.2). Method: two
// candidates, four voters, two votes each.
func TestPaper52_SplitVoteIsRetriedWithANewTimeout(t *testing.T) {
	c := group(t, 4, plain)
	c.Tick(1)
	c.Tick(2)
	c.Deliver(rafttest.Selection{From: 1, To: 3})
	c.Deliver(rafttest.Selection{From: 2, To: 4})
	c.Stabilize()
	require.Nil(t, leaderOf(c, 4))
	a, b := c.Raft(1).Deadline(), c.Raft(2).Deadline()
	require.NotEqual(t, a, b)
	winner := raft.ReplicaID(1)
	if b < a {
		winner = 2
	}
	c.Run(min(a, b), 1, 2)
	c.Stabilize()
	require.NotNil(t, leaderOf(c, 4))
	require.Equal(t, winner, leaderOf(c, 4).ID())
	require.Equal(t, uint64(2), leaderOf(c, 4).Term())
}

// Goal: randomised timeouts resolve elections fast, even from a common start (§5.2). Method: 200 seeds of
// five servers started together on a network that takes 10 ms; count terms until a leader is there.
func TestPaper52_SplitVotesAreRare(t *testing.T) {
	terms := 0
	for seed := range uint64(200) {
		c := group(t, 5, plain, func(c *raft.Config) { c.Seed = seed + 1 })
		for leaderOf(c, 5) == nil {
			c.TickTo(c.Now() + 10*time.Millisecond)
			c.Deliver(rafttest.Selection{})
			require.Less(t, c.Now(), 20*election, "seed %d", seed)
		}
		terms += int(leaderOf(c, 5).Term())
	}
	require.Less(t, terms, 400, "terms for 200 elections")
}

// Goal: a candidate that timed out in its own election starts another, forgetting the votes it had
// (§5.2). Method: one vote in each of two terms is no majority of five.
func TestPaper52_VotesDoNotAddUpOverTerms(t *testing.T) {
	l := newLone(t, 5, 0, nil)
	for term := uint64(1); term <= 4; term++ {
		l.timeout()
		require.Equal(t, term, l.r.Term())
		l.receive(raft.Message{Type: raft.MsgVoteResp, From: raft.ReplicaID(term + 1), Term: term})
		require.Equal(t, raft.Candidate, l.r.Role())
	}
}
