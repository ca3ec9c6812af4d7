package osio

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

// ENV-2, OSIO-1: everything runs one at a time. Many goroutines post while jobs finish on all
// lanes; every callback checks that it is alone, and the race detector watches plain counters.
func TestCallbacksNeverOverlap(t *testing.T) {
	const posters, posts = 8, 500
	loop := NewLoop(nil)
	p := &program{}
	start(t, loop, p)

	var inside atomic.Int32
	overlaps, seen := 0, 0
	alone := func() {
		if inside.Add(1) != 1 {
			overlaps++
		}
		seen++
		inside.Add(-1)
	}
	var wg sync.WaitGroup
	for range posters {
		wg.Go(func() {
			for i := range posts {
				require.True(t, loop.Post(func() {
					alone()
					loop.Submit(env.Lane(i%int(env.NumLanes)), &job{done: alone})
				}))
			}
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool {
		var n int
		require.NoError(t, loop.Call(t.Context(), func() { n = seen }))
		return n == 2*posters*posts
	}, time.Minute, time.Millisecond)
	loop.Close()
	require.Zero(t, overlaps)
}

// ENV-3: jobs of a lane run and are done in submission order while a job of another lane is stuck.
func TestLaneIsFirstInFirstOut(t *testing.T) {
	loop := NewLoop(nil)
	start(t, loop, &program{})
	stuck := make(chan struct{})
	var ran, done []int
	finished := make(chan struct{})
	loop.Post(func() {
		loop.Submit(env.LaneFetch, &job{run: func() { <-stuck }})
		for i := range 1000 {
			loop.Submit(env.LaneWAL, &job{
				run: func() { ran = append(ran, i) },
				done: func() {
					done = append(done, i)
					if i == 999 {
						close(finished)
					}
				},
			})
		}
	})
	<-finished
	close(stuck)
	for i := range 1000 {
		require.Equal(t, i, ran[i])
		require.Equal(t, i, done[i])
	}
}

// OSIO-2: what waits when a turn begins is handled before one call of Turn, and turn-end functions
// come after it, those that they add as well.
func TestTurnHandlesAllThatWaits(t *testing.T) {
	loop := NewLoop(nil)
	p := &program{}
	first := make(chan struct{})
	for range 3 {
		loop.Post(func() { p.calls = append(p.calls, "event") })
	}
	loop.Post(func() {
		loop.AtTurnEnd(func() {
			p.calls = append(p.calls, "end")
			loop.AtTurnEnd(func() {
				p.calls = append(p.calls, "end2")
				close(first)
			})
		})
	})
	start(t, loop, p)
	<-first
	var calls []string
	require.NoError(t, loop.Call(t.Context(), func() { calls = append(calls, p.calls...) }))
	require.Equal(t, []string{"event", "event", "event", "turn", "end", "end2"}, calls)
}

// Arm: the tick comes not before its instant, an earlier request replaces a later one, Never
// cancels, and a program that arms itself again is called again.
func TestArmTicksAtTheInstant(t *testing.T) {
	loop := NewLoop(nil)
	p := &program{}
	ticks := make(chan env.Instant, 16)
	var armed env.Instant
	p.onTick = func() {
		ticks <- loop.Now()
		if len(p.calls) < 5 {
			armed = loop.Now().Add(time.Millisecond)
			loop.Arm(armed)
		}
	}
	start(t, loop, p)
	var first env.Instant
	require.NoError(t, loop.Call(t.Context(), func() {
		loop.Arm(loop.Now().Add(time.Hour))
	}))
	require.NoError(t, loop.Call(t.Context(), func() {
		first = loop.Now().Add(5 * time.Millisecond)
		loop.Arm(first)
	}))
	require.GreaterOrEqual(t, <-ticks, first)
	<-ticks
	require.NoError(t, loop.Call(t.Context(), func() {
		loop.Arm(loop.Now())
		loop.Arm(env.Never)
		p.calls = nil
	}))
	var calls []string
	require.NoError(t, loop.Call(t.Context(), func() { calls = append(calls, p.calls...) }))
	require.NotContains(t, calls, "tick")
}

// A deadline that moves further away does not tick at the old instant: the time.Timer that fires
// early finds nothing due.
func TestArmLaterReplaces(t *testing.T) {
	loop := NewLoop(nil)
	p := &program{}
	ticked := make(chan env.Instant, 1)
	p.onTick = func() { ticked <- loop.Now() }
	start(t, loop, p)
	var later env.Instant
	require.NoError(t, loop.Call(t.Context(), func() { loop.Arm(loop.Now().Add(10 * time.Millisecond)) }))
	require.NoError(t, loop.Call(t.Context(), func() {
		later = loop.Now().Add(30 * time.Millisecond)
		loop.Arm(later)
	}))
	require.GreaterOrEqual(t, <-ticked, later)
}

// OSIO-2: an idle loop sleeps. Between two calls with nothing to do no turn is taken but the
// calls' own.
func TestIdleLoopTakesNoTurns(t *testing.T) {
	loop := NewLoop(nil)
	p := &program{}
	start(t, loop, p)
	var before, after int
	require.NoError(t, loop.Call(t.Context(), func() { before = len(p.calls) }))
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, loop.Call(t.Context(), func() { after = len(p.calls) }))
	require.Equal(t, before+1, after)
}

// OSIO-4: after Close nothing runs: a running job is waited for, those behind it are dropped, its
// Done is not called, and Post and Call refuse.
func TestCloseStopsEverything(t *testing.T) {
	loop := NewLoop(nil)
	ended := make(chan struct{})
	go func() { loop.Run(&program{}); close(ended) }()
	running, release := make(chan struct{}), make(chan struct{})
	var finished, second, done atomic.Bool
	loop.Post(func() {
		loop.Submit(env.LaneWAL, &job{
			run:  func() { close(running); <-release; finished.Store(true) },
			done: func() { done.Store(true) },
		})
		loop.Submit(env.LaneWAL, &job{run: func() { second.Store(true) }})
	})
	<-running
	closed := make(chan struct{})
	go func() { loop.Close(); close(closed) }()
	for loop.Post(func() {}) {
		time.Sleep(time.Millisecond)
	}
	close(release)
	<-closed
	<-ended
	require.True(t, finished.Load(), "Close must wait for the running job")
	require.False(t, second.Load())
	require.False(t, done.Load())
	require.ErrorIs(t, loop.Call(t.Context(), func() {}), ErrLoopClosed)
	loop.Close()
}

// Call ends with its context although the loop is busy, and with ErrLoopClosed when the loop
// closes before its turn.
func TestCallEndsWithoutTheLoop(t *testing.T) {
	loop := NewLoop(nil)
	busy, release := make(chan struct{}), make(chan struct{})
	ended := make(chan struct{})
	go func() { loop.Run(&program{}); close(ended) }()
	loop.Post(func() { close(busy); <-release })
	<-busy
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, loop.Call(ctx, func() {}), context.Canceled)

	called := make(chan error, 1)
	go func() { called <- loop.Call(context.Background(), func() {}) }()
	go loop.Close()
	for loop.Post(func() {}) {
		time.Sleep(time.Millisecond)
	}
	close(release)
	require.ErrorIs(t, <-called, ErrLoopClosed)
	<-ended
}

