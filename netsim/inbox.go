package netsim

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// inbox holds the inputs that came while the process could not take them.
type inbox struct {
	paused    bool
	slow      time.Duration // time the loop is busy with each input
	busyUntil env.Instant
	waiting   fifo[record]
	draining  bool // a drain event is queued
}

// Pause stops the process, as SIGSTOP does: its jobs do not run either. Inputs wait.
func (p *Process) Pause() {
	if p.inbox.paused || !p.alive {
		return
	}
	p.inbox.paused = true
	p.w.stats.Pauses++
	p.w.happen(KindPause, p, "", 0)
}

// Resume undoes Pause. The inputs that waited are delivered first, in the order
// they came.
func (p *Process) Resume() {
	if !p.inbox.paused {
		return
	}
	p.inbox.paused = false
	p.w.happen(KindResume, p, "", uint64(p.inbox.waiting.len()))
	p.scheduleDrain()
}

// SlowLoop makes every input keep the event loop busy for d, so that inputs queue
// up; 0 undoes it.
func (p *Process) SlowLoop(d time.Duration) {
	p.inbox.slow = d
	p.w.happen(KindFault, p, "slow loop", uint64(d))
}

// take handles an input now, or keeps it until the process can.
func (p *Process) take(r *record) bool {
	b := &p.inbox
	busy := b.busyUntil > p.w.now
	if b.paused || b.waiting.len() > 0 || busy {
		p.held()
		b.waiting.put(*r)
		p.scheduleDrain()
		return false
	}
	p.w.events++
	p.occupy()
	p.input(r)
	return true
}

// held counts an input that has to wait.
func (p *Process) held() {
	p.w.stats.HeldInputs++
	p.stats.HeldInputs++
}

// occupy keeps a slow loop busy with the input it takes now.
func (p *Process) occupy() {
	if p.inbox.slow > 0 {
		p.w.stats.SlowedInputs++
		p.stats.SlowedInputs++
		p.inbox.busyUntil = p.w.now.Add(p.inbox.slow)
	}
}

func (p *Process) scheduleDrain() {
	b := &p.inbox
	if b.draining || b.paused || b.waiting.len() == 0 {
		return
	}
	b.draining = true
	p.w.push(b.busyUntil, &record{kind: kindDrain, p: p, inc: p.incarnation})
}

// drain hands in inputs that waited, up to Config.InputsPerTurn for one Turn.
func (p *Process) drain() bool {
	b := &p.inbox
	b.draining = false
	if b.paused || b.waiting.len() == 0 {
		return false
	}
	if b.busyUntil > p.w.now {
		p.scheduleDrain()
		return false
	}
	p.w.events++
	p.occupy()
	p.drainTurn()
	if p.alive {
		p.scheduleDrain()
	}
	return true
}

func (p *Process) drainTurn() {
	b := &p.inbox
	p.running = true
	defer p.settle()
	turn, n := false, 0
	for ; n < p.w.cfg.InputsPerTurn && b.waiting.len() > 0 && p.pending == noCrash; n++ {
		r := b.waiting.take()
		turn = turn || r.kind != KindJobRun
		p.handle(&r)
	}
	if n > 1 {
		p.w.stats.CrowdedTurns++
	}
	if turn && p.pending == noCrash {
		p.prog.Turn()
	}
}

// dropInbox forgets the inputs of an incarnation that is over.
func (p *Process) dropInbox() {
	b := &p.inbox
	for i := range b.waiting.all() {
		if r := &b.waiting.all()[i]; r.kind == KindDeliver {
			p.w.stats.DroppedDead++
			p.w.message(KindDropDead, r)
		}
	}
	b.waiting.reset()
	b.paused, b.draining, b.busyUntil = false, false, 0
}
