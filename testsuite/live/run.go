package live

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Run is one script played to one cluster under one load.
type Run struct {
	Cluster *Cluster
	Load    *Load
	Watch   *Watch
	Script  Script
	// StepTimeout bounds each step, and the final reads (LIVE-3); 0 means 2 minutes.
	StepTimeout time.Duration
	// Log is told of every step; it may be nil.
	Log func(format string, args ...any)

	evidence   verdict.Evidence
	violations []verdict.Violation
	undecided  []string
	// fault names what is wrong with the cluster at the moment, term is the leader's at the last fault.
	fault string
	term  uint64
	// before are the counts of a cluster that was attacked before, nodes is the number of its members then.
	before map[string]int64
	nodes  int
}

// Result is how a run ended.
type Result struct {
	Verdict verdict.Verdict
	History *history.History
	Linear  *linear.Result
}

// Play plays the script, from the start of the load to the final reads, and
// judges.
func (r *Run) Play(ctx context.Context) (*Result, error) {
	if err := r.Script.Check(); err != nil {
		return nil, err
	}
	if r.StepTimeout == 0 {
		r.StepTimeout = 2 * time.Minute
	}
	if r.Log == nil {
		r.Log = func(string, ...any) {}
	}
	r.before, r.nodes = r.Cluster.counts(), len(r.Cluster.Ids())
	r.Load.Start()
	played := r.steps(ctx)
	r.Load.Stop()
	if played {
		r.within(ctx, "the final reads", r.finalReads)
	}
	return r.judge(), nil
}

// steps plays the steps up to the first that fails.
func (r *Run) steps(ctx context.Context) bool {
	for i, step := range r.Script {
		begin := time.Now()
		if !r.within(ctx, fmt.Sprintf("step %d, %s", i+1, step), func(ctx context.Context) error { return r.step(ctx, step) }) {
			return false
		}
		r.Log("step %2d  %-15s %6d ms", i+1, step, time.Since(begin).Milliseconds())
	}
	return true
}

// within does something within the bound of a step. If it fails the run has no answer, and
// if that is because a node ended by itself, there is a violation.
func (r *Run) within(ctx context.Context, what string, do func(context.Context) error) bool {
	ctx, cancel := context.WithTimeout(ctx, r.StepTimeout)
	defer cancel()
	err := do(ctx)
	for _, id := range r.Cluster.crashed() {
		r.violations = append(r.violations, *verdict.Violationf("process", "died",
			"node %d ended by itself (%s); the end of its log:\n%s", id, what, r.Cluster.Tail(id)).On(0, id))
	}
	if err != nil {
		r.Log("%s: %v", what, err)
		r.undecided = append(r.undecided, fmt.Sprintf("%s: %v", what, err))
	}
	return err == nil && len(r.violations) == 0
}

func (r *Run) step(ctx context.Context, s Step) error {
	switch s.Do {
	case Kill, Stop, Wipe, Pause:
		return r.strike(ctx, s)
	case Grow:
		return r.Cluster.Grow(ctx)
	case Shrink:
		return r.shrink(ctx, s)
	case HandOver:
		return r.handOver(ctx, s.Count)
	case Repair:
		return r.repair(ctx)
	case Flap:
		return r.flap(ctx, s.Count)
	case Elect:
		leader, term, err := r.Cluster.Leader(ctx, r.term)
		if err == nil {
			r.Log("         node %d leads in term %d, after term %d", leader, term, r.term)
			r.evidence.Add(counterDeposed, 1)
		}
		return err
	case FirstWrite:
		took, err := r.Load.FirstWrite(ctx)
		if err == nil {
			r.Log("         a write succeeded %d ms after: %s", took.Milliseconds(), r.fault)
		}
		return err
	case Work:
		p, err := r.Load.Work(ctx, s.Count)
		reads, writes := p.Acknowledged()
		r.evidence.Add(counterDuring(r.fault), reads+writes)
		return err
	case CatchUp:
		err := r.Cluster.CaughtUp(ctx)
		if err == nil {
			r.evidence.Add(counterCaughtUp, 1)
		}
		return err
	}
	panic(fmt.Sprintf("live: no action %q", s.Do))
}

// strike takes nodes away.
func (r *Run) strike(ctx context.Context, s Step) error {
	victims, err := r.aim(ctx, s)
	if err != nil {
		return err
	}
	switch s.Do {
	case Kill:
		return r.Cluster.Kill9(ctx, victims...)
	case Wipe:
		return r.Cluster.Wipe(ctx, victims[0])
	case Stop:
		return r.Cluster.Stop(ctx, victims...)
	}
	return r.Cluster.Pause(ctx, victims[0])
}

// aim chooses whom a step hits, and notes who leads before it.
func (r *Run) aim(ctx context.Context, s Step) (victims []uint64, err error) {
	leader, term, err := r.Cluster.Leader(ctx, 0)
	if err != nil {
		return nil, err
	}
	r.term, r.fault = term, s.String()
	victims = []uint64{leader}
	switch s.On {
	case All:
		victims = r.Cluster.Up()
	case Follower:
		victims = nil
		for _, id := range r.Cluster.Up() {
			if id != leader && len(victims) == 0 {
				victims = []uint64{id}
			}
		}
		if len(victims) == 0 {
			return nil, fmt.Errorf("live: there is no follower to %s", s.Do)
		}
	}
	r.Log("         node %d leads in term %d; %s %v", leader, term, s.Do, victims)
	return victims, nil
}

// shrink removes a member, and ends it.
func (r *Run) shrink(ctx context.Context, s Step) error {
	victims, err := r.aim(ctx, s)
	if err != nil {
		return err
	}
	return r.Cluster.Remove(ctx, victims[0])
}

// handOver has the leadership handed over; each time another node must lead in a later term.
func (r *Run) handOver(ctx context.Context, times int64) error {
	for range times {
		leader, term, err := r.Cluster.Leader(ctx, 0)
		if err != nil {
			return err
		}
		if err := r.Cluster.HandOver(ctx, leader, term); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) repair(ctx context.Context) error {
	for _, id := range r.Cluster.Paused() {
		if err := r.Cluster.Resume(ctx, id); err != nil {
			return err
		}
	}
	if err := r.Cluster.StartAll(ctx, r.Cluster.Down()...); err != nil {
		return err
	}
	r.fault += ", repaired"
	return nil
}

// flapPause is how much longer the nodes live each time they are started by Flap.
const flapPause = 8 * time.Millisecond

func (r *Run) flap(ctx context.Context, times int64) error {
	down := r.Cluster.Down()
	for i := range times {
		for _, id := range down {
			if err := r.Cluster.launch(id, nil); err != nil {
				return err
			}
		}
		select {
		case <-time.After(time.Duration(i) * flapPause):
		case <-ctx.Done():
			return fmt.Errorf("live: starting and killing nodes: %w", ErrHang)
		}
		if err := r.Cluster.Kill9(ctx, down...); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) finalReads(ctx context.Context) error {
	keys, err := r.Load.FinalReads(ctx)
	r.evidence.Add(counterFinal, int64(keys))
	if err != nil {
		return err
	}
	return r.Cluster.CaughtUp(ctx)
}
