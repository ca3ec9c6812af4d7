package transfer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// testLimits are small, so that a small state has many chunks.
func testLimits() Limits {
	l := DefaultLimits()
	l.ChunkBytes, l.Window = 64, 4
	l.RetryAfter, l.MaxRetryAfter = 60*time.Millisecond, 500*time.Millisecond
	l.SilenceTimeout, l.StallTimeout = 3*time.Second, 20*time.Second
	l.IdleTimeout = 10 * time.Second
	return l
}

// Goal: whatever network and crashes do, only whole states of the right identity are installed, newer
// ones after older ones (XFER-1, XFER-3), within the memory of XFER-7; and once the faults
// but for loss have ended, the leader's state arrives (XFER-6).
// Method: random faults in a simulated network with several leaders; a model checks each
// write, each installation and the memory after each turn.
func TestOnlyWholeAndNewerStatesAreInstalledAndTheLastOneArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := testLimits()
		limits.Window = rapid.IntRange(1, 6).Draw(t, "window")
		limits.ChunkBytes = rapid.IntRange(16, 128).Draw(t, "chunk bytes")
		if rapid.Bool().Draw(t, "throttled") {
			limits.BytesPerSecond = rapid.Int64Range(2000, 20000).Draw(t, "rate")
		}
		w := newWorld(rapid.Uint64().Draw(t, "seed"), limits)
		w.loss = rapid.Float64Range(0, 0.5).Draw(t, "loss")
		w.dup = rapid.Float64Range(0, 0.5).Draw(t, "dup")
		index, term := uint64(10), uint64(1)
		pairs := func() int { return rapid.IntRange(0, 60).Draw(t, "pairs") }
		value := rapid.IntRange(0, 60).Draw(t, "value")
		leader := w.lead(1, term, makeState(index, 1, pairs(), value))
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				w.run(time.Duration(rapid.IntRange(1, 200).Draw(t, "ms"))*time.Millisecond, never)
			},
			"crash of the receiver": func(*rapid.T) { w.crash() },
			"restart of the sender": func(*rapid.T) { leader = w.lead(leader.task.From, term, leader.state) },
			"newer state": func(t *rapid.T) {
				index++
				leader = w.lead(leader.task.From, term, makeState(index, term, pairs(), value))
			},
			"new leader": func(t *rapid.T) {
				term++
				s := leader.state
				if rapid.Bool().Draw(t, "other state") {
					index++
					s = makeState(index, term, pairs(), value)
				}
				leader = w.lead(raft.ReplicaID(1+term%3), term, s)
			},
			"the receiver hears of the leader": func(*rapid.T) {
				w.term = term
				w.recv.SetTerm(term)
			},
			"": func(t *rapid.T) { require.Empty(t, w.broken) },
		})
		arrived := func() bool {
			if leader.State() == Failed {
				leader = w.lead(leader.task.From, term, leader.state)
			}
			return leader.State() == Succeeded
		}
		require.True(t, w.run(10*time.Minute, arrived), "the leader's state does not arrive: %v", leader.Progress())
		require.Empty(t, w.broken)
		require.NotNil(t, w.have)
		require.Equal(t, leader.state.id(), w.have.id())
		requireThrottled(t, w)
	})
}

// requireThrottled checks XFER-8 over every span of time of every sender.
func requireThrottled(t require.TestingT, w *world) {
	if w.limits.BytesPerSecond == 0 {
		return
	}
	for _, p := range w.peers {
		for i := range p.sends {
			sum := 0
			for _, s := range p.sends[i:] {
				sum += s.bytes
				earned := s.at.Sub(p.sends[i].at).Seconds() * float64(w.limits.BytesPerSecond)
				require.LessOrEqual(t, float64(sum), earned+float64(w.largest())+1)
			}
		}
	}
}

// Goal: the throttle is honoured, and used (XFER-8).
// Method: a state of 40 kB at 2 kB/s over a network without faults.
func TestTheThrottleIsHonouredAndUsed(t *testing.T) {
	limits := testLimits()
	limits.BytesPerSecond = 2_000
	w := newWorld(1, limits)
	p := w.lead(1, 1, makeState(5, 1, 1000, 30))
	require.True(t, w.run(time.Minute, func() bool { return p.State() == Succeeded }))
	requireThrottled(t, w)
	bytes := float64(p.Progress().Bytes)
	require.InDelta(t, bytes/2_000, w.now.Sub(p.start).Seconds(), 0.5)
}

// Goal: the window is used: a round trip brings several chunks.
// Method: the same state with windows of 1 and of 4 over a slow network; compare the times.
func TestAWiderWindowIsFaster(t *testing.T) {
	spent := func(window int) time.Duration {
		limits := testLimits()
		limits.Window = window
		w := newWorld(3, limits)
		p := w.lead(1, 1, makeState(5, 1, 300, 30))
		require.True(t, w.run(time.Hour, func() bool { return p.State() == Succeeded }))
		return time.Duration(w.now)
	}
	require.Less(t, 2*spent(4), spent(1))
}

