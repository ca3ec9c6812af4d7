package hunt

import (
	"time"

	"github.com/holdfastdb/holdfast/testsuite/coverage"
	"github.com/holdfastdb/holdfast/testsuite/explore"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// Batch is how many runs a campaign plans at once. It learns from them when all are done (EXPLORE-1).
const Batch = 64

// Hunter says how a campaign is carried on.
type Hunter struct {
	// Workers is the number of runs at a time.
	Workers int
	// Known violations are counted only.
	Known Known
	// Failed is told of the first run with each fingerprint, in the order of the seeds; nil for nobody.
	Failed func(seed uint64, res *run.Result)
	// Stop ends a batch early when it is closed; what was done of it is then forgotten.
	Stop <-chan struct{}
}

// planned is one run of a batch.
type planned struct {
	seed   uint64
	by     explore.Strategy
	plan   *plan.Plan
	seen   coverage.Seen
	events uint64
	// failed is the run if it failed in a way that is not known.
	failed *run.Result
}

// Hunt runs the next seeds, up to the end of the batch. It reports whether they were all run.
func (c *Campaign) Hunt(seeds uint64, h Hunter) bool {
	begin := time.Now()
	batch := c.choose(min(seeds, Batch-c.Done%Batch))
	first := c.From + c.Shard + c.Done*c.Shards
	of := func(seed uint64) *planned { return &batch[(seed-first)/c.Shards] }
	report := Run(Options{
		From: first, Seeds: uint64(len(batch)), Stride: c.Shards, Workers: h.Workers, KeepGoing: true, Known: h.Known, Stop: h.Stop,
		Plan: func(seed uint64) *plan.Plan { return of(seed).plan },
		Covered: func(seed uint64, seen coverage.Seen, res *run.Result, unknown bool) {
			p := of(seed)
			p.seen, p.events = seen, res.Events
			if unknown {
				p.failed = res
			}
		},
	})
	if report.Runs < uint64(len(batch)) {
		return false
	}
	c.Report.merge(report)
	for i := range batch {
		c.learn(&batch[i], &h)
	}
	c.Done += uint64(len(batch))
	c.Growth.add(c.Done, c.Explorer.Map.States())
	c.Took += time.Since(begin)
	return true
}

// choose makes the plans of the next runs.
func (c *Campaign) choose(seeds uint64) []planned {
	batch := make([]planned, seeds)
	for i := range batch {
		p := &batch[i]
		p.seed = c.From + c.Shard + (c.Done+uint64(i))*c.Shards
		p.plan, p.by = c.Explorer.Choose(p.seed)
	}
	return batch
}

// learn takes in how a run went.
func (c *Campaign) learn(p *planned, h *Hunter) {
	c.Explorer.Learn(p.plan, p.by, p.seed, p.seen, p.events, p.failed != nil)
	if p.failed == nil {
		return
	}
	f := newFound(p.failed)
	if f.Seed, f.Strategy = p.seed, p.by; p.by != explore.Swarm {
		f.Plan = p.plan
	}
	if c.find(f, 1) && h.Failed != nil {
		h.Failed(p.seed, p.failed)
	}
}
