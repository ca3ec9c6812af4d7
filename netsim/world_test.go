package netsim

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

// probe is a program that records its inputs and can be told what to do with them.
type probe struct {
	w         *World
	h         env.Host
	disk      *Disk
	log       []string
	times     []env.Instant // virtual times of the inputs
	turns     int
	onReceive func(from env.NodeID, payload []byte)
	onTick    func()
}

func (p *probe) note(s string) {
	p.log = append(p.log, s)
	p.times = append(p.times, p.w.Now())
}

func (p *probe) Receive(from env.NodeID, payload []byte) {
	p.note(fmt.Sprintf("%d:%s", from, payload))
	if p.onReceive != nil {
		p.onReceive(from, payload)
	}
}

func (p *probe) Tick() {
	p.note("tick")
	if p.onTick != nil {
		p.onTick()
	}
}

func (p *probe) Turn() { p.turns++ }

// job is a job that notes its Run and its Done.
type job struct {
	p    *probe
	name string
	run  func()
}

func (j *job) Run() {
	j.p.note("run " + j.name)
	if j.run != nil {
		j.run()
	}
}
func (j *job) Done() { j.p.note("done " + j.name) }

// start adds and starts a process that runs a probe.
func start(t testing.TB, w *World, id env.NodeID) (*Process, *probe) {
	t.Helper()
	p := w.AddProcess(id, func(h env.Host, d *Disk) (env.Program, error) {
		return &probe{w: w, h: h, disk: d}, nil
	})
	require.NoError(t, p.Start())
	return p, p.Program().(*probe)
}

func drain(w *World) {
	for w.Step() {
	}
}

// Goal: events come in the order of time, then of scheduling. Method: schedule
// out of order.
func TestEventsComeInOrderOfTimeThenOfScheduling(t *testing.T) {
	w := New(1, Config{})
	var got []string
	add := func(at env.Instant, s string) { w.At(at, func() { got = append(got, s) }) }
	for i := range 50 {
		at := env.Instant((i * 7919) % 10)
		add(at, fmt.Sprintf("%d/%02d", at, i))
	}
	require.False(t, w.RunUntil(4) && w.Now() != 4)
	for _, s := range got {
		require.LessOrEqual(t, s[:1], "4")
	}
	drain(w)
	require.Len(t, got, 50)
	require.IsIncreasing(t, got)
	require.EqualValues(t, 50, w.Stats().Events)
	require.EqualValues(t, 9, w.Now())
}

// Goal: a time that is past means now, and RunUntil moves the clock though
// nothing happens. Method: schedule into the past.
func TestThePastIsNow(t *testing.T) {
	w := New(1, Config{})
	require.True(t, w.RunUntil(100))
	ran := env.Instant(0)
	w.At(5, func() { ran = w.Now() })
	require.True(t, w.Step())
	require.EqualValues(t, 100, ran)
	require.False(t, w.Step())
}

// Goal: Stop ends RunUntil after the event. Method: stop in the first of two.
func TestStopEndsTheRun(t *testing.T) {
	w := New(1, Config{})
	n := 0
	w.At(1, func() { n++; w.Stop() })
	w.At(2, func() { n++ })
	require.False(t, w.RunUntil(10))
	require.True(t, w.Stopped())
	require.Equal(t, 1, n)
	require.EqualValues(t, 1, w.Now())
}

// Goal: a program that never lets time pass is an error, not a hang. Method: a
// tick that arms for now.
func TestStuckTimePanics(t *testing.T) {
	w := New(1, Config{MaxEventsPerInstant: 1000})
	_, a := start(t, w, 1)
	a.onTick = func() { a.h.Arm(a.h.Now()) }
	a.h.Arm(a.h.Now())
	require.PanicsWithValue(t, "netsim: 1001 events at virtual time 0s: some program never lets time pass", func() { drain(w) })
}

