package mutants

import (
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// Ablation says what it takes to find a mutant: what is left of finding it when a part of the testbed is taken away. Each
// question is asked of Seeds seeds at most.
type Ablation struct {
	Seeds uint64 `json:"seeds"`
	// Needs are the classes of faults without which it was not found.
	Needs []plan.Class `json:"needs,omitempty"`
	// Others is the fingerprint by which it was found when the oracle that found it first was mute, "" if it was not.
	Others string `json:"others,omitempty"`
	// Outside is the fingerprint by which it was found when only that counted which clients and operators see, "" if it was not.
	Outside string `json:"outside,omitempty"`
}

// outside are the oracles that need no look into the nodes: what clients were told, whether they get through, and whether processes
// live.
var outside = []string{linear.Oracle, verdict.OracleLiveness, run.OracleRouting, run.OracleCrash}

// patience is how many times the seeds that a mutant took first are spent on each question, and enough what is spent at least.
const (
	patience = 4
	enough   = 50
)

// AblationTime is how long each question may take at most when a scoreboard is made.
const AblationTime = 5 * time.Second

// Ablate asks the questions of the program that it is part of, which must have the mutant planted and have found it.
func Ablate(found *hunt.Report, from uint64, sharded bool, limit time.Duration) *Ablation {
	a := &ablator{from: from, first: found.Found.Seed, sharded: sharded, seeds: patience*found.Runs + enough, limit: limit}
	out := &Ablation{Seeds: a.seeds}
	for _, class := range append(plan.Classes(), plan.ClassQuirk) {
		if a.find(func(p *plan.Plan) *plan.Plan { return p.Without(class) }, nil) == "" {
			out.Needs = append(out.Needs, class)
		}
	}
	out.Others = a.find(nil, func(oracle string) bool { return oracle == found.Found.Oracle })
	out.Outside = a.find(nil, func(oracle string) bool { return !slices.Contains(outside, oracle) })
	return out
}

// ablator hunts with a part of the testbed taken away.
type ablator struct {
	from, seeds uint64
	// first is the seed that found the mutant first.
	first   uint64
	sharded bool
	limit   time.Duration
}

// find returns the fingerprint by which the mutant is found, "" if it is not: in the run that found it first, or in others.
func (a *ablator) find(edit func(*plan.Plan) *plan.Plan, mute func(oracle string) bool) string {
	draw := func(seed uint64) *plan.Plan {
		p := plan.Swarm(seed, a.sharded)
		if edit != nil {
			p = edit(p)
		}
		return p
	}
	if res := run.Execute(draw(a.first), run.Options{Mute: mute}); len(res.Verdict.Violations) > 0 {
		return res.Verdict.Violations[0].Fingerprint
	}
	stop := make(chan struct{})
	timer := time.AfterFunc(a.limit, func() { close(stop) })
	defer timer.Stop()
	r := hunt.Run(hunt.Options{From: a.from, Seeds: a.seeds, Workers: 1, Plan: draw, Mute: mute, Stop: stop})
	if r.Found == nil {
		return ""
	}
	return r.Found.Fingerprint
}
