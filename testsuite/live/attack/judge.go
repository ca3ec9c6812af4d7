package attack

import (
	"os"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Names of counters in the evidence.
const (
	counterFinal  = "keys read and written by each client at the end"
	counterUnder  = "acknowledged while a fault was on"
	counterPlayed = "faults of the plan that can be played"
)

// tailBytes is how much of the log of a node that died is shown.
const tailBytes = 3000

// judge puts together what the verdict rests on; rested is what was found at rest.
func (r *Run) judge(res *Result, n *nemesis, c *clients, rested *verdict.Case) {
	res.History = c.recorder.History(history.Header{Source: "live " + r.Store.Name(), Clock: "wall", Seed: r.Plan.Seed})
	res.Linear = linear.Check(res.History, linear.Options{})
	all := res.Linear.Case()
	all.Violations = append(all.Violations, rested.Violations...)
	all.Evidence.Merge(&rested.Evidence)
	if o, ok := r.Store.(target.Observer); ok {
		seen := o.Observed()
		all.Violations = append(all.Violations, seen.Violations...)
		all.Evidence.Merge(&seen.Evidence)
	}
	for _, id := range r.Store.Died() {
		all.Violations = append(all.Violations, *verdict.Violationf("process", "died",
			"node %d ended by itself; the end of its log:\n%s", id, tail(r.Store.Log(id))).On(0, id))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	all.Undecided = append(all.Undecided, n.troubles...)
	all.Evidence.Merge(&n.evidence)
	all.Evidence.Add(counterUnder, c.under)
	all.Evidence.Add(counterSeveral, c.many)
	all.Evidence.Add(counterScans, c.scans)
	all.Evidence.Add(counterPlayed, int64(len(res.Translation.Faults)))
	effects := r.Store.Net().Effects()
	all.Evidence.Add("bytes held by stalled links", effects.Held)
	all.Evidence.Add("bytes that came late", effects.Late)
	all.Evidence.Add("connections reset or refused", effects.Reset+effects.Refused)
	all.Requirements = requirements(r.Plan, res.Translation, &all.Evidence)
	res.Verdict = verdict.Judge(all)
}

// requirements: each kind that was to be played must have taken effect (ATTACK-1).
func requirements(p *plan.Plan, t *Translation, e *verdict.Evidence) []verdict.Requirement {
	out := []verdict.Requirement{{Counter: counterFinal, AtLeast: 1, Because: "what was lost shows in the final reads"}}
	if len(p.Faults) > 0 {
		out = append(out, verdict.Requirement{Counter: counterPlayed, AtLeast: 1, Because: "the plan has faults"})
	}
	return append(out, plan.Requirements(t.Faults, e)...)
}

func tail(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(data[max(len(data)-tailBytes, 0):])
}
