package verdict

import "fmt"

// Outcome is how a check ended.
type Outcome string

const (
	// Pass: nothing went wrong and the evidence is sufficient.
	Pass Outcome = "pass"
	// Violated: a safety oracle fired.
	Violated Outcome = "violation"
	// Unknown: a check ended without an answer, for example at its deadline.
	Unknown Outcome = "unknown"
	// Vacuous: nothing went wrong, but the run did not do what it was asked to,
	// so that this says nothing.
	Vacuous Outcome = "vacuous"
	// Stalled: the system was safe but made no progress when it had to.
	Stalled Outcome = "liveness"
)

// Exit codes of the commands that check (DESIGN §7).
const (
	ExitPass      = 0
	ExitViolation = 10
	ExitUnknown   = 11
	ExitLiveness  = 12
)

// ExitCode returns the exit code of a command whose check ended so. It panics
// on an outcome that is none of the constants.
func (o Outcome) ExitCode() int {
	switch o {
	case Pass:
		return ExitPass
	case Violated:
		return ExitViolation
	case Unknown, Vacuous:
		return ExitUnknown
	case Stalled:
		return ExitLiveness
	}
	panic(fmt.Sprintf("verdict: %q is not an outcome", string(o)))
}

// valid reports whether o is one of the constants.
func (o Outcome) valid() bool {
	switch o {
	case Pass, Violated, Unknown, Vacuous, Stalled:
		return true
	}
	return false
}
