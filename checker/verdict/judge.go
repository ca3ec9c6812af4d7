package verdict

import (
	"fmt"
	"slices"
)

// CounterAcknowledged counts the client operations that ended with a definite
// answer from the system. Every run needs at least one (VER-1).
const CounterAcknowledged = "operations.acknowledged"

// Requirement says what the evidence must show for a run to mean anything.
type Requirement struct {
	// Counter is the name of the counter that is looked at.
	Counter string `json:"counter"`
	// AtLeast is the smallest sufficient count. Values below 1 mean 1: a
	// requirement that nothing need happen is none.
	AtLeast int64 `json:"at_least"`
	// Because says what was asked for, such as "nemesis partition was requested".
	Because string `json:"because"`
}

// Case is all that a verdict rests on.
type Case struct {
	// Violations are what the oracles reported, in the order of their detection.
	Violations []Violation
	// Undecided names each check that ended without an answer, and why.
	Undecided []string
	// Evidence is what happened.
	Evidence Evidence
	// Requirements are what should have happened.
	Requirements []Requirement
}

// Verdict is the end of a check.
type Verdict struct {
	Outcome Outcome `json:"outcome"`
	// Reasons explain the outcome, one sentence each.
	Reasons    []string    `json:"reasons"`
	Violations []Violation `json:"violations"`
	Evidence   Evidence    `json:"evidence"`
}

// Judge applies the rules VER-1 and VER-2 to a case.
func Judge(c Case) Verdict {
	v := Verdict{
		Outcome:    Pass,
		Reasons:    []string{},
		Violations: slices.Concat([]Violation{}, c.Violations),
		Evidence:   Evidence{counters: c.Evidence.Counters()},
	}
	stalled := false
	for _, bad := range c.Violations {
		if bad.Oracle != OracleLiveness {
			v.Outcome = Violated
		}
		stalled = stalled || bad.Oracle == OracleLiveness
		v.Reasons = append(v.Reasons, bad.String())
	}
	if stalled && v.Outcome == Pass {
		v.Outcome = Stalled
	}
	for _, u := range c.Undecided {
		if v.Outcome == Pass {
			v.Outcome = Unknown
		}
		v.Reasons = append(v.Reasons, "not decided: "+u)
	}
	for _, missing := range unmet(&c.Evidence, c.Requirements) {
		if v.Outcome == Pass {
			v.Outcome = Vacuous
		}
		v.Reasons = append(v.Reasons, missing)
	}
	return v
}

// unmet lists the requirements that the evidence does not meet.
func unmet(e *Evidence, requirements []Requirement) []string {
	always := Requirement{
		Counter: CounterAcknowledged, AtLeast: 1,
		Because: "a run without acknowledged operations shows nothing",
	}
	var missing []string
	for _, r := range append([]Requirement{always}, requirements...) {
		need := max(r.AtLeast, 1)
		if have := e.Count(r.Counter); have < need {
			missing = append(missing, fmt.Sprintf("%s is %d, needs at least %d: %s", r.Counter, have, need, r.Because))
		}
	}
	return missing
}
