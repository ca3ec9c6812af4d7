package osio

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/holdfastdb/holdfast/kv/env"
)

// ErrLoopClosed is returned by Call when the loop is closed, before or while
// the function waits for its turn.
var ErrLoopClosed = errors.New("osio: the event loop is closed")

// event is one input of the loop: a posted function or a finished job.
type event struct {
	fn  func()
	job env.Job
}

// Loop is the event loop of one node: env.Host over the real clock, goroutines
// and a given transport. See the package comment for its contract.
type Loop struct {
	Clock
	transport env.Transport
	inbox     *mailbox[event]
	lanes     [env.NumLanes]*lane
	timer     alarm

	// turnEnd is owned by the loop's goroutine.
	turnEnd, turnEndSpare []func()

	mu      sync.Mutex
	started bool
	closed  bool
	// stopped is closed when Run has returned and all lanes have ended.
	stopped chan struct{}
}

var _ env.Host = (*Loop)(nil)

// NewLoop returns a loop that sends through transport. No goroutine is started
// before Run; until then the caller may use the Host methods (a node does so in
// its constructor), and what they ask for happens once the loop runs.
func NewLoop(transport env.Transport) *Loop {
	l := &Loop{
		transport: transport,
		inbox:     newMailbox[event](),
		stopped:   make(chan struct{}),
	}
	l.timer.init()
	for i := range l.lanes {
		l.lanes[i] = newLane(env.Lane(i), func(job env.Job) { l.inbox.put(event{job: job}) })
	}
	return l
}

// Send hands the payload to the transport.
func (l *Loop) Send(to env.NodeID, channel env.Channel, payload []byte) {
	l.transport.Send(to, channel, payload)
}

// Arm asks for one Tick at or soon after the instant; it replaces any earlier
// request. Only on the loop.
func (l *Loop) Arm(at env.Instant) { l.timer.arm(at) }

// Submit queues a job on its lane.
func (l *Loop) Submit(lane env.Lane, job env.Job) {
	if lane < 0 || lane >= env.NumLanes {
		panic(fmt.Sprintf("osio: no lane %d", lane))
	}
	l.lanes[lane].submit(job)
}

// Post queues fn to be called on the loop and returns at once, from any
// goroutine. It reports whether fn was queued: false says that the loop is
// closed and fn is never called. A queued fn is not called either if the loop
// closes first.
func (l *Loop) Post(fn func()) bool { return l.inbox.put(event{fn: fn}) > 0 }

// Call runs fn on the loop and waits until it returned. It must not be called on the
// loop. Errors: ErrLoopClosed (fn was not and will not be called), or the
// context's error (fn may be called later).
func (l *Loop) Call(ctx context.Context, fn func()) error {
	done := make(chan struct{})
	if !l.Post(func() { fn(); close(done) }) {
		return ErrLoopClosed
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stopped:
		select {
		case <-done:
			return nil
		default:
			return ErrLoopClosed
		}
	}
}

// AtTurnEnd has fn called once at the end of the current turn, after the
// program's Turn. Only on the loop.
func (l *Loop) AtTurnEnd(fn func()) { l.turnEnd = append(l.turnEnd, fn) }

// Run drives the program on the calling goroutine until Close. It may be
// called once.
func (l *Loop) Run(program env.Program) {
	l.mu.Lock()
	if l.started {
		l.mu.Unlock()
		panic("osio: Loop.Run called twice")
	}
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.started = true
	l.mu.Unlock()

	var lanes sync.WaitGroup
	for _, lane := range l.lanes {
		lanes.Go(lane.run)
	}
	l.turns(program)
	l.timer.stop()
	lanes.Wait()
	close(l.stopped)
}

// turns runs turn after turn until the inbox is closed.
func (l *Loop) turns(program env.Program) {
	for {
		runtime.Gosched() // whoever is ready to run gets into this turn
		events, open := l.inbox.takeAll()
		if !open {
			return
		}
		tick := l.timer.due(l.Now())
		if len(events) == 0 && !tick && len(l.turnEnd) == 0 {
			l.inbox.recycle(events)
			l.sleep()
			continue
		}
		if !l.handle(events) {
			return
		}
		l.inbox.recycle(events)
		if tick {
			program.Tick()
		}
		program.Turn()
		l.endTurn()
	}
}

// handle delivers the events of a turn and reports whether the loop is still
// open: a closed one delivers nothing more, however long its turn is.
func (l *Loop) handle(events []event) bool {
	for i, e := range events {
		if i%64 == 63 && l.inbox.isClosed() {
			return false
		}
		if e.job != nil {
			e.job.Done()
		} else {
			e.fn()
		}
	}
	return true
}

func (l *Loop) endTurn() {
	for len(l.turnEnd) > 0 {
		fns := l.turnEnd
		l.turnEnd = l.turnEndSpare[:0]
		for _, fn := range fns {
			fn()
		}
		clear(fns)
		l.turnEndSpare = fns[:0]
	}
}

// sleep waits for an input, the timer or Close.
func (l *Loop) sleep() {
	select {
	case <-l.inbox.wake:
	case <-l.timer.wait(l.Now()):
		l.timer.fired()
	}
}

// Close stops the loop as a crash would, except that it waits for the turn and
// the jobs that are running: they may touch files that the caller is about to
// close. It must not be called on the loop. Closing twice is allowed.
func (l *Loop) Close() {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	started := l.started
	l.mu.Unlock()
	if first {
		l.inbox.close()
		for _, lane := range l.lanes {
			lane.jobs.close()
		}
		if !started {
			close(l.stopped)
		}
	}
	<-l.stopped
}
