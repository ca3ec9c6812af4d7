package netsim

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// lane runs the jobs of one queue, in order and one at a time (ENV-3).
type lane struct {
	ident        identity
	jobs         fifo[env.Job]
	started      bool // the first job is under way
	stalledUntil env.Instant
	factor       float64 // 0 means 1
	extra        time.Duration
	lastDone     env.Instant
	unacked      int // jobs between Run and Done
	stats        LaneStats
}

// LaneStats counts what happened to the jobs of one lane of one process.
type LaneStats struct {
	Run     uint64 // jobs run
	Slowed  uint64 // jobs made slower by Process.SlowLane
	Stalled uint64 // times that a job waited for a stalled lane
}

// Sub returns the counts since the earlier state o.
func (s LaneStats) Sub(o LaneStats) LaneStats {
	return LaneStats{Run: s.Run - o.Run, Slowed: s.Slowed - o.Slowed, Stalled: s.Stalled - o.Stalled}
}

func (p *Process) submit(id env.Lane, job env.Job) {
	l := &p.lanes[id]
	l.jobs.put(job)
	if !l.started {
		p.startJob(id)
	}
}

// startJob starts the first job of the lane: its Run comes after the lane's latency.
func (p *Process) startJob(id env.Lane) {
	w, l := p.w, &p.lanes[id]
	l.started = true
	rnd := l.ident.draw(int64(w.now))
	d, tail := w.cfg.Lanes[id].Run.sample(&rnd)
	if tail && id == env.LaneWAL {
		w.stats.FsyncStalls++
	}
	if l.factor != 0 || l.extra != 0 {
		w.stats.SlowedJobs++
		l.stats.Slowed++
		if l.factor != 0 {
			d = time.Duration(float64(d) * l.factor)
		}
		d += l.extra
	}
	w.push(w.now.Add(d), &record{kind: KindJobRun, p: p, inc: p.incarnation, lane: id})
}

// runJob runs the first job of a lane unless the lane or the process is held up.
func (p *Process) runJob(r *record) bool {
	w, l := p.w, &p.lanes[r.lane]
	if l.stalledUntil > w.now {
		w.stats.LaneStalls++
		l.stats.Stalled++
		w.push(l.stalledUntil, r)
		return false
	}
	if p.inbox.paused {
		p.held()
		p.inbox.waiting.put(*r)
		return false
	}
	w.events++
	p.input(r)
	return true
}

// runNow is the job's Run itself. When the job crashes its machine, the Done that
// is queued here is stale.
func (p *Process) runNow(r *record) {
	w, l := p.w, &p.lanes[r.lane]
	w.happen(KindJobRun, p, "", uint64(r.lane))
	job := l.jobs.take()
	l.unacked++
	l.stats.Run++
	job.Run()
	rnd := l.ident.draw(int64(w.now))
	d, _ := w.cfg.Lanes[r.lane].Done.sample(&rnd)
	l.lastDone = max(l.lastDone, w.now.Add(d))
	w.push(l.lastDone, &record{kind: KindJobDone, p: p, inc: p.incarnation, lane: r.lane, job: job})
	l.started = l.jobs.len() > 0
	if l.started {
		p.startJob(r.lane)
	}
}

// dropLanes forgets the jobs of an incarnation that is over. Slowness and stalls
// are the machine's, and stay.
func (p *Process) dropLanes() {
	for i := range p.lanes {
		l := &p.lanes[i]
		p.w.stats.LostJobs += uint64(l.jobs.len())
		p.w.stats.UnackedJobs += uint64(l.unacked)
		l.jobs.reset()
		l.started, l.lastDone, l.unacked = false, 0, 0
	}
}

// SlowLane makes the jobs of a lane that start from now on take factor times as
// long and extra on top. A factor of 0 means 1; (0, 0) undoes it.
func (p *Process) SlowLane(id env.Lane, factor float64, extra time.Duration) {
	p.lanes[id].factor, p.lanes[id].extra = factor, extra
	p.w.happen(KindFault, p, "slow "+id.String(), uint64(factor*1000)<<32^uint64(extra))
}

// StallLane keeps the jobs of a lane from running for d from now.
func (p *Process) StallLane(id env.Lane, d time.Duration) {
	p.lanes[id].stalledUntil = p.w.now.Add(d)
	p.w.happen(KindFault, p, "stall "+id.String(), uint64(d))
}

// LaneStats returns what happened to the jobs of a lane so far, in all incarnations.
func (p *Process) LaneStats(id env.Lane) LaneStats { return p.lanes[id].stats }

// LaneDepth is the number of jobs of a lane that have not run yet.
func (p *Process) LaneDepth(id env.Lane) int { return p.lanes[id].jobs.len() }