// A loop that never ran closes, and running it afterwards does nothing.
func TestCloseBeforeRun(t *testing.T) {
	loop := NewLoop(nil)
	loop.Close()
	p := &program{}
	loop.Run(p)
	require.Empty(t, p.calls)
	require.False(t, loop.Post(func() {}))
}

// OSIO-3: a panicking job ends the process. Method: this binary, started again, runs one.
func TestJobPanicEndsProcess(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), panickingJobEnv+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "the process must fail: %v", err)
	require.Contains(t, string(out), "job went wrong")
}

// A submitter without bounds is caught rather than left to fill the memory.
func TestUnboundedSubmitterPanics(t *testing.T) {
	loop := NewLoop(nil)
	defer loop.Close()
	j := &job{}
	for range maxLaneJobs {
		loop.Submit(env.LaneApply, j)
	}
	require.PanicsWithValue(t, "osio: 65537 jobs wait on lane apply: the submitter does not bound its outstanding jobs",
		func() { loop.Submit(env.LaneApply, j) })
}

// Now never goes back and is the same for all clocks of a process.
func TestClockIsMonotonic(t *testing.T) {
	var a, b Clock
	last := a.Now()
	for range 1000 {
		now := b.Now()
		require.GreaterOrEqual(t, now, last)
		last = now
	}
}

// BenchmarkPost measures what an event costs the loop, with two posters.
func BenchmarkPost(b *testing.B) {
	loop := NewLoop(nil)
	ended := make(chan struct{})
	go func() { loop.Run(&program{onTurn: func() {}}); close(ended) }()
	n := 0
	fn := func() { n++ }
	b.ReportAllocs()
	for b.Loop() {
		loop.Post(fn)
	}
	loop.Close()
	<-ended
}
