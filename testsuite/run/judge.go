package run

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// judge checks the history and settles the verdict.
func (r *runner) judge(bounds linear.Options) *Result {
	h := r.clients.History(history.Header{Source: "simulation", Clock: "virtual", Seed: r.plan.Seed})
	res := &Result{
		Plan: r.plan, History: h, TraceHash: r.world.TraceHash(),
		Virtual: time.Duration(r.world.Now()), Events: r.world.Stats().Events,
	}
	c := verdict.Case{Violations: r.violations}
	if len(h.Operations) > 0 {
		res.Linear = linear.Check(h, bounds)
		for i := range res.Linear.Findings {
			c.Violations = append(c.Violations, res.Linear.Findings[i].Violation())
		}
		for _, u := range res.Linear.Undecided {
			c.Undecided = append(c.Undecided, fmt.Sprintf("key %q: %s", u.Key, u.Reason))
		}
	}
	if v := scattered(h); v != nil {
		c.Violations = append(c.Violations, *v)
	}
	if r.mute != nil {
		c.Violations = slices.DeleteFunc(c.Violations, func(v verdict.Violation) bool { return r.mute(v.Oracle) })
	}
	for _, s := range r.nemesis.active {
		r.nemesis.count(s, r.nemesis.hits(s)) // a violation has ended the run under it
	}
	r.nemesis.meanwhile()
	r.collect(h)
	c.Requirements = r.requirements() // which makes counters
	c.Evidence = r.evidence
	res.Verdict = verdict.Judge(c)
	return res
}

// collect fills the evidence table.
func (r *runner) collect(h *history.History) {
	e := &r.evidence
	e.Add(verdict.CounterAcknowledged, 0)
	for i := range h.Operations {
		switch h.Operations[i].Outcome {
		case history.OK:
			e.Add(verdict.CounterAcknowledged, 1)
		case history.Failed:
			e.Add("operations failed", 1)
		case history.Unknown:
			e.Add("operations unknown", 1)
		}
	}
	e.Merge(&r.oracle.Evidence)
	for _, q := range cluster.AllQuirks() {
		e.Add(q.Counter(), r.cluster.Quirked(q))
	}
	stats := r.world.Stats().Map()
	names := make([]string, 0, len(stats))
	for name := range stats {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		e.Add("world "+name, int64(stats[name]))
	}
}

// Names of the oracles of this package, beside verdict.OracleLiveness.
const (
	OracleRouting = "routing"
	OracleCrash   = "crash"
)

// audits is the name of the counter of durability audits.
const audits = "durability audits"

// requirements: each kind of fault that the plan has must have taken effect (RUN-3).
func (r *runner) requirements() []verdict.Requirement {
	var out []verdict.Requirement
	if r.oracle.AuditDue() {
		out = append(out, verdict.Requirement{Counter: audits, AtLeast: 1, Because: "writes were acknowledged"})
	}
	out = append(out, r.drawnRequirements()...)
	return append(out, plan.Requirements(r.plan.Faults, &r.evidence)...)
}

// scattered finds a key that was served by two partitions: how keys map to partitions never changes, whatever moves.
func scattered(h *history.History) *verdict.Violation {
	served := map[string]uint64{}
	for i := range h.Operations {
		op := &h.Operations[i]
		p := op.Result.Partition
		if op.Outcome != history.OK || p == 0 {
			continue
		}
		if was, ok := served[op.Input.Key]; ok && was != p {
			return verdict.Violationf(OracleRouting, "two-partitions", "key %q was served by partition %d and by partition %d", op.Input.Key, was, p)
		}
		served[op.Input.Key] = p
	}
	return nil
}
