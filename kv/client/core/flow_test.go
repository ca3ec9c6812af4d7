package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// The acknowledged number moves only over completed writes, and the window stops
// numbers from running ahead: three writes in a window of two, completed out
// of order.
func TestAckedFloorAndWindow(t *testing.T) {
	s := withSession(t, 1, func(c *Config) { c.SessionWindow = 2 })
	s.put()
	s.put()
	s.put()
	a, b := s.next(), s.next()
	require.Empty(t, s.sent, "CORE-5")
	require.Equal(t, []uint64{2, 3}, []uint64{a.Request.Seq, b.Request.Seq})
	s.code(b, kvpb.Code_OK)
	require.Empty(t, s.sent, "the oldest is still open")
	s.code(a, kvpb.Code_OK)
	third := s.next()
	require.Equal(t, []uint64{4, 3}, []uint64{third.Request.Seq, third.Request.Acked})
}

// A cancelled write counts as completed: its number is acknowledged and never sent again.
func TestCancelledNumberIsRetired(t *testing.T) {
	s := withSession(t, 2, nil)
	id := s.put()
	cancelled := s.next()
	s.c.Cancel(s.now, id)
	s.take()
	s.ended(Unknown, ReasonCanceled)
	s.put()
	require.Equal(t, cancelled.Request.Seq, s.next().Request.Acked)
	s.wait(2 * time.Second)
	for _, later := range s.sent {
		require.NotEqual(t, cancelled.Request.Seq, later.Request.Seq)
	}
}

// A follower's hint, by address or by node, is followed without a pause and remembered.
func TestHintsAreFollowed(t *testing.T) {
	for _, byNode := range []bool{false, true} {
		s := newScript(t, 3, nil)
		get := Op{Kind: Get, Key: []byte("k")}
		s.submit(get)
		first := s.next()
		leader := (first.Endpoint + 2) % 3
		hint := &kvpb.Response{Code: kvpb.Code_NOT_LEADER, LeaderNode: 42}
		if byNode {
			s.c.Response(s.now, leader, &kvpb.Response{Node: 42}) // names the endpoint's node
		} else {
			hint.LeaderAddress = string(rune('a' + leader))
		}
		s.answer(first, hint)
		require.Equal(t, leader, s.next().Endpoint)
		s.submit(get)
		require.Equal(t, leader, s.next().Endpoint)
	}
}

// A hint at an address that is not known asks for a connection, and the operation goes
// there as soon as it stands; the number of endpoints stays bounded.
func TestHintAtUnknownAddressIsDialled(t *testing.T) {
	s := newScript(t, 1, func(c *Config) { c.MaxEndpoints = 2 })
	s.submit(Op{Kind: Get, Key: []byte("k")})
	first := s.next()
	s.c.Response(s.now, 0, &kvpb.Response{Id: first.Request.Id, Code: kvpb.Code_NOT_LEADER, LeaderAddress: "new"})
	require.Equal(t, []Dial{{Endpoint: 1, Address: "new"}}, s.c.Output().Dials)
	s.c.Connected(s.now, 1)
	s.take()
	again := s.next()
	require.Equal(t, 1, again.Endpoint)
	s.c.Response(s.now, 1, &kvpb.Response{Id: again.Request.Id, Code: kvpb.Code_NOT_LEADER, LeaderAddress: "third"})
	require.Empty(t, s.c.Output().Dials)
	require.NoError(t, s.c.CheckInvariants())
}

// Two followers that name each other do not make a storm: after a few redirects the
// operation pauses.
func TestCircularHintsEndInAPause(t *testing.T) {
	s := newScript(t, 2, nil)
	s.submit(Op{Kind: Get, Key: []byte("k")})
	n := 0
	for len(s.sent) > 0 {
		n++
		require.Less(t, n, 20, "a storm of redirects")
		sent := s.next()
		s.answer(sent, &kvpb.Response{Code: kvpb.Code_NOT_LEADER, LeaderAddress: string(rune('a' + 1 - sent.Endpoint))})
	}
	require.Equal(t, maxRedirects+1, n)
	require.Greater(t, s.c.Deadline(), s.now)
}

// A leader that fell silent is left: its operations and new ones go elsewhere, even if
// the callers' deadlines are shorter than the attempt timeout.
func TestSilentLeaderIsLeft(t *testing.T) {
	s := withSession(t, 3, nil)
	for range 5 {
		s.submit(Op{Kind: Get, Key: []byte("k"), Deadline: s.now.Add(300 * time.Millisecond)})
		require.Equal(t, 0, s.sent[0].Endpoint)
		s.sent = nil
		s.wait(300 * time.Millisecond)
		s.ended(Failed, ReasonDeadline)
		if s.c.Leader() != 0 {
			break
		}
	}
	s.put()
	require.NotEqual(t, 0, s.next().Endpoint)
}

// A slow operation does not bring a leader that answers others into disrepute.
func TestLivelyLeaderIsKept(t *testing.T) {
	s := withSession(t, 3, nil)
	s.put()
	slow := s.next()
	s.wait(time.Second / 2)
	s.submit(Op{Kind: Get, Key: []byte("k")})
	s.answer(s.next(), &kvpb.Response{Code: kvpb.Code_OK, Results: []*kvpb.OpResult{{}}})
	s.wait(time.Second / 2)
	require.Equal(t, slow.Endpoint, s.next().Endpoint, "it lives: only that answer may be lost")
	require.Equal(t, 0, s.c.Leader())
	for range 3 { // the patience has doubled by now; it goes on answering others
		s.wait(time.Second / 2)
		s.submit(Op{Kind: Get, Key: []byte("k")})
		s.answer(s.next(), &kvpb.Response{Code: kvpb.Code_OK, Results: []*kvpb.OpResult{{}}})
	}
	s.wait(time.Second / 2)
	require.NotEqual(t, slow.Endpoint, s.next().Endpoint, "silent twice, the slow one is tried elsewhere")
}

