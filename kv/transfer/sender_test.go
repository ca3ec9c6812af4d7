package transfer

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

func testTask() Task {
	return Task{
		Group: testGroup, From: 1, To: testSelf, Term: 3, Join: 6,
		Mark: raft.Mark{Index: 10, Term: 2, Config: []byte("c")}, StateHash: 99, Stream: 77,
	}
}

// answer is what the receiver says to the test task's sender.
func answer(try uint64, status Status, next uint64, after string) *Ack {
	a := &Ack{
		Group: testGroup, From: testSelf, To: 1, Term: 3, Identity: Identity{10, 2, 99}, Stream: 77,
		Try: try, Status: status,
	}
	if status == Going {
		a.At, a.Want = Position{Next: next}, next
		if after != "" {
			a.At.After = []byte(after)
		}
	}
	return a
}

// fill lets the sender read chunks with these keys, as far as it asks; it returns the positions asked.
func fill(s *Sender, keys ...string) (asked []uint64) {
	for _, k := range keys {
		req, ok := s.Next()
		if !ok {
			break
		}
		asked = append(asked, req.At.Next)
		s.Read(0, ReadResult{Data: []byte("data " + k), Last: []byte(k)})
	}
	return asked
}

// numbers are those of the data sent.
func numbers(out []Chunk) (n []uint64) {
	for _, c := range out {
		if c.Kind == Data {
			n = append(n, c.Number)
		}
	}
	return n
}

// Goal: the sender starts where the receiver stands, and goes back when the receiver fell
// back (XFER-2, LIVE-04).
// Method: answers with a position ahead, and then one behind; look at the reads.
func TestTheSenderGoesWhereTheReceiverStands(t *testing.T) {
	s := NewSender(0, testTask(), testLimits())
	out := s.Output()
	require.Len(t, out, 1)
	require.Equal(t, Probe, out[0].Kind)
	require.Equal(t, uint64(6), out[0].Join)
	_, ok := s.Next()
	require.False(t, ok, "nothing is read before the receiver has answered")

	s.Ack(0, answer(1, Going, 5, "e"))
	require.Equal(t, []uint64{5, 6}, fill(s, "f", "g"))
	out = s.Output()
	require.Equal(t, []uint64{5, 6}, numbers(out))
	require.Equal(t, []string{"e", "f"}, []string{string(out[0].After), string(out[1].After)})

	s.Ack(0, answer(3, Going, 2, "b"))
	req, ok := s.Next()
	require.True(t, ok)
	require.Equal(t, Position{Next: 2, After: []byte("b")}, req.At)
	s.Read(0, ReadResult{Data: []byte("x"), Last: []byte("c")})
	require.Equal(t, []uint64{2}, numbers(s.Output()))
	require.Equal(t, 1, s.Progress().Restarts)

	s.Ack(0, answer(4, Going, 3, "other key"))
	req, _ = s.Next()
	require.Equal(t, "other key", string(req.At.After), "the same number behind another key is another place")
	require.Equal(t, 2, s.Progress().Restarts)
}

// Goal: an old answer that was overtaken does not set the sender back.
// Method: answers out of order, and twice.
func TestAnOldAnswerIsIgnored(t *testing.T) {
	s := NewSender(0, testTask(), testLimits())
	s.Ack(0, answer(1, Going, 0, ""))
	fill(s, "a", "b", "c")
	s.Ack(0, answer(3, Going, 2, "b"))
	before := s.Progress()
	s.Ack(0, answer(2, Going, 1, "a"))
	s.Ack(0, answer(3, Going, 1, "a"))
	s.Ack(0, answer(3, Going, 2, "b"))
	s.Ack(0, answer(5, Going, 0, ""))
	require.Equal(t, before, s.Progress(), "5 was never sent")
	require.Equal(t, uint64(2), before.AckedChunks)
	require.Equal(t, Running, s.State())
}

