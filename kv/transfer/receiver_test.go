package transfer

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// bench drives a Receiver by hand.
type bench struct {
	*testing.T
	*Receiver
	now env.Instant
}

func newBench(t *testing.T) *bench {
	return &bench{T: t, Receiver: NewReceiver(testGroup, testSelf, testLimits())}
}

// from is a chunk of a leader's state at an index.
func from(leader raft.ReplicaID, term, index uint64, kind Kind) Chunk {
	return Chunk{
		Kind: kind, Group: testGroup, From: leader, To: testSelf, Term: term,
		Mark: raft.Mark{Index: index, Term: 1, Config: []byte("c")}, StateHash: index, Stream: uint64(leader), Try: 1,
	}
}

func data(c Chunk, number uint64, after, data string) Chunk {
	c.Kind, c.Number, c.Try = Data, number, number+2
	c.After, c.Data = nil, []byte(data)
	if after != "" {
		c.After = []byte(after)
	}
	return c
}

// say hands in a chunk and returns the answers.
func (b *bench) say(c Chunk) []Ack {
	b.Helper()
	require.NoError(b, c.check())
	b.Chunk(b.now, &c)
	return b.Acks()
}

// asked requires the request to be of a kind.
func (b *bench) asked(kind RequestKind) Request {
	b.Helper()
	req, ok := b.Request()
	require.True(b, ok, "no request")
	require.Equal(b, kind, req.Kind)
	return req
}

func (b *bench) idle() {
	b.Helper()
	_, ok := b.Request()
	require.False(b, ok, "a request")
}

// opened starts a reception at a position.
func (b *bench) opened(c Chunk, at Position) {
	b.Helper()
	b.say(c)
	b.asked(Open)
	b.Begun(b.now, at, nil)
	b.Acks()
}

// only requires one answer of a status to a sender of a term.
func (b *bench) only(acks []Ack, status Status, to raft.ReplicaID, term uint64) Ack {
	b.Helper()
	require.Len(b, acks, 1)
	require.Equal(b, []any{status, to, term}, []any{acks[0].Status, acks[0].To, acks[0].Term})
	require.Equal(b, testSelf, acks[0].From)
	require.Equal(b, uint64(to), acks[0].Stream)
	return acks[0]
}

// Goal: a chunk is staged only where it fits (XFER-1).
// Method: chunks with another number, key, index, term of the entry, hash, and configuration.
func TestAChunkThatDoesNotFitIsNotStaged(t *testing.T) {
	probe := from(1, 3, 10, Probe)
	at := Position{Next: 4, After: []byte("k")}
	for name, change := range map[string]func(c *Chunk){
		"number before": func(c *Chunk) { c.Number = 3 },
		"number behind": func(c *Chunk) { c.Number = 5 },
		"key":           func(c *Chunk) { c.After = []byte("j") },
		"older index":   func(c *Chunk) { c.Mark.Index = 9 },
		"entry's term":  func(c *Chunk) { c.Mark.Term = 2 },
		"hash":          func(c *Chunk) { c.StateHash++ },
		"configuration": func(c *Chunk) { c.Mark.Config = []byte("d") },
		"group":         func(c *Chunk) { c.Group++ },
		"receiver":      func(c *Chunk) { c.To++ },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.opened(probe, at)
			c := data(probe, 4, "k", "x")
			change(&c)
			b.say(c)
			b.idle()
			b.say(data(probe, 4, "k", "good"))
			require.Equal(t, "good", string(b.asked(Write).Data))
		})
	}
}

