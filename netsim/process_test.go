package netsim

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Goal: each input is followed by a Turn, and so is a start; Run is not (SIM-5).
// Method: count.
func TestEachInputEndsInATurn(t *testing.T) {
	w, a, b := pair(t, Config{})
	require.Equal(t, 1, a.turns)
	a.h.Send(2, env.ChannelControl, nil)
	b.h.Arm(b.h.Now())
	b.h.Submit(env.LaneApply, &job{p: b, name: "j"})
	require.True(t, w.Process(2).Inject(func(p env.Program) {
		require.Same(t, b, p)
		b.note("call")
	}))
	drain(w)
	require.ElementsMatch(t, []string{"1:", "tick", "run j", "done j", "call"}, b.log)
	require.Equal(t, 1+4, b.turns)
}

// Goal: Arm replaces, Never cancels, a past time means now. Method: each.
func TestTimer(t *testing.T) {
	w, a, _ := pair(t, Config{})
	t0 := a.h.Now()
	a.h.Arm(t0 + 100)
	a.h.Arm(t0 + 50)
	drain(w)
	require.Equal(t, []env.Instant{50}, a.times)
	a.h.Arm(t0 + 100)
	a.h.Arm(t0 + 200)
	drain(w)
	require.Equal(t, []env.Instant{50, 200}, a.times)
	a.h.Arm(t0 + 300)
	a.h.Arm(env.Never)
	drain(w)
	require.Len(t, a.times, 2)
	a.h.Arm(t0)
	drain(w)
	require.Equal(t, []env.Instant{50, 200, 200}, a.times)
	a.h.Arm(env.Never - 1)
	drain(w)
	require.Len(t, a.times, 3)
	a.h.Arm(t0 + 400)
	a.h.Arm(t0 + 300)
	a.onTick = func() {
		a.onTick = nil
		a.h.Arm(t0 + 500)
	}
	drain(w)
	require.Equal(t, []env.Instant{50, 200, 200, 300, 500}, a.times)
}

// Goal: ticks come late by the configured slack, never early. Method: many ticks.
func TestTimerSlack(t *testing.T) {
	w, a, _ := pair(t, Config{TimerSlack: Dist{Jitter: 10}})
	late := map[env.Instant]bool{}
	for range 200 {
		at := w.Now() + 100
		a.h.Arm(a.h.Now() + 100)
		drain(w)
		late[w.Now()-at] = true
	}
	require.Len(t, late, 11)
	require.True(t, late[0] && late[10])
}

// Goal: after a crash nothing of the old incarnation is called back, and what it
// does has no effect (SIM-4). Method: crash with all kinds of inputs under way.
func TestNothingIsCalledBackAfterACrash(t *testing.T) {
	w, a, b := pair(t, Config{Link: LinkConfig{Delay: Dist{Base: 10}}})
	pb := w.Process(2)
	a.h.Send(2, env.ChannelControl, []byte("old"))
	b.h.Arm(b.h.Now() + 10)
	b.h.Submit(env.LaneApply, &job{p: b, name: "j"})
	b.h.Submit(env.LaneApply, &job{p: b, name: "k"})
	pb.Inject(func(env.Program) { b.note("call") })
	crashed := 0
	w.OnCrash = func(p *Process, mode CrashMode) {
		crashed++
		require.Same(t, b, p.Program())
		require.Equal(t, ProcessKill, mode)
		require.True(t, p.Alive())
	}
	pb.Crash(ProcessKill)
	require.Equal(t, 1, crashed)
	require.False(t, pb.Alive())
	require.False(t, pb.Inject(func(env.Program) {}))
	require.NoError(t, pb.Start())
	b.h.Send(1, env.ChannelControl, nil)
	b.h.Arm(b.h.Now())
	b.h.Submit(env.LaneApply, &job{p: b, name: "l"})
	turns := b.turns
	drain(w)
	require.Empty(t, b.log)
	require.Empty(t, a.log)
	require.Equal(t, turns, b.turns)
	require.Equal(t, []string{"1:old"}, pb.Program().(*probe).log, "the new incarnation gets old messages")
	s := w.Stats()
	require.EqualValues(t, 3, s.LateHostCalls)
	require.EqualValues(t, 2, s.LostJobs)
	require.EqualValues(t, 1, s.Kills)
	require.EqualValues(t, 1, s.Restarts)
	require.EqualValues(t, 3, s.Boots)
	require.EqualValues(t, 2, pb.Incarnation())
}