// Goal: AfterEvent runs once after each event. Method: count both.
func TestAfterEventRunsAfterEachEvent(t *testing.T) {
	w := New(1, DefaultConfig())
	n := uint64(0)
	w.AfterEvent = func() { n++ }
	_, a := start(t, w, 1)
	_, b := start(t, w, 2)
	b.onReceive = func(from env.NodeID, payload []byte) { b.h.Submit(env.LaneWAL, &job{p: b, name: "x"}) }
	for range 10 {
		a.h.Send(2, env.ChannelControl, []byte("m"))
		a.h.Arm(a.h.Now() + 1000)
	}
	drain(w)
	require.EqualValues(t, 10+20+1, n)
	require.Equal(t, n, w.Stats().Events)
}

// chatter runs a busy little world and returns it with its trace. skip leaves out
// one message of process 1.
func chatter(t testing.TB, seed uint64, skip int) (*World, string) {
	cfg := DefaultConfig()
	cfg.Link.Loss, cfg.Link.Duplicate = 0.1, 0.1
	w := New(seed, cfg)
	var trace bytes.Buffer
	w.Sink = func(e Event) { fmt.Fprintf(&trace, "%v %x\n", e, e.Payload) }
	probes := make(map[env.NodeID]*probe)
	for id := env.NodeID(1); id <= 4; id++ {
		_, probes[id] = start(t, w, id)
	}
	for i := range 200 {
		w.At(env.Instant(i)*env.Instant(time.Millisecond), func() {
			for from := env.NodeID(1); from <= 3; from++ {
				if from == 1 && i == skip {
					continue
				}
				probes[from].h.Send(4, env.ChannelControl, fmt.Appendf(nil, "%d-%d", from, i))
				probes[from].h.Submit(env.LaneWAL, &job{p: probes[from], name: fmt.Sprint(i)})
			}
		})
	}
	w.After(50*time.Millisecond, func() { w.Process(2).Crash(PowerLoss) })
	w.After(60*time.Millisecond, func() {
		require.NoError(t, w.Process(2).Start())
		probes[2] = w.Process(2).Program().(*probe)
	})
	drain(w)
	return w, trace.String()
}

// Goal: the same seed gives the same course, another seed another (SIM-1). Method:
// compare hashes and whole traces, with and without a sink.
func TestSameSeedSameCourse(t *testing.T) {
	a, traceA := chatter(t, 7, -1)
	b, traceB := chatter(t, 7, -1)
	c, traceC := chatter(t, 8, -1)
	require.Equal(t, a.TraceHash(), b.TraceHash())
	require.Equal(t, traceA, traceB)
	require.Equal(t, a.Stats(), b.Stats())
	require.NotEqual(t, a.TraceHash(), c.TraceHash())
	require.NotEqual(t, traceA, traceC)
	require.NotZero(t, a.Stats().DroppedLoss)
	require.NotZero(t, a.Stats().Duplicated)
}

// Goal: the course is the same in another process with another GOMAXPROCS (SIM-1).
// Method: this test runs itself in child processes, which print their hash.
func TestSameCourseInAnotherProcess(t *testing.T) {
	const marker = "trace-hash="
	w, _ := chatter(t, 7, -1)
	mine := fmt.Sprintf("%s%016x", marker, w.TraceHash())
	if os.Getenv("NETSIM_CHILD") != "" {
		fmt.Println(mine)
		return
	}
	for _, procs := range []string{"1", "4"} {
		child := exec.Command(os.Args[0], "-test.run=^TestSameCourseInAnotherProcess$")
		child.Env = append(os.Environ(), "NETSIM_CHILD=1", "GOMAXPROCS="+procs)
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), mine)
	}
}

// Goal: a sink changes nothing. Method: run with and without.
func TestTheSinkChangesNothing(t *testing.T) {
	run := func(sink func(Event)) uint64 {
		w := New(3, DefaultConfig())
		w.Sink = sink
		_, a := start(t, w, 1)
		start(t, w, 2)
		w.Cut(2, 1)
		w.Trace("fact", 1, 2)
		w.TraceBytes("bytes", []byte("x"))
		f, err := a.disk.Create("f", "")
		require.NoError(t, err)
		_, err = f.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, f.Sync())
		a.h.Send(2, env.ChannelControl, []byte("m"))
		drain(w)
		return w.TraceHash()
	}
	lines := 0
	require.Equal(t, run(nil), run(func(e Event) { lines++; require.NotEmpty(t, e.String()) }))
	require.Greater(t, lines, 6)
}