// Goal: a newer leader's or a newer state replaces the reception, an older one does not (XFER-3,
// SNAP-03).
// Method: a reception of index 10 in term 3 meets others.
func TestAReceptionGivesWayToWhatIsNewerOnly(t *testing.T) {
	for _, tc := range []struct {
		name        string
		term, index uint64
		replaces    bool
		why         Reason
	}{
		{"older state", 3, 9, false, Older},
		{"newer state of an older leader", 2, 11, false, StaleTerm},
		{"newer state", 3, 11, true, Older},
		{"newer leader, older state", 4, 9, true, StaleTerm},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.opened(from(1, 3, 10, Probe), Position{})
			acks := b.say(from(2, tc.term, tc.index, Probe))
			if !tc.replaces {
				require.Equal(t, tc.why, b.only(acks, Refused, 2, tc.term).Reason)
				b.idle()
				return
			}
			require.Equal(t, []Status{Refused, Waiting}, []Status{acks[0].Status, acks[1].Status})
			require.Equal(t, tc.why, b.only(acks[:1], Refused, 1, 3).Reason)
			b.only(acks[1:], Waiting, 2, tc.term)
			require.Equal(t, tc.index, b.asked(Open).Mark.Index)
		})
	}
	b := newBench(t)
	b.SetHave(0, 10)
	b.only(b.say(from(1, 3, 10, Probe)), Done, 1, 3)
	b.SetTerm(4)
	require.Equal(t, StaleTerm, b.only(b.say(from(1, 3, 11, Probe)), Refused, 1, 3).Reason)
	b.idle()
}

// Goal: Done goes to the leader that the reception belongs to by then, and to no other (XFER-4,
// XFER-5, SNAP-18).
// Method: the leader changes while the state is being installed; the new one has the same
// state, or another.
func TestTheAnswerAfterAnInstallGoesToWhomItBelongs(t *testing.T) {
	installing := func(t *testing.T) *bench {
		b := newBench(t)
		b.opened(from(1, 3, 10, Probe), Position{Next: 2, After: []byte("k")})
		end := data(from(1, 3, 10, End), 2, "k", "")
		end.Kind, end.Pairs, end.Sum = End, 7, 8
		b.only(b.say(end), Installing, 1, 3)
		req := b.asked(Install)
		require.Equal(t, []uint64{7, 8, 10}, []uint64{req.Pairs, req.Sum, req.Mark.Index})
		require.Equal(t, "c", string(req.Mark.Config))
		return b
	}
	t.Run("same state", func(t *testing.T) {
		b := installing(t)
		b.only(b.say(from(2, 4, 10, Probe)), Installing, 2, 4)
		b.Installed(0, nil)
		b.only(b.Acks(), Done, 2, 4)
	})
	t.Run("other state", func(t *testing.T) {
		b := installing(t)
		b.only(b.say(from(2, 4, 12, Probe)), Waiting, 2, 4)
		b.idle()
		b.Installed(0, nil)
		b.only(b.Acks(), Done, 1, 3)
		b.say(from(2, 4, 12, Probe))
		require.Equal(t, uint64(12), b.asked(Open).Mark.Index)
	})
	t.Run("failure", func(t *testing.T) {
		b := installing(t)
		b.Installed(0, errors.New("checksum"))
		require.Equal(t, InstallFailed, b.only(b.Acks(), Refused, 1, 3).Reason)
		b.asked(Discard)
		b.say(from(1, 3, 10, Probe))
		b.idle()
		b.Discarded()
		b.asked(Open)
	})
}

// Goal: a reception that was replaced gets the result of no request (XFER-9).
// Method: replace it while its stage is being opened, and while a chunk is being written.
func TestAReplacedReceptionGetsNoResult(t *testing.T) {
	b := newBench(t)
	b.say(from(1, 3, 10, Probe))
	b.asked(Open)
	b.say(from(1, 3, 11, Probe))
	b.idle()
	b.Begun(0, Position{Next: 9, After: []byte("z")}, nil)
	require.Equal(t, uint64(11), b.asked(Open).Mark.Index)
	b.Begun(0, Position{}, nil)
	b.say(data(from(1, 3, 11, Data), 0, "", "x"))
	b.asked(Write)
	b.say(from(1, 3, 12, Probe))
	b.Written(0, Position{Next: 1, After: []byte("x")}, nil)
	b.asked(Open)
	b.Begun(0, Position{}, nil)
	acks := b.Acks()
	require.Zero(t, acks[len(acks)-1].At.Next)
	require.Panics(t, func() { b.Written(0, Position{}, nil) }, "nobody asked")
}

