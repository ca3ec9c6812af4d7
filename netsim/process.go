package netsim

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// CrashMode says what a crash takes along.
type CrashMode uint8

const (
	noCrash CrashMode = iota
	// ProcessKill is kill -9: the page cache survives.
	ProcessKill
	// PowerLoss also loses what was not synced, or some of it.
	PowerLoss
)

// String names the mode.
func (m CrashMode) String() string {
	return [...]string{"none", "kill", "power-loss"}[m]
}

// Boot makes the program of one incarnation. It runs like a callback: it
// may use the host and read the disk, and a fuse may crash it. disk holds what
// the earlier incarnations left.
type Boot func(h env.Host, disk *Disk) (env.Program, error)

// Process is a place where programs run, one after the other: a machine with a
// clock and a disk. It exists whether or not a program runs.
type Process struct {
	w     *World
	id    env.NodeID
	boot  Boot
	disk  *Disk
	clock Clock

	alive       bool
	incarnation uint64 // starts so far
	prog        env.Program
	host        *host
	bootErr     error
	panicked    any
	running     bool
	pending     CrashMode // crash to carry out when the current callback returns
	lastLink    *link

	timer timer
	lanes [env.NumLanes]lane
	inbox inbox
	stats ProcessStats
}

// AddProcess adds a process that is down. Its id must be new and at least 1.
func (w *World) AddProcess(id env.NodeID, boot Boot) *Process {
	if id == 0 || w.byID[id] != nil {
		panic(fmt.Sprintf("netsim: process id %d is 0 or taken", id))
	}
	p := &Process{w: w, id: id, boot: boot}
	p.clock = Clock{w: w, p: p}
	p.disk = newDisk(w, id, w.cfg.Disk)
	p.timer.want, p.timer.queued = env.Never, env.Never
	for i := range p.lanes {
		p.lanes[i].ident.key = Derive(w.seed, "lane", uint64(id), uint64(i))
	}
	w.procs = append(w.procs, p)
	w.byID[id] = p
	for _, l := range w.linkList {
		if l.to == id {
			l.target = p
		}
	}
	return p
}

// ID returns the id of the process.
func (p *Process) ID() env.NodeID { return p.id }

// Alive reports whether a program runs.
func (p *Process) Alive() bool { return p.alive }

// Paused reports whether the process is paused.
func (p *Process) Paused() bool { return p.inbox.paused }

// Program returns the running program, or the last one when the process is down.
func (p *Process) Program() env.Program { return p.prog }

// Incarnation is the number of starts so far.
func (p *Process) Incarnation() uint64 { return p.incarnation }

// Host returns the host of the current or last incarnation; nil before the first.
func (p *Process) Host() env.Host {
	if p.host == nil {
		return nil
	}
	return p.host
}

// Disk returns the disk of the process.
func (p *Process) Disk() *Disk { return p.disk }

// Stats returns what happened to the process so far, in all incarnations.
func (p *Process) Stats() ProcessStats { return p.stats }

// Clock returns the clock of the process.
func (p *Process) Clock() *Clock { return &p.clock }

// BootError returns why the last start failed; nil if it did not. A start that
// crashed by a fuse failed with ErrCrashed.
func (p *Process) BootError() error { return p.bootErr }

// Panicked returns what the last program panicked with, or nil.
func (p *Process) Panicked() any { return p.panicked }

// SetBoot changes what the next start runs, as in an upgrade.
func (p *Process) SetBoot(boot Boot) { p.boot = boot }

// Start starts a process that is down and returns BootError. The program's
// first Turn follows at once. Starting a running process panics.
func (p *Process) Start() error {
	if p.alive {
		panic(fmt.Sprintf("netsim: process %d is already running", p.id))
	}
	w := p.w
	if p.incarnation > 0 {
		w.stats.Restarts++
	}
	p.incarnation++
	p.bootErr, p.panicked, p.prog = nil, nil, nil
	p.alive = true
	p.host = &host{p: p, incarnation: p.incarnation, origin: p.origin()}
	w.happen(KindStart, p, "", p.incarnation)
	p.guard(func() {
		p.prog, p.bootErr = p.boot(p.host, p.disk)
		if p.bootErr == nil && p.prog == nil {
			p.bootErr = errors.New("netsim: boot returned no program")
		}
		if p.bootErr == nil && p.pending == noCrash {
			p.prog.Turn()
		}
	})
	p.booted()
	return p.bootErr
}