// Goal: messages to a process that is down are lost. Method: send to one.
func TestMessagesToADeadProcessAreLost(t *testing.T) {
	w, a, _ := pair(t, Config{})
	w.Process(2).Crash(PowerLoss)
	a.h.Send(2, env.ChannelControl, nil)
	drain(w)
	require.EqualValues(t, 1, w.Stats().DroppedDead)
	require.EqualValues(t, 1, w.Stats().PowerLosses)
}

// Goal: a crash asked for in the middle of a callback comes at its end, and what
// the program still does has no effect; it gets no Turn. Method: crash from inside.
func TestCrashInsideACallbackComesAtItsEnd(t *testing.T) {
	for _, panics := range []bool{false, true} {
		w, a, b := pair(t, Config{})
		a.h.Send(2, env.ChannelControl, nil)
		after := false
		b.onReceive = func(env.NodeID, []byte) {
			w.Process(2).Crash(ProcessKill)
			require.True(t, w.Process(2).Alive())
			b.h.Send(1, env.ChannelControl, nil)
			after = true
			if panics {
				panic("nobody hears this")
			}
		}
		drain(w)
		require.True(t, after)
		require.False(t, w.Process(2).Alive())
		require.Empty(t, a.log)
		require.Equal(t, 1, b.turns)
		require.EqualValues(t, 1, w.Stats().Kills)
		require.Zero(t, w.Stats().Panics)
	}
}

// Goal: a start that fails leaves the process down and the error kept. Method: fail,
// then succeed with another boot.
func TestBootErrors(t *testing.T) {
	w := New(1, Config{})
	bad := errors.New("disk looks odd")
	var seen []error
	w.OnBoot = func(_ *Process, err error) { seen = append(seen, err) }
	p := w.AddProcess(1, func(h env.Host, _ *Disk) (env.Program, error) {
		h.Arm(h.Now())
		return nil, bad
	})
	require.ErrorIs(t, p.Start(), bad)
	require.ErrorIs(t, p.BootError(), bad)
	require.False(t, p.Alive())
	require.False(t, w.Step())
	p.SetBoot(func(env.Host, *Disk) (env.Program, error) { return nil, nil })
	require.ErrorContains(t, p.Start(), "no program")
	p.SetBoot(func(h env.Host, _ *Disk) (env.Program, error) { return &probe{w: w, h: h}, nil })
	require.NoError(t, p.Start())
	require.NoError(t, p.BootError())
	require.Len(t, seen, 3)
	require.EqualValues(t, 2, w.Stats().BootErrors)
	require.EqualValues(t, 1, w.Stats().Boots)
	require.Panics(t, func() { _ = p.Start() })
	require.NoError(t, p.Restart())
	require.EqualValues(t, 4, p.Incarnation())
	require.EqualValues(t, 1, w.Stats().Kills)
}

// Goal: panics become a report and a dead process where OnPanic is set, in
// callbacks, jobs and starts; without it they go through. Method: each.
func TestPanicsAreReported(t *testing.T) {
	w, a, b := pair(t, Config{})
	type report struct {
		p     *Process
		value any
	}
	var got []report
	w.OnPanic = func(p *Process, v any, stack []byte) {
		require.Contains(t, string(stack), "process_test.go")
		got = append(got, report{p, v})
	}
	b.onReceive = func(env.NodeID, []byte) { panic("broken invariant") }
	a.h.Send(2, env.ChannelControl, nil)
	a.h.Submit(env.LaneWAL, &job{p: a, name: "j", run: func() { panic("job") }})
	drain(w)
	p3 := w.AddProcess(3, func(env.Host, *Disk) (env.Program, error) { panic("boot") })
	require.ErrorContains(t, p3.Start(), "panicked while starting: boot")
	require.Equal(t, []report{{w.Process(2), "broken invariant"}, {w.Process(1), "job"}, {p3, "boot"}}, got)
	require.Equal(t, "broken invariant", w.Process(2).Panicked())
	require.False(t, w.Process(1).Alive() || w.Process(2).Alive() || p3.Alive())
	require.EqualValues(t, 3, w.Stats().Panics)
	w.OnPanic = nil
	require.PanicsWithValue(t, "boot", func() { _ = p3.Start() })
}