// Goal: a sender heeds no answer to another sender, of another replica, or about another state
// (XFER-4).
// Method: Done with one field changed each.
func TestAnAnswerToAnotherSenderIsIgnored(t *testing.T) {
	for name, change := range map[string]func(a *Ack){
		"group":  func(a *Ack) { a.Group++ },
		"from":   func(a *Ack) { a.From++ },
		"to":     func(a *Ack) { a.To++ },
		"term":   func(a *Ack) { a.Term-- },
		"index":  func(a *Ack) { a.Identity.Index++ },
		"hash":   func(a *Ack) { a.Identity.StateHash++ },
		"stream": func(a *Ack) { a.Stream++ },
		"try":    func(a *Ack) { a.Try = 2 },
	} {
		s := NewSender(0, testTask(), testLimits())
		a := answer(1, Done, 0, "")
		change(a)
		s.Ack(0, a)
		require.Equal(t, Running, s.State(), name)
		s.Ack(0, answer(1, Done, 0, ""))
		require.Equal(t, Succeeded, s.State())
	}
}

// Goal: the sender reads and sends no further ahead than its window (XFER-7).
// Method: offer it more chunks than fit; then acknowledge one. A large pair fills it alone.
func TestTheWindowIsBounded(t *testing.T) {
	s := NewSender(0, testTask(), testLimits())
	s.Ack(0, answer(1, Going, 0, ""))
	require.Len(t, fill(s, "a", "b", "c", "d", "e", "f"), 4)
	require.Len(t, numbers(s.Output()), 4)
	s.Ack(0, answer(5, Going, 1, "a"))
	require.Equal(t, []uint64{4}, fill(s, "e", "f"))
	s = NewSender(0, testTask(), testLimits())
	s.Ack(0, answer(1, Going, 0, ""))
	req, _ := s.Next()
	_, again := s.Next()
	require.False(t, again, "one read at a time")
	require.Equal(t, 64, req.MaxBytes)
	s.Read(0, ReadResult{Data: make([]byte, 300), Last: []byte("a")})
	_, ok := s.Next()
	require.False(t, ok, "300 bytes are more than 4 chunks of 64")
}

// Goal: a chunk that is lost is sent again at once when a later one is answered, and otherwise
// after a probe; the time between probes grows.
// Method: answers that want the second of three chunks; silence.
func TestALostChunkIsSentAgain(t *testing.T) {
	s := NewSender(0, testTask(), testLimits())
	s.Ack(0, answer(1, Going, 0, ""))
	fill(s, "a", "b", "c")
	s.Output()
	s.Ack(0, answer(4, Going, 1, "a"))
	require.Equal(t, []uint64{1}, numbers(s.Output()))
	s.Ack(0, answer(4, Going, 1, "a"))
	require.Empty(t, s.Output(), "not again for the same answer")

	var waits []time.Duration
	now := env.Instant(0)
	for range 5 {
		at := s.Deadline()
		waits, now = append(waits, at.Sub(now)), at
		s.Tick(now)
		out := s.Output()
		require.Len(t, out, 1)
		require.Equal(t, Probe, out[0].Kind)
	}
	ms := time.Millisecond
	require.Equal(t, []time.Duration{60 * ms, 120 * ms, 240 * ms, 480 * ms, 500 * ms}, waits)
	s.Ack(now, answer(s.try, Going, 1, "a"))
	require.Equal(t, []uint64{1}, numbers(s.Output()))
}

// Goal: a sender that cannot go on says why, and lets go of its data.
// Method: each way to fail at once.
func TestASenderSaysWhyItFailed(t *testing.T) {
	read := func(res ReadResult) func(s *Sender) {
		return func(s *Sender) {
			s.Ack(0, answer(1, Going, 0, ""))
			_, ok := s.Next()
			require.True(t, ok)
			s.Read(0, res)
		}
	}
	refusal := func(why Reason) func(s *Sender) {
		return func(s *Sender) {
			a := answer(1, Refused, 0, "")
			a.Reason = why
			s.Ack(0, a)
		}
	}
	for want, act := range map[string]func(s *Sender){
		"reading the state: disk":                      read(ReadResult{Err: errors.New("disk")}),
		"brought nothing behind chunk 0":               read(ReadResult{}),
		"a pair of the state is too large":             read(ReadResult{Data: make([]byte, MaxData+1), Last: []byte("k")}),
		"refused: it knows a newer leader":             refusal(StaleTerm),
		"refused: it takes in a newer state":           refusal(Older),
		"refused: it was promised other contents":      refusal(Conflict),
		"refused: it could not store a chunk":          refusal(StageFailed),
		"refused: the state it received failed verifi": refusal(InstallFailed),
	} {
		s := NewSender(0, testTask(), testLimits())
		act(s)
		require.Equal(t, Failed, s.State())
		require.ErrorContains(t, s.Err(), want)
		require.ErrorContains(t, s.Err(), "index 10) of group 7 was not sent to replica 9")
		require.Empty(t, s.Output())
		require.Empty(t, s.window)
		_, ok := s.Next()
		require.False(t, ok)
	}
}