// Goal: chunks that overtake others are kept within the bound, and used (XFER-7).
// Method: the window in reverse order, then a flood of far and of large chunks.
func TestChunksAheadAreKeptWithinTheBound(t *testing.T) {
	b := newBench(t)
	probe := from(1, 3, 10, Probe)
	b.opened(probe, Position{})
	big := string(make([]byte, 200))
	for i := range uint64(1000) {
		b.say(data(probe, 4+i, "k", "far"))
		b.say(data(probe, 1+i%3, "a", big))
	}
	require.Len(t, b.cur.held, 1, "256 bytes have room for one of 200")
	b.idle()
	b.say(data(probe, 0, "", big))
	b.asked(Write)
	require.Len(t, b.cur.held, 2, "the one whose turn it is has a place")
	b.Written(0, Position{Next: 1, After: []byte("a")}, nil)
	require.Equal(t, uint64(1), b.asked(Write).Number)
	a := b.only(b.Acks(), Going, 1, 3)
	require.Equal(t, []uint64{1, 2}, []uint64{a.At.Next, a.Want})
}

// Goal: an abandoned reception is dropped with its stage, and so is a stage that a restart has
// left; one that goes on is not.
// Method: let time pass with and without chunks.
func TestAnAbandonedReceptionIsDropped(t *testing.T) {
	b := newBench(t)
	idle := b.limits.IdleTimeout
	b.opened(from(1, 3, 10, Probe), Position{})
	b.now = b.now.Add(idle - time.Second)
	b.Tick(b.now)
	b.say(from(1, 3, 10, Probe))
	require.Equal(t, b.now.Add(idle), b.Receiver.Deadline())
	b.now = b.now.Add(idle - 1)
	b.Tick(b.now)
	b.idle()
	b.now++
	b.Tick(b.now)
	b.asked(Discard)
	b.Discarded()
	require.Equal(t, env.Never, b.Receiver.Deadline())

	b.Found(b.now)
	b.now = b.Receiver.Deadline()
	b.Tick(b.now)
	b.asked(Discard)
	b.Discarded()

	b.Found(b.now)
	b.opened(from(1, 3, 10, Probe), Position{Next: 3, After: []byte("k")})
	_, chunks, ok := b.Receiving()
	require.True(t, ok)
	require.Equal(t, uint64(3), chunks)
}

// Goal: a reception of what the log has brought meanwhile ends with Done (XFER-3).
// Method: SetHave while the stage is idle, and while a chunk is being written.
func TestAReceptionEndsWhenTheReplicaHasTheState(t *testing.T) {
	b := newBench(t)
	probe := from(1, 3, 10, Probe)
	b.opened(probe, Position{})
	b.SetHave(0, 9)
	b.idle()
	b.SetHave(0, 10)
	b.only(b.Acks(), Done, 1, 3)
	b.asked(Discard)
	b.Discarded()

	b = newBench(t)
	b.opened(probe, Position{})
	b.say(data(probe, 0, "", "x"))
	b.asked(Write)
	b.SetHave(0, 10)
	b.idle()
	b.Written(0, Position{Next: 1, After: []byte("x")}, nil)
	b.asked(Discard)
}

// Goal: a stage that cannot be opened or written ends the reception, and the sender hears it.
// Method: errors from the shell.
func TestAStageThatFailsEndsTheReception(t *testing.T) {
	b := newBench(t)
	b.say(from(1, 3, 10, Probe))
	b.Acks()
	b.asked(Open)
	b.Begun(0, Position{}, errors.New("disk"))
	require.Equal(t, StageFailed, b.only(b.Acks(), Refused, 1, 3).Reason)
	b.asked(Discard)
	b.Discarded()
	b.opened(from(1, 3, 10, Probe), Position{})
	b.say(data(from(1, 3, 10, Data), 0, "", "x"))
	b.asked(Write)
	b.Written(0, Position{}, errors.New("disk"))
	require.Equal(t, StageFailed, b.only(b.Acks(), Refused, 1, 3).Reason)
}