// Goal: a paused process takes nothing, and takes what waited first and in order
// after it resumes (SIM-5). Method: all kinds of inputs while paused, one more after.
func TestPausedInputsComeFirstAfterResume(t *testing.T) {
	w, a, b := pair(t, Config{})
	p := w.Process(2)
	b.h.Submit(env.LaneWAL, &job{p: b, name: "j"})
	b.h.Arm(b.h.Now() + 5)
	w.At(1, func() { a.h.Send(2, env.ChannelControl, []byte("1")) })
	w.At(7, func() { a.h.Send(2, env.ChannelControl, []byte("2")) })
	p.Pause()
	w.RunUntil(100)
	require.True(t, p.Paused())
	require.Empty(t, b.log)
	p.Resume()
	a.h.Send(2, env.ChannelControl, []byte("3"))
	drain(w)
	require.Equal(t, []string{"run j", "1:1", "tick", "1:2", "1:3", "done j"}, b.log)
	require.EqualValues(t, 1, w.Stats().Pauses)
	require.EqualValues(t, 100, w.Now())
	require.NotZero(t, w.Stats().HeldInputs)
}

// Goal: a crash loses what waited for a paused process. Method: kill it.
func TestACrashLosesWhatWaited(t *testing.T) {
	w, a, b := pair(t, Config{})
	p := w.Process(2)
	p.Pause()
	a.h.Send(2, env.ChannelControl, nil)
	drain(w)
	p.Crash(ProcessKill)
	require.NoError(t, p.Start())
	require.False(t, p.Paused())
	p.Resume()
	drain(w)
	require.Empty(t, b.log)
	a.h.Send(2, env.ChannelControl, []byte("new"))
	drain(w)
	require.Equal(t, []string{"1:new"}, p.Program().(*probe).log)
	require.EqualValues(t, 1, w.Stats().DroppedDead)
}

// Goal: a slow loop takes its inputs one after the other. Method: three at once.
func TestSlowLoopSpreadsInputs(t *testing.T) {
	w, a, b := pair(t, Config{})
	w.Process(2).SlowLoop(10)
	for range 3 {
		a.h.Send(2, env.ChannelControl, nil)
	}
	drain(w)
	require.Equal(t, []env.Instant{0, 10, 20}, b.times)
	require.Equal(t, 1+3, b.turns)
	require.EqualValues(t, 3, w.Stats().SlowedInputs)
}

// Goal: inputs that waited can share a Turn. Method: InputsPerTurn 2, five inputs.
func TestInputsPerTurn(t *testing.T) {
	w, a, b := pair(t, Config{InputsPerTurn: 2})
	w.Process(2).Pause()
	for range 5 {
		a.h.Send(2, env.ChannelControl, nil)
	}
	drain(w)
	w.Process(2).Resume()
	drain(w)
	require.Len(t, b.log, 5)
	require.Equal(t, 1+3, b.turns)
}

// Goal: jobs of a lane run one at a time and in order, each after its latency, and
// lanes do not wait for each other (SIM-6). Method: times of two lanes.
func TestLanesRunInOrder(t *testing.T) {
	cfg := Config{}
	cfg.Lanes[env.LaneWAL] = LaneConfig{Run: Dist{Base: 100}, Done: Dist{Base: 30}}
	cfg.Lanes[env.LaneApply] = LaneConfig{Run: Dist{Base: 150}}
	w, a, _ := pair(t, cfg)
	a.h.Submit(env.LaneWAL, &job{p: a, name: "1"})
	a.h.Submit(env.LaneWAL, &job{p: a, name: "2"})
	a.h.Submit(env.LaneApply, &job{p: a, name: "3"})
	require.Equal(t, 2, w.Process(1).LaneDepth(env.LaneWAL))
	drain(w)
	require.Equal(t, []string{"run 1", "done 1", "run 3", "done 3", "run 2", "done 2"}, a.log)
	require.Equal(t, []env.Instant{100, 130, 150, 150, 200, 230}, a.times)
	require.Zero(t, w.Process(1).LaneDepth(env.LaneWAL))
	require.Panics(t, func() { a.h.Submit(env.NumLanes, &job{}) })
}

