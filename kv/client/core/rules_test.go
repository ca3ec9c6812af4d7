package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// A write in a session is sent again under its number after silence, at another
// endpoint (SESS-13); the late answer to the first attempt completes it.
func TestSilentWriteIsRepeatedUnderItsNumber(t *testing.T) {
	s := withSession(t, 3, nil)
	s.put()
	first := s.next()
	s.wait(time.Second)
	second := s.next()
	require.NotEqual(t, first.Endpoint, second.Endpoint)
	require.NotEqual(t, first.Request.Id, second.Request.Id)
	require.Equal(t, first.Request.Seq, second.Request.Seq)
	require.Equal(t, first.Request.Session, second.Request.Session)
	s.answer(first, &kvpb.Response{Code: kvpb.Code_OK, Index: 9})
	require.Equal(t, uint64(9), s.completion().Result.Index)
	s.code(second, kvpb.Code_SEQUENCE_TOO_OLD) // too late to matter
	s.idle()
}

// Every definite refusal, followed by the deadline, is Failed; one with an unsettled
// attempt beside it is Unknown (SESS-14).
func TestRefusalsAreFailedUnlessAnAttemptIsUnsettled(t *testing.T) {
	for _, code := range []kvpb.Code{
		kvpb.Code_NOT_LEADER, kvpb.Code_OVERLOADED, kvpb.Code_UNAVAILABLE, kvpb.Code_WINDOW_FULL, kvpb.Code_WRONG_PARTITION,
	} {
		for _, unsettled := range []bool{false, true} {
			s := withSession(t, 2, nil)
			s.submit(Op{Kind: Put, Key: []byte("k"), Deadline: s.now.Add(3 * time.Second)})
			if unsettled {
				s.next()
				s.wait(time.Second)
			}
			for s.c.Pending() > 0 {
				for len(s.sent) > 0 {
					s.code(s.next(), code)
				}
				s.wait(s.c.Deadline().Sub(s.now))
			}
			if unsettled {
				s.ended(Unknown, ReasonDeadline)
			} else {
				s.ended(Failed, ReasonDeadline)
			}
		}
	}
}

// INVALID and SEQUENCE_TOO_OLD end a write at once: Failed alone, Unknown after an
// attempt that may be in effect.
func TestFinalRefusals(t *testing.T) {
	for code, reason := range map[kvpb.Code]Reason{
		kvpb.Code_INVALID: ReasonInvalid, kvpb.Code_SEQUENCE_TOO_OLD: ReasonTooOld,
	} {
		s := withSession(t, 2, nil)
		s.put()
		s.answer(s.next(), &kvpb.Response{Code: code, Message: "because"})
		s.ended(Failed, reason)
		s.put()
		s.code(s.next(), kvpb.Code_OUTCOME_UNKNOWN)
		s.wait(time.Second / 2)
		s.code(s.next(), code)
		s.ended(Unknown, reason)
	}
}

// OUTCOME_UNKNOWN, or a code this client does not know, leaves a write unsettled: with
// a session it is repeated, without one it ends Unknown.
func TestUnknownAnswers(t *testing.T) {
	for _, code := range []kvpb.Code{kvpb.Code_OUTCOME_UNKNOWN, kvpb.Code_CODE_UNSPECIFIED, kvpb.Code(99)} {
		s := withSession(t, 1, nil)
		s.put()
		first := s.next()
		s.code(first, code)
		s.wait(time.Second / 2)
		again := s.next()
		require.Equal(t, first.Request.Seq, again.Request.Seq)
		s.code(again, kvpb.Code_OK)
		require.Equal(t, OK, s.completion().Outcome)
		s.submit(Op{Kind: Put, Key: []byte("k"), NoSession: true})
		s.code(s.next(), code)
		s.ended(Unknown, ReasonUnknown)
		s.idle()
	}
}

// A write without a session is repeated after a definite refusal only: not after
// silence, nor after its connection broke.
func TestWriteWithoutSessionIsNeverSentTwiceInDoubt(t *testing.T) {
	s := newScript(t, 2, nil)
	op := Op{Kind: Put, Key: []byte("k"), NoSession: true}
	s.submit(op)
	s.code(s.next(), kvpb.Code_UNAVAILABLE)
	s.wait(time.Second / 2)
	again := s.next()
	require.Zero(t, again.Request.Session)
	s.wait(time.Second)
	s.ended(Unknown, ReasonUnanswered)
	s.submit(op)
	s.c.Disconnected(s.now, s.next().Endpoint, nil)
	s.take()
	s.ended(Unknown, ReasonDisconnected)
	s.submit(op)
	unsent := s.next()
	s.c.Connected(s.now, 1-unsent.Endpoint)
	s.c.Disconnected(s.now, unsent.Endpoint, []uint64{unsent.Request.Id})
	s.take()
	require.NotEqual(t, unsent.Endpoint, s.next().Endpoint, "what was not sent may be sent elsewhere")
	op.Deadline = s.now.Add(5 * time.Second)
	s.submit(op)
	late := s.next()
	s.wait(3 * time.Second)
	s.done = nil
	s.code(late, kvpb.Code_OK)
	require.Equal(t, OK, s.completion().Outcome, "up to its deadline an answer is waited for")
}

