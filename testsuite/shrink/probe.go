package shrink

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// hurriedSteps bounds the check of a history while shrinking. Most histories need some thousands; one that needs
// more costs as much as hundreds of runs, and is no step towards a plan that a person can read.
const hurriedSteps = 200_000

// Simulation is the Probe that executes plans in the simulation, for shrinking a plan: one that checks histories in a
// hurry, if that is enough to see what is wrong with this plan.
func Simulation(p *plan.Plan) Probe {
	patient := simulation(linear.Options{})
	hurried := simulation(linear.Options{MaxSteps: hurriedSteps})
	if hurried(p) != patient(p) {
		return patient
	}
	return hurried
}

// simulation is a Probe with bounds for the check of the history.
func simulation(bounds linear.Options) Probe {
	return func(p *plan.Plan) (s Sighting) {
		defer func() {
			// The testbed itself gave up on a plan that nobody drew: that is not the violation looked for.
			if broken := recover(); broken != nil {
				s = Sighting{Fingerprint: fmt.Sprintf("testbed/%.60v", broken)}
			}
		}()
		r := run.Execute(p, run.Options{Linear: bounds})
		s.TraceHash = r.TraceHash
		if v := r.Verdict.Violations; len(v) > 0 {
			s.Fingerprint, s.At = v[0].Fingerprint, time.Duration(v[0].At)
		}
		return s
	}
}
