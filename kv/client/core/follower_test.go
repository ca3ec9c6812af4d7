package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

var followerGet = Op{Kind: Get, Key: []byte("k"), Follower: true}

func found() *kvpb.Response {
	return &kvpb.Response{Code: kvpb.Code_OK, Results: []*kvpb.OpResult{{Found: true}}}
}

// CORE-10: follower reads, single or batched, go round all endpoints though the leader is known, and are
// marked as what they are; other operations stay with the leader.
func TestFollowerReadsGoRound(t *testing.T) {
	s := withSession(t, 3, nil)
	seen := map[int]int{}
	batch := Op{Kind: Batch, Items: []Item{{Kind: Get, Key: []byte("k")}}, Follower: true}
	for i := range 12 {
		op := followerGet
		if i%2 == 0 {
			op = batch
		}
		s.submit(op)
		sent := s.next()
		require.True(t, sent.Request.Follower)
		require.False(t, sent.Request.Stale)
		seen[sent.Endpoint]++
		s.answer(sent, found())
		require.Equal(t, OK, s.completion().Outcome)
		s.submit(Op{Kind: Get, Key: []byte("k")})
		plain := s.next()
		require.Equal(t, 0, plain.Endpoint)
		require.False(t, plain.Request.Follower)
		s.answer(plain, found())
		require.Equal(t, OK, s.completion().Outcome)
	}
	require.Equal(t, map[int]int{0: 4, 1: 4, 2: 4}, seen)
	s.submit(Op{Kind: Put, Key: []byte("k"), Follower: true})
	write := s.next()
	require.Equal(t, 0, write.Endpoint, "a write is no read")
	require.False(t, write.Request.Follower)
}

// CORE-10: an endpoint that cannot serve a follower read is followed by the next one, without a pause, and is left
// out by the reads after it until some time has passed or it is connected anew.
func TestRefusedFollowerReadTriesTheNextEndpoint(t *testing.T) {
	for _, code := range []kvpb.Code{kvpb.Code_NOT_LEADER, kvpb.Code_UNAVAILABLE, kvpb.Code_WRONG_PARTITION} {
		for _, reconnect := range []bool{false, true} {
			s := withSession(t, 3, nil)
			s.submit(followerGet)
			first := s.next()
			s.code(first, code)
			second := s.next()
			require.NotEqual(t, first.Endpoint, second.Endpoint)
			require.True(t, second.Request.Follower)
			s.answer(second, found())
			require.Equal(t, OK, s.completion().Outcome)
			asked := func() map[int]bool {
				seen := map[int]bool{}
				for range 6 {
					s.submit(followerGet)
					sent := s.next()
					seen[sent.Endpoint] = true
					s.answer(sent, found())
				}
				return seen
			}
			require.NotContains(t, asked(), first.Endpoint)
			if reconnect {
				s.c.Disconnected(s.now, first.Endpoint, nil)
				s.c.Connected(s.now, first.Endpoint)
			} else {
				s.wait(time.Second)
			}
			require.Contains(t, asked(), first.Endpoint)
		}
	}
}

// CORE-10: a node that answers other requests but not a follower read, as one that cannot reach the leader, is left
// for the next endpoint; the late answer still counts. Only one endpoint: it is asked again.
func TestSilentFollowerReadTriesTheNextEndpoint(t *testing.T) {
	s := withSession(t, 2, nil)
	s.submit(followerGet)
	first := s.next()
	s.wait(time.Second / 2)
	s.c.Response(s.now, first.Endpoint, &kvpb.Response{Node: 9}) // it lives
	s.wait(time.Second / 2)
	require.NotEqual(t, first.Endpoint, s.next().Endpoint)
	s.answer(first, found())
	require.Equal(t, OK, s.completion().Outcome)

	s = newScript(t, 1, nil)
	s.submit(followerGet)
	s.next()
	s.wait(time.Second)
	s.answer(s.next(), found())
	require.Equal(t, OK, s.completion().Outcome)
}

// CORE-10: while no endpoint can serve it, a follower read pauses after a few attempts, and ends as failed, never as
// stale and never as unknown.
func TestFollowerReadWithoutALeaderFails(t *testing.T) {
	s := newScript(t, 3, nil)
	op := followerGet
	op.Deadline = s.now.Add(2 * time.Second)
	s.submit(op)
	n := 0
	for s.c.Pending() > 0 {
		for burst := 0; len(s.sent) > 0; burst++ {
			require.LessOrEqual(t, burst, maxRedirects, "a storm of attempts")
			sent := s.next()
			require.False(t, sent.Request.Stale)
			s.code(sent, kvpb.Code_NOT_LEADER)
			n++
		}
		s.wait(s.c.Deadline().Sub(s.now))
	}
	s.ended(Failed, ReasonDeadline)
	require.Greater(t, n, 2*maxRedirects)
}

// CORE-10: the answer to a follower read is no evidence of who leads, but a refusal is, as of any read: a
// follower's answer, and a refusal with a hint.
func TestFollowerReadsTellWhoDoesNotLead(t *testing.T) {
	s := newScript(t, 3, nil)
	s.submit(followerGet)
	first := s.next()
	s.answer(first, found())
	require.Equal(t, -1, s.c.Leader())
	s.submit(followerGet)
	second := s.next()
	leader := 3 - first.Endpoint - second.Endpoint
	s.answer(second, &kvpb.Response{Code: kvpb.Code_NOT_LEADER, LeaderAddress: string(rune('a' + leader))})
	require.Equal(t, leader, s.c.Leader())
	s = withSession(t, 2, nil)
	require.Zero(t, s.c.Leader())
	for range 2 {
		s.submit(followerGet)
		s.code(s.next(), kvpb.Code_NOT_LEADER)
	}
	require.Equal(t, -1, s.c.Leader(), "it says itself that it does not lead")
}

// A read is stale or linearizable: asking for both is refused before anything is sent.
func TestStaleFollowerReadIsRefused(t *testing.T) {
	s := newScript(t, 1, nil)
	op := followerGet
	op.Stale = true
	s.submit(op)
	s.ended(Failed, ReasonInvalid)
	s.idle()
}