// Goal: Done keeps the order of Run though each has its own delay (ENV-3). Method:
// many jobs with much jitter.
func TestDoneKeepsTheOrder(t *testing.T) {
	cfg := Config{}
	cfg.Lanes[env.LaneWAL] = LaneConfig{Run: Dist{Jitter: 10}, Done: Dist{Jitter: 1000}}
	w, a, _ := pair(t, cfg)
	var want []string
	for i := range 100 {
		name := string(rune('a' + i))
		a.h.Submit(env.LaneWAL, &job{p: a, name: name})
		want = append(want, "done "+name)
	}
	drain(w)
	var got []string
	for _, s := range a.log {
		if s[:4] == "done" {
			got = append(got, s)
		}
	}
	require.Equal(t, want, got)
}

// Goal: a crash before Run loses the job, one between Run and Done leaves it done and
// unacknowledged (SIM-6). Method: both.
func TestCrashesAroundAJob(t *testing.T) {
	cfg := Config{}
	cfg.Lanes[env.LaneWAL] = LaneConfig{Run: Dist{Base: 100}, Done: Dist{Base: 100}}
	for at, want := range map[time.Duration][]string{50: nil, 150: {"run j"}, 250: {"run j", "done j"}} {
		w, a, _ := pair(t, cfg)
		a.h.Submit(env.LaneWAL, &job{p: a, name: "j"})
		w.RunFor(at)
		w.Process(1).Crash(ProcessKill)
		drain(w)
		require.Equal(t, want, a.log)
		require.EqualValues(t, at == 50, w.Stats().LostJobs == 1)
		require.EqualValues(t, at == 150, w.Stats().UnackedJobs == 1)
	}
}

// Goal: lanes can be slowed and stalled, and say so. Method: each.
func TestSlowAndStalledLanes(t *testing.T) {
	cfg := Config{}
	cfg.Lanes[env.LaneWAL] = LaneConfig{Run: Dist{Base: 100}}
	w, a, _ := pair(t, cfg)
	p := w.Process(1)
	took := func() time.Duration {
		t0 := w.Now()
		a.h.Submit(env.LaneWAL, &job{p: a, name: "j"})
		drain(w)
		return w.Now().Sub(t0)
	}
	p.SlowLane(env.LaneWAL, 2.5, 7)
	require.EqualValues(t, 257, took())
	p.SlowLane(env.LaneWAL, 0, 7)
	require.EqualValues(t, 107, took())
	p.SlowLane(env.LaneWAL, 0, 0)
	require.EqualValues(t, 100, took())
	require.EqualValues(t, 2, w.Stats().SlowedJobs)
	p.StallLane(env.LaneWAL, time.Second)
	require.Equal(t, time.Second, took())
	require.EqualValues(t, 1, w.Stats().LaneStalls)
	require.EqualValues(t, 100, took())
	require.Equal(t, LaneStats{Run: 5, Slowed: 2, Stalled: 1}, p.LaneStats(env.LaneWAL))
	require.Zero(t, p.LaneStats(env.LaneApply))
	require.Zero(t, w.Process(2).LaneStats(env.LaneWAL))
}

// Goal: the tail of the WAL lane counts as fsync stalls. Method: a tail that always hits.
func TestFsyncStalls(t *testing.T) {
	cfg := Config{}
	cfg.Lanes[env.LaneWAL] = LaneConfig{Run: Dist{Tail: 1, TailMin: 5, TailMax: 5}}
	w, a, _ := pair(t, cfg)
	a.h.Submit(env.LaneWAL, &job{p: a, name: "j"})
	drain(w)
	require.EqualValues(t, 5, w.Now())
	require.EqualValues(t, 1, w.Stats().FsyncStalls)
}

// Goal: ids are taken once. Method: take one twice, and 0.
func TestProcessIDs(t *testing.T) {
	w, _, _ := pair(t, Config{})
	require.Panics(t, func() { w.AddProcess(1, nil) })
	require.Panics(t, func() { w.AddProcess(0, nil) })
	require.Len(t, w.Processes(), 2)
	require.EqualValues(t, 2, w.Process(2).ID())
	require.Nil(t, w.Process(9))
	require.Nil(t, w.AddProcess(9, nil).Host())
}