// booted settles what became of a start.
func (p *Process) booted() {
	w := p.w
	switch {
	case !p.alive && p.panicked == nil:
		p.bootErr = fmt.Errorf("process %d crashed while starting: %w", p.id, ErrCrashed)
	case !p.alive:
		p.bootErr = fmt.Errorf("process %d panicked while starting: %v", p.id, p.panicked)
	case p.bootErr != nil:
		w.stats.BootErrors++
		w.happen(KindBootFail, p, "", 0)
		p.die(ProcessKill)
	default:
		w.stats.Boots++
	}
	if w.OnBoot != nil {
		w.OnBoot(p, p.bootErr)
	}
}

// origin is where the monotonic clock of this incarnation starts; it means
// nothing to any other incarnation or process.
func (p *Process) origin() env.Instant {
	s := Derive(p.w.seed, "origin", uint64(p.id), p.incarnation)
	return env.Instant(time.Second) + env.Instant(uniform(&s, time.Hour))
}

// Restart starts the process, after a kill if it runs.
func (p *Process) Restart() error {
	if p.alive {
		p.Crash(ProcessKill)
	}
	return p.Start()
}

// Crash ends the running program at once: nothing of it is ever called again, and
// what it tries to do has no effect. In the middle of one of the program's own
// callbacks the crash comes when that returns. A power loss also hits the disk
// of a process that is down.
func (p *Process) Crash(mode CrashMode) {
	if p.running {
		p.pending = max(p.pending, mode)
		return
	}
	w := p.w
	if p.alive && w.OnCrash != nil {
		w.OnCrash(p, mode)
	}
	if mode == PowerLoss {
		w.stats.PowerLosses++
	} else if p.alive {
		w.stats.Kills++
	}
	w.happen(KindCrash, p, mode.String(), p.incarnation)
	p.die(mode)
}

// die takes the incarnation down.
func (p *Process) die(mode CrashMode) {
	p.alive = false
	p.pending = noCrash
	p.timer.want, p.timer.queued = env.Never, env.Never
	p.dropInbox()
	p.dropLanes()
	p.disk.crash(mode)
}

// Inject calls fn with the program as one of its inputs: a Turn follows, a paused
// process takes it after resuming, and a crash before loses it. It returns at
// once; fn runs in an event of its own at the current time. It reports whether
// the process is alive.
func (p *Process) Inject(fn func(env.Program)) bool {
	if !p.alive {
		return false
	}
	p.w.push(p.w.now, &record{kind: KindCall, p: p, inc: p.incarnation, call: fn})
	return true
}

// handle gives one input to the program; the caller ends the turn.
func (p *Process) handle(r *record) {
	w := p.w
	switch r.kind {
	case KindDeliver:
		w.delivered(r)
		p.prog.Receive(r.from, r.payload)
	case KindTimer:
		w.happen(KindTimer, p, "", 0)
		if p.clock.ppm != 0 {
			w.stats.DriftedTicks++
			p.stats.DriftedTicks++
		}
		p.prog.Tick()
	case KindJobDone:
		p.lanes[r.lane].unacked--
		w.happen(KindJobDone, p, "", uint64(r.lane))
		r.job.Done()
	case KindJobRun:
		p.runNow(r)
	case KindCall:
		w.happen(KindCall, p, "", 0)
		r.call(p.prog)
	}
}

// input is handle and Turn in one guarded callback.
func (p *Process) input(r *record) {
	p.running = true
	defer p.settle()
	p.handle(r)
	if r.kind != KindJobRun && p.pending == noCrash {
		p.prog.Turn()
	}
}

// guard calls fn as a callback into the program.
func (p *Process) guard(fn func()) {
	p.running = true
	defer p.settle()
	fn()
}

// settle ends a callback: it deals with panics and with crashes that fell due. A
// panic of a program whose machine has crashed in the same callback is nobody's.
func (p *Process) settle() {
	p.running = false
	v := recover()
	if mode := p.pending; mode != noCrash {
		p.pending = noCrash
		if p.disk.blown {
			p.disk.fused()
		}
		p.Crash(mode)
		return
	}
	if v == nil {
		return
	}
	if p.w.OnPanic == nil {
		panic(v)
	}
	stack := debug.Stack()
	p.panicked = v
	p.w.stats.Panics++
	p.w.happen(KindCrash, p, "panic", p.incarnation)
	p.die(ProcessKill)
	p.w.OnPanic(p, v, stack)
}
