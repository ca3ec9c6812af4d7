package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

const second = env.Instant(time.Second)

// script drives a core by hand, answer by answer.
type script struct {
	t    *testing.T
	c    *Core
	now  env.Instant
	sent []Send
	done []Completion
}

// newScript has n connected endpoints.
func newScript(t *testing.T, n int, change func(*Config)) *script {
	cfg := Config{Endpoints: n, Seed: 7}
	for i := range n {
		cfg.Addresses = append(cfg.Addresses, string(rune('a'+i)))
	}
	if change != nil {
		change(&cfg)
	}
	s := &script{t: t, c: New(cfg, 1), now: 1}
	for ep := range n {
		s.c.Connected(s.now, ep)
	}
	return s
}

// withSession is a script whose session 100 is open at endpoint 0, the leader.
func withSession(t *testing.T, n int, change func(*Config)) *script {
	s := newScript(t, n, change)
	s.submit(Op{Kind: Put, Key: []byte("warm"), Value: []byte("up")})
	open := s.next()
	require.Equal(t, kvpb.RequestKind_OPEN_SESSION, open.Request.Kind)
	s.answerAt(0, open, &kvpb.Response{Code: kvpb.Code_OK, Session: 100})
	first := s.next()
	require.Equal(t, 0, first.Endpoint)
	require.Equal(t, []uint64{100, 1, 0}, []uint64{first.Request.Session, first.Request.Seq, first.Request.Acked})
	s.answer(first, &kvpb.Response{Code: kvpb.Code_OK})
	require.Equal(t, OK, s.completion().Outcome)
	return s
}

func (s *script) take() {
	require.NoError(s.t, s.c.CheckInvariants())
	out := s.c.Output()
	s.sent = append(s.sent, out.Sends...)
	s.done = append(s.done, out.Done...)
}

func (s *script) submit(op Op) OpID {
	id := s.c.Submit(s.now, op)
	s.take()
	return id
}

func (s *script) put() OpID { return s.submit(Op{Kind: Put, Key: []byte("k"), Value: []byte("v")}) }

// next returns the oldest request that was sent and not yet looked at.
func (s *script) next() Send {
	s.t.Helper()
	require.NotEmpty(s.t, s.sent, "nothing was sent")
	out := s.sent[0]
	s.sent = s.sent[1:]
	return out
}

// completion returns the oldest completion.
func (s *script) completion() Completion {
	s.t.Helper()
	require.NotEmpty(s.t, s.done, "nothing completed")
	out := s.done[0]
	s.done = s.done[1:]
	return out
}

func (s *script) answer(to Send, resp *kvpb.Response) { s.answerAt(to.Endpoint, to, resp) }

// answerAt answers as if the request had gone to another endpoint.
func (s *script) answerAt(ep int, to Send, resp *kvpb.Response) {
	resp.Id = to.Request.Id
	s.c.Response(s.now, ep, resp)
	s.take()
}

func (s *script) code(to Send, code kvpb.Code) { s.answer(to, &kvpb.Response{Code: code}) }

// wait lets time pass, with a Tick whenever one is due.
func (s *script) wait(d time.Duration) {
	end := s.now.Add(d)
	for s.c.Deadline() <= end {
		s.now = max(s.now, s.c.Deadline())
		s.c.Tick(s.now)
		s.take()
	}
	s.now = end
}

func (s *script) idle() {
	s.t.Helper()
	require.Empty(s.t, s.sent)
	require.Empty(s.t, s.done)
}

func (s *script) ended(outcome Outcome, reason Reason) {
	s.t.Helper()
	d := s.completion()
	require.Equal(s.t, outcome, d.Outcome)
	require.NotNil(s.t, d.Err)
	require.Equal(s.t, reason, d.Err.Reason, "%v", d.Err)
}