// Stale reads go round all endpoints.
func TestStaleReadsGoRound(t *testing.T) {
	s := withSession(t, 3, nil)
	seen := map[int]int{}
	for range 9 {
		s.submit(Op{Kind: Get, Key: []byte("k"), Stale: true})
		sent := s.next()
		require.True(t, sent.Request.Stale)
		seen[sent.Endpoint]++
	}
	require.Equal(t, map[int]int{0: 3, 1: 3, 2: 3}, seen)
}

// When a leader is found, operations that looked for one go there without waiting
// for the end of their pause.
func TestFoundLeaderEndsPauses(t *testing.T) {
	s := newScript(t, 2, func(c *Config) { c.RetryBackoffMin, c.RetryBackoffMax = time.Hour, time.Hour })
	get := Op{Kind: Get, Key: []byte("k")}
	s.submit(get)
	s.submit(get)
	a, b := s.next(), s.next()
	s.code(a, kvpb.Code_NOT_LEADER)
	s.idle()
	s.answer(b, &kvpb.Response{Code: kvpb.Code_OK, Results: []*kvpb.OpResult{{}}})
	require.Equal(t, b.Endpoint, s.next().Endpoint)
}

// An idle session is kept alive, and given up when the servers do not know it.
func TestKeepAlive(t *testing.T) {
	s := withSession(t, 1, func(c *Config) { c.KeepAlive = 10 * time.Second })
	s.wait(9 * time.Second)
	s.idle()
	s.wait(time.Second)
	keep := s.next()
	require.Equal(t, kvpb.RequestKind_KEEP_ALIVE, keep.Request.Kind)
	require.Equal(t, []uint64{100, 0, 1}, []uint64{keep.Request.Session, keep.Request.Seq, keep.Request.Acked})
	s.code(keep, kvpb.Code_OK)
	s.wait(10 * time.Second)
	s.code(s.next(), kvpb.Code_SESSION_UNKNOWN)
	require.Zero(t, s.c.Session())
	s.wait(time.Minute)
	s.idle() // a new one is opened when it is needed
	require.Equal(t, env.Never, s.c.Deadline())
}

// Operations beyond MaxOutstanding wait, beyond MaxQueued they fail at once.
func TestQueueIsBounded(t *testing.T) {
	s := newScript(t, 1, func(c *Config) { c.MaxOutstanding, c.MaxQueued = 1, 1 })
	get := Op{Kind: Get, Key: []byte("k")}
	for range 3 {
		s.submit(get)
	}
	s.ended(Failed, ReasonOverloaded)
	require.Len(t, s.sent, 1)
	s.answer(s.next(), &kvpb.Response{Code: kvpb.Code_OK, Results: []*kvpb.OpResult{{}}})
	require.Len(t, s.sent, 1, "the next one gets under way")
}

// Requests that did not fit into an endpoint's queue are settled and tried again.
func TestNotSentIsSettled(t *testing.T) {
	s := newScript(t, 1, nil)
	s.submit(Op{Kind: Put, Key: []byte("k"), NoSession: true, Deadline: 2 * second})
	for len(s.sent) > 0 {
		s.c.NotSent(s.now, []uint64{s.next().Request.Id})
		s.take()
	}
	require.Greater(t, s.c.Deadline(), s.now)
	s.now = 3 * second
	s.c.Tick(s.now)
	s.take()
	s.ended(Failed, ReasonDeadline)
}

// A configuration that makes no sense is refused with a reason.
func TestConfigCheck(t *testing.T) {
	require.NoError(t, Config{Endpoints: 1}.Check())
	for _, cfg := range []Config{
		{},
		{Endpoints: 2, Addresses: []string{"a"}},
		{Endpoints: 1, AttemptTimeout: -1},
		{Endpoints: 1, RetryBackoffMin: 2, RetryBackoffMax: 1},
		{Endpoints: 1, SessionWindow: -1},
		{Endpoints: 1, MaxQueued: 1 << 20},
		{Endpoints: 1, MaxKey: -1},
	} {
		require.Error(t, cfg.Check())
		require.Panics(t, func() { New(cfg, 0) })
	}
}

// Writes that wait for room in the window get a new session when theirs is lost
// with nothing else left to ask for one.
func TestWindowWaitersSurviveALostSession(t *testing.T) {
	s := withSession(t, 1, func(c *Config) { c.SessionWindow, c.KeepAlive = 1, 10*time.Second })
	s.put()
	s.put()
	stuck := s.next()
	s.code(stuck, kvpb.Code_OUTCOME_UNKNOWN)
	require.Empty(t, s.sent, "the second write waits")
	s.wait(time.Second / 2)
	s.code(s.next(), kvpb.Code_SESSION_UNKNOWN)
	s.ended(Unknown, ReasonSessionLost)
	open := s.next()
	require.Equal(t, kvpb.RequestKind_OPEN_SESSION, open.Request.Kind)
	s.answer(open, &kvpb.Response{Code: kvpb.Code_OK, Session: 300})
	require.Equal(t, uint64(300), s.next().Request.Session)
}