// Goal: without faults nothing is sent twice, and the sender only probes once.
// Method: a network in order; count data and try numbers.
func TestWithoutFaultsNothingIsSentTwice(t *testing.T) {
	w := newWorld(4, testLimits())
	s := makeState(5, 1, 200, 20)
	p := w.lead(1, 1, s)
	w.limits.Window = 1
	p.limits.Window = 1
	require.True(t, w.run(time.Minute, func() bool { return p.State() == Succeeded }))
	got := p.Progress()
	require.Equal(t, got.AckedChunks, got.Chunks)
	require.Equal(t, got.Chunks+2, p.try, "a probe, the data, and the end")
	require.Zero(t, got.Restarts)
}

// Goal: a receiver that restarts goes on from its stage, not from the begin.
// Method: crash it in the middle with all of the stage synced; count what is sent.
func TestARestartedReceiverGoesOnWhereItsStageStands(t *testing.T) {
	w := newWorld(5, testLimits())
	p := w.lead(1, 1, makeState(5, 1, 400, 30))
	require.True(t, w.run(time.Minute, func() bool { return len(w.disk.chunks) > 200 }))
	w.disk.synced = len(w.disk.chunks)
	w.crash()
	require.True(t, w.run(time.Minute, func() bool { return p.State() == Succeeded }))
	require.Empty(t, w.broken)
	require.Less(t, p.Progress().Chunks, uint64(500), "of 401 chunks")
}

// Goal: the same sender goes back with a receiver that has lost its stage (LIVE-04).
// Method: wipe the stage in a crash in the middle; no other sender helps.
func TestASenderGoesBackWithAReceiverThatLostItsStage(t *testing.T) {
	w := newWorld(12, testLimits())
	p := w.lead(1, 1, makeState(5, 1, 400, 30))
	require.True(t, w.run(time.Minute, func() bool { return len(w.disk.chunks) > 200 }))
	w.disk = &stage{}
	w.crash()
	require.True(t, w.run(time.Minute, func() bool { return p.State() == Succeeded }), "%v", p.Err())
	require.Empty(t, w.broken)
	require.Equal(t, 1, p.Progress().Restarts)
}

// Goal: a new leader with the same state takes the stage over.
// Method: another leader starts in the middle; its Sender sends only the rest.
func TestANewLeaderWithTheSameStateTakesTheStageOver(t *testing.T) {
	w := newWorld(6, testLimits())
	s := makeState(5, 1, 400, 30)
	old := w.lead(1, 1, s)
	require.True(t, w.run(time.Minute, func() bool { return len(w.disk.chunks) > 200 }))
	p := w.lead(2, 2, s)
	require.True(t, w.run(time.Minute, func() bool { return p.State() == Succeeded && old.State() == Failed }))
	require.ErrorContains(t, old.Err(), "newer leader")
	require.Empty(t, w.broken)
	require.Less(t, p.Progress().Chunks, uint64(300))
}

// Goal: a sender ends, whatever becomes of the receiver (XFER-6, LIVE-04).
// Method: a network that delivers nothing; a receiver that loses its stage again and again; one
// that never gets on.
func TestASenderEnds(t *testing.T) {
	t.Run("silence", func(t *testing.T) {
		w := newWorld(7, testLimits())
		w.loss = 1
		p := w.lead(1, 1, makeState(5, 1, 10, 30))
		require.True(t, w.run(time.Minute, func() bool { return p.State() == Failed }))
		require.ErrorContains(t, p.Err(), "silent for 3s")
		require.Equal(t, env.Never, p.Deadline())
	})
	t.Run("restarts", func(t *testing.T) {
		w := newWorld(8, testLimits())
		p := w.lead(1, 1, makeState(5, 1, 1000, 30))
		for range 100 {
			if w.run(200*time.Millisecond, func() bool { return p.State() == Failed }) {
				break
			}
			w.disk = &stage{}
			w.crash()
		}
		require.Equal(t, Failed, p.State())
		require.ErrorContains(t, p.Err(), "fell back 17 times")
	})
	t.Run("no progress", func(t *testing.T) {
		w := newWorld(9, testLimits())
		p := w.lead(1, 1, makeState(5, 1, 1000, 30))
		require.True(t, w.run(time.Minute, func() bool { return len(w.disk.chunks) > 10 }))
		w.jobTime = time.Hour
		require.True(t, w.run(time.Minute, func() bool { return p.State() == Failed }))
		require.ErrorContains(t, p.Err(), "no progress at chunk")
	})
}

// Goal: same seed, same bytes.
// Method: run a faulty transfer twice and compare all that was counted.
func TestSameInputsGiveTheSameTransfer(t *testing.T) {
	run := func() (Progress, env.Instant, int) {
		w := newWorld(11, testLimits())
		w.loss, w.dup = 0.3, 0.3
		p := w.lead(1, 1, makeState(5, 1, 200, 30))
		require.True(t, w.run(time.Hour, func() bool { return p.State() == Succeeded }))
		return p.Progress(), w.now, w.seq
	}
	p1, t1, n1 := run()
	p2, t2, n2 := run()
	require.Equal(t, p1, p2)
	require.Equal(t, t1, t2)
	require.Equal(t, n1, n2)
}