// Goal: the content of messages and of written files counts in the hash. Method: vary
// one byte of each.
func TestContentsCountInTheHash(t *testing.T) {
	run := func(message, content string) uint64 {
		w, a, _ := pair(t, Config{})
		a.h.Send(2, env.ChannelControl, []byte(message))
		put(t, a.disk, "f", content, false)
		drain(w)
		return w.TraceHash()
	}
	require.Equal(t, run("a", "a"), run("a", "a"))
	require.NotEqual(t, run("a", "a"), run("b", "a"))
	require.NotEqual(t, run("a", "a"), run("a", "b"))
}

// Goal: facts of the caller's own count in the hash. Method: vary them.
func TestTraceMixesCallersFacts(t *testing.T) {
	hash := func(fn func(w *World)) uint64 {
		w := New(1, Config{})
		fn(w)
		return w.TraceHash()
	}
	seen := map[uint64]bool{}
	for _, fn := range []func(w *World){
		func(*World) {},
		func(w *World) { w.Trace("a") },
		func(w *World) { w.Trace("b") },
		func(w *World) { w.Trace("a", 1) },
		func(w *World) { w.Trace("a", 1, 2) },
		func(w *World) { w.Trace("a", 2, 1) },
		func(w *World) { w.TraceBytes("a", []byte{1}) },
		func(w *World) { w.TraceBytes("a", []byte{2}) },
	} {
		seen[hash(fn)] = true
	}
	require.Len(t, seen, 8)
}

// Goal: streams are keyed by identity and not shared (SIM-2). Method: draw from one
// and see that the other is what it was.
func TestStreamsAreKeyedByIdentity(t *testing.T) {
	w := New(5, Config{})
	want := w.Stream("load", 1, 2).Uint64()
	w.Stream("load", 1, 1).Uint64()
	r := w.Stream("load", 1, 2)
	var _ env.Rand = r
	require.Equal(t, want, r.Uint64())
	seen := map[uint64]bool{want: true}
	for _, v := range []uint64{
		r.Uint64(), w.Stream("load", 2, 1).Uint64(), w.Stream("load", 1).Uint64(), w.Stream("plan", 1, 2).Uint64(),
		New(6, Config{}).Stream("load", 1, 2).Uint64(), w.Stream("load").Uint64(),
	} {
		require.False(t, seen[v])
		seen[v] = true
	}
}

// Goal: removing one message leaves the fate of all others alone (SIM-2). Method: the
// same run without one message; compare arrivals of all the others.
func TestRemovingAMessageLeavesTheOthersAlone(t *testing.T) {
	arrivals := func(skip int) map[string][]env.Instant {
		w, _ := chatter(t, 11, skip)
		got := make(map[string][]env.Instant)
		p := w.Process(4).Program().(*probe)
		for i, s := range p.log {
			got[s] = append(got[s], p.times[i])
		}
		return got
	}
	for _, skip := range []int{0, 20, 77} {
		want, got := arrivals(-1), arrivals(skip)
		gone := fmt.Sprintf("1:1-%d", skip)
		require.NotEmpty(t, want[gone], "choose a message that arrives")
		delete(want, gone)
		require.Equal(t, want, got)
	}
}

// Goal: the counters can be listed and subtracted. Method: by hand.
func TestStatsMapAndSub(t *testing.T) {
	a := Stats{Sent: 3, Wipes: 1}
	require.Equal(t, map[string]uint64{"Sent": 3, "Wipes": 1}, a.Map())
	require.Equal(t, Stats{Sent: 2, Wipes: 1}, a.Sub(Stats{Sent: 1}))
}