// Goal: a receiver that is busy, or installs for long, keeps the sender waiting, but not for ever.
// Method: answer every probe so until the sender gives up.
func TestABusyReceiverKeepsTheSenderWaitingForAWhile(t *testing.T) {
	for _, status := range []Status{Waiting, Installing} {
		s := NewSender(0, testTask(), testLimits())
		now := env.Instant(0)
		for step := 0; s.State() == Running; step++ {
			require.Less(t, step, 1000)
			for _, c := range s.Output() {
				s.Ack(now, answer(c.Try, status, 0, ""))
			}
			now = s.Deadline()
			s.Tick(now)
		}
		require.Equal(t, env.Instant(20*time.Second), now)
		require.ErrorContains(t, s.Err(), "no progress")
	}
}

// Goal: no answer, however wrong, makes a sender panic, hold more than its window, or run for ever
// (XFER-6, XFER-7).
// Method: random acks of a confused receiver, random reads and times; all output is encoded.
func TestAConfusedReceiverDoesNoHarm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSender(0, testTask(), testLimits())
		now := env.Instant(0)
		for step := 0; s.State() == Running; step++ {
			require.Less(t, step, 10_000)
			a := answer(s.try-min(s.try-1, rapid.Uint64Range(0, 3).Draw(t, "old")), Going, 0, "")
			a.At.Next = rapid.OneOf(rapid.Uint64Range(0, 12), rapid.SampledFrom([]uint64{maxNumber - 1, maxNumber, math.MaxUint64})).Draw(t, "next")
			if a.At.Next > 0 {
				a.At.After = rapid.SampledFrom([][]byte{nil, []byte("k"), []byte("kk")}).Draw(t, "after")
			}
			a.Want = rapid.Uint64Min(a.At.Next).Draw(t, "want")
			s.Ack(now, a)
			if _, ok := s.Next(); ok {
				last := append([]byte(nil), s.read.After...)
				s.Read(now, ReadResult{Data: []byte("data"), Last: append(last, 'k'), Done: rapid.Bool().Draw(t, "done")})
			}
			require.LessOrEqual(t, len(s.window), s.limits.Window+1)
			for _, c := range s.Output() {
				AppendChunk(nil, &c)
			}
			if rapid.Bool().Draw(t, "wait") {
				now = s.Deadline()
				s.Tick(now)
			}
		}
	})
}

// Goal: unsound limits are refused with the reason.
// Method: change one limit each.
func TestUnsoundLimitsAreRefused(t *testing.T) {
	for want, change := range map[string]func(l *Limits){
		"ChunkBytes":     func(l *Limits) { l.ChunkBytes = 0 },
		"Window":         func(l *Limits) { l.Window = 0 },
		"BytesPerSecond": func(l *Limits) { l.BytesPerSecond = 100 },
		"must not be ne": func(l *Limits) { l.BytesPerSecond = -1 },
		"RetryAfter":     func(l *Limits) { l.RetryAfter = 0 },
		"SilenceTimeout": func(l *Limits) { l.SilenceTimeout = l.MaxRetryAfter },
		"StallTimeout":   func(l *Limits) { l.StallTimeout = time.Second },
		"MaxRestarts":    func(l *Limits) { l.MaxRestarts = -1 },
		"IdleTimeout":    func(l *Limits) { l.IdleTimeout = 0 },
	} {
		l := DefaultLimits()
		require.NoError(t, l.Check())
		change(&l)
		require.ErrorContains(t, l.Check(), want)
		require.Panics(t, func() { NewReceiver(1, 1, l) })
	}
}
