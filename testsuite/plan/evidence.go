package plan

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Counter is the name of the counter of the kind's real effects.
func (k FaultKind) Counter() string { return "fault " + string(k) + " took effect" }

// Requirements: each kind of these faults must have taken effect. Of kinds that often find nothing to do one of
// their Group is enough; that each of them works shows over many runs. The counters are made, so that a kind that never
// struck is seen in the evidence.
func Requirements(faults []Fault, e *verdict.Evidence) []verdict.Requirement {
	var out []verdict.Requirement
	for i := range faults {
		kind := faults[i].Kind
		name := kind.Counter()
		e.Add(name, 0)
		if group := kind.Group(); group != "" {
			name = group
			e.Add(name, 0)
		}
		if !slices.ContainsFunc(out, func(q verdict.Requirement) bool { return q.Counter == name }) {
			out = append(out, verdict.Requirement{Counter: name, AtLeast: 1, Because: fmt.Sprintf("the plan has faults of kind %s", kind)})
		}
	}
	return out
}