// When the session is gone, a write that was certainly not applied moves to a new one;
// one with an unsettled attempt ends Unknown.
func TestLostSessionMovesOnlySettledWrites(t *testing.T) {
	s := withSession(t, 2, nil)
	s.put()
	s.put()
	settled, doubtful := s.next(), s.next()
	s.code(doubtful, kvpb.Code_OUTCOME_UNKNOWN)
	s.code(settled, kvpb.Code_SESSION_UNKNOWN)
	s.ended(Unknown, ReasonSessionLost)
	open := s.next()
	require.Equal(t, kvpb.RequestKind_OPEN_SESSION, open.Request.Kind)
	s.answer(open, &kvpb.Response{Code: kvpb.Code_OK, Session: 200})
	moved := s.next()
	require.Equal(t, []uint64{200, 1, 0}, []uint64{moved.Request.Session, moved.Request.Seq, moved.Request.Acked})
	s.code(moved, kvpb.Code_OK)
	require.Equal(t, OK, s.completion().Outcome)
	s.idle()
}

// Giving up tells the truth by where the write is: never sent, refused, in flight;
// a read is never unknown.
func TestCancelByState(t *testing.T) {
	s := newScript(t, 1, nil)
	id := s.put()
	s.c.Cancel(s.now, id)
	s.take()
	s.ended(Failed, ReasonCanceled) // it waited for its session
	s = withSession(t, 1, nil)
	id = s.put()
	s.code(s.next(), kvpb.Code_OVERLOADED)
	s.c.Cancel(s.now, id)
	s.take()
	s.ended(Failed, ReasonCanceled)
	id = s.put()
	s.c.Cancel(s.now, id)
	s.c.Cancel(s.now, id) // of something completed: nothing happens
	s.take()
	s.ended(Unknown, ReasonCanceled)
	id = s.submit(Op{Kind: Get, Key: []byte("k")})
	s.c.Cancel(s.now, id)
	s.take()
	s.ended(Failed, ReasonCanceled)
	require.Empty(t, s.done)
}

// A condition that does not hold is an answer, not a failure.
func TestFailedConditionIsOK(t *testing.T) {
	s := withSession(t, 1, nil)
	s.submit(Op{Kind: CASVersion, Key: []byte("k"), ExpectVersion: 5, Value: []byte("v")})
	sent := s.next()
	require.Equal(t, kvpb.Condition_VERSION_IS, sent.Request.Ops[0].Cond)
	s.answer(sent, &kvpb.Response{
		Code:    kvpb.Code_CONDITION_FAILED,
		Results: []*kvpb.OpResult{{Found: true, Version: 8, Value: []byte("other")}},
	})
	d := s.completion()
	require.Equal(t, OK, d.Outcome)
	require.True(t, d.Result.ConditionFailed)
	require.False(t, d.Result.Applied)
	require.Equal(t, uint64(8), d.Result.Version)
	require.Equal(t, "other", string(d.Result.Value))
}

// A read whose answer has the wrong shape fails instead of returning nonsense.
func TestMisshapenReadAnswerFails(t *testing.T) {
	s := newScript(t, 1, nil)
	s.submit(Op{Kind: Get, Key: []byte("k")})
	s.code(s.next(), kvpb.Code_OK)
	s.ended(Failed, ReasonBadAnswer)
}

// What breaks a limit is refused with the limit, before anything is sent.
func TestLimitsAreCheckedFirst(t *testing.T) {
	s := newScript(t, 1, func(c *Config) { c.MaxKey, c.MaxValue, c.MaxBatch = 4, 8, 2 })
	long, item := make([]byte, 9), Item{Kind: Put, Key: []byte("k")}
	for _, op := range []Op{
		{Kind: Put},
		{Kind: Put, Key: long},
		{Kind: Put, Key: []byte("k"), Value: long},
		{Kind: CASValue, Key: []byte("k"), ExpectValue: long},
		{Kind: CASVersion, Key: []byte("k")},
		{Kind: Batch},
		{Kind: Batch, Items: []Item{item, item, item}},
		{Kind: Batch, Items: []Item{item, {Kind: Get}}},
		{Kind: Batch, Items: []Item{{Kind: Batch}}},
		{Kind: 77, Key: []byte("k")},
	} {
		s.submit(op)
		require.NotEmpty(t, s.done[0].Err.Message)
		s.ended(Failed, ReasonInvalid)
	}
	s.idle()
}

// A batch up to maxBatchBytes is sent and one byte more is refused, wherever its bytes
// are: batches at the limit and just above it.
func TestBatchBytesAreBounded(t *testing.T) {
	const each = 1 << 20
	big := make([]byte, each)
	s := withSession(t, 1, nil)
	for _, item := range []Item{{Kind: Put, Value: big}, {Kind: CASValue, ExpectValue: big}} {
		const n = maxBatchBytes/each - 1
		var items []Item
		for range n {
			item.Key = []byte("k")
			items = append(items, item)
		}
		rest := maxBatchBytes - n*(each+1+itemOverhead) - itemOverhead - 1
		fits := append(items[:n:n], Item{Kind: Put, Key: []byte("k"), Value: big[:rest]})
		s.submit(Op{Kind: Batch, Items: fits})
		s.code(s.next(), kvpb.Code_OK)
		require.Equal(t, OK, s.completion().Outcome)
		over := append(items[:n:n], Item{Kind: Put, Key: []byte("kk"), Value: big[:rest]})
		s.submit(Op{Kind: Batch, Items: over})
		require.Contains(t, s.done[0].Err.Message, "the limit is 62914560")
		s.ended(Failed, ReasonInvalid)
		s.idle()
	}
}

// Errors say what was tried, how often, and what the last answer was.
func TestErrorText(t *testing.T) {
	s := withSession(t, 1, nil)
	s.submit(Op{Kind: Erase, Key: []byte("k"), Deadline: s.now.Add(2 * time.Millisecond)})
	s.answer(s.next(), &kvpb.Response{Code: kvpb.Code_OVERLOADED, Message: "too busy"})
	s.wait(time.Second / 100)
	require.Equal(t, "erase: failed, not applied: the deadline passed (after 1 attempts; last answer OVERLOADED: too busy)",
		s.completion().Err.Error())
}
