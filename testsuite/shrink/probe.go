package shrink

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// Simulate is the Probe that executes a plan in the simulation.
func Simulate(p *plan.Plan) (s Sighting) {
	defer func() {
		// The testbed itself gave up on a plan that nobody drew: that is not the violation looked for.
		if broken := recover(); broken != nil {
			s = Sighting{Fingerprint: fmt.Sprintf("testbed/%.60v", broken)}
		}
	}()
	r := run.Execute(p, run.Options{})
	s.TraceHash = r.TraceHash
	if v := r.Verdict.Violations; len(v) > 0 {
		s.Fingerprint, s.At = v[0].Fingerprint, time.Duration(v[0].At)
	}
	return s
}
