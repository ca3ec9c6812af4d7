package netsim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// World is one simulated world. It is single-threaded: everything happens inside
// Step, or in calls made between two Steps.
type World struct {
	// AfterEvent is called after every executed event; oracles live here.
	AfterEvent func()
	// Sink receives the trace; nil writes none. It must not change anything.
	Sink func(Event)
	// OnPanic is told that a program panicked, or broke the contract of its Host.
	// Its process is down from then on. When nil, panics go through to the
	// caller of Step.
	OnPanic func(p *Process, value any, stack []byte)
	// OnCrash is called just before a process crashes; Program is still there.
	OnCrash func(p *Process, mode CrashMode)
	// OnBoot is called after every start; err is BootError.
	OnBoot func(p *Process, err error)
	// OnSend may change the fate of a message before it is decided.
	OnSend func(m *Message)

	seed    uint64
	cfg     Config
	now     env.Instant
	q       queue
	hash    uint64
	events  uint64
	last    *Process
	burst   int // events since time last moved
	stopped bool
	stats   Stats

	procs    []*Process
	byID     map[env.NodeID]*Process
	links    map[linkKey]*link
	linkList []*link
	self     LinkConfig
	onSend   Message // scratch for OnSend
}

// New returns a world at virtual time 0 in which nothing happens yet.
func New(seed uint64, cfg Config) *World {
	cfg.fill()
	return &World{
		seed:  seed,
		cfg:   cfg,
		hash:  Derive(seed, "trace"),
		byID:  make(map[env.NodeID]*Process),
		links: make(map[linkKey]*link),
		self:  LinkConfig{FIFO: true},
	}
}

// Seed returns the seed of the world.
func (w *World) Seed() uint64 { return w.seed }

// Now is the virtual time since the start of the world.
func (w *World) Now() env.Instant { return w.now }

// Stats returns what has happened so far.
func (w *World) Stats() Stats {
	s := w.stats
	s.Events = w.events
	return s
}

// Stream returns the stream of random numbers that belongs to the identity
// (purpose, ids...) in this world. Two calls give equal, independent streams.
func (w *World) Stream(purpose string, ids ...uint64) *rand.Rand {
	return NewStream(w.seed, purpose, ids...)
}

// At calls fn at the given virtual time, or at once in the next event if that
// is past. Functions for the same time run in the order of the calls.
func (w *World) At(t env.Instant, fn func()) {
	w.push(t, &record{kind: KindAt, fn: fn})
}

// After calls fn after the given time.
func (w *World) After(d time.Duration, fn func()) { w.At(w.now.Add(d), fn) }

// Stop makes RunUntil return after the current event, and Step do nothing.
func (w *World) Stop() { w.stopped = true }

// Stopped reports whether Stop was called.
func (w *World) Stopped() bool { return w.stopped }

// Pending is the number of queued events, stale ones included.
func (w *World) Pending() int { return len(w.q.heap) }

// Step executes the next event and reports whether there was one.
func (w *World) Step() bool { return w.step(env.Never) }

// RunUntil executes all events up to the given time, moves the clock there and
// reports whether it got there: false means Stop was called.
func (w *World) RunUntil(t env.Instant) bool {
	for w.step(t) {
	}
	if w.stopped {
		return false
	}
	w.now = max(w.now, t)
	return true
}

// RunFor is RunUntil with a time from now.
func (w *World) RunFor(d time.Duration) bool { return w.RunUntil(w.now.Add(d)) }

// Last is the process the current or last event was for, so that oracles can look
// at that one only; nil after an event that was not for a process (KindAt), which
// may have changed any number of them.
func (w *World) Last() *Process { return w.last }

// push queues a record for time t, or for now when t is past.
func (w *World) push(t env.Instant, r *record) { w.q.push(max(t, w.now), r) }

// step executes the next event that is due by the limit.
func (w *World) step(limit env.Instant) bool {
	var r record
	for !w.stopped && len(w.q.heap) > 0 && w.q.heap[0].at <= limit {
		at := w.q.pop(&r)
		if w.stale(&r) {
			continue
		}
		w.advance(at)
		w.last = r.p
		if w.execute(&r) {
			if w.AfterEvent != nil {
				w.AfterEvent()
			}
			return true
		}
	}
	return false
}

func (w *World) advance(at env.Instant) {
	if at != w.now {
		w.now, w.burst = at, 0
		return
	}
	w.burst++
	if w.burst > w.cfg.MaxEventsPerInstant {
		panic(fmt.Sprintf("netsim: %d events at virtual time %v: some program never lets time pass",
			w.burst, time.Duration(w.now)))
	}
}

// stale reports whether nobody waits for the event any more.
func (w *World) stale(r *record) bool {
	switch r.kind {
	case KindTimer:
		return !r.p.timerDue(r.inc)
	case KindJobRun, KindJobDone, KindCall, kindDrain:
		return !r.p.alive || r.inc != r.p.incarnation
	}
	return false
}

// execute carries out one event; false means that it only moved on.
func (w *World) execute(r *record) bool {
	switch r.kind {
	case KindAt:
		w.events++
		w.happen(KindAt, nil, "", 0)
		r.fn()
	case KindDeliver:
		return w.arrive(r)
	case KindJobRun:
		return r.p.runJob(r)
	case kindDrain:
		return r.p.drain()
	default:
		return r.p.take(r)
	}
	return true
}

// Process returns the process with that id, or nil.
func (w *World) Process(id env.NodeID) *Process { return w.byID[id] }

// Processes returns all processes in the order they were added.
func (w *World) Processes() []*Process { return w.procs }
