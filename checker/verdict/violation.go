package verdict

import "fmt"

// OracleLiveness is the name of the one oracle whose violations are not about
// safety: a run that has only these is Stalled, not Violated.
const OracleLiveness = "liveness"

// Violation is what an oracle reports when a property does not hold.
type Violation struct {
	// Oracle is the short stable name of the oracle, such as "election-safety".
	Oracle string `json:"oracle"`
	// Fingerprint says what kind of violation this is, independent of the run's
	// nodes, times and values (VER-4). It starts with the oracle's name.
	Fingerprint string `json:"fingerprint"`
	// Message tells a person what was expected and what was seen.
	Message string `json:"message"`
	// At is the virtual time of the event in nanoseconds; 0 when not known. The
	// observer of the oracle fills it in.
	At int64 `json:"at"`
	// Node is the node at fault or 0 when there is none in particular.
	Node uint64 `json:"node,omitempty"`
	// Group is the Raft group concerned, or 0.
	Group uint64 `json:"group,omitempty"`
}

// Violationf makes a violation of an oracle. The aspect tells different ways
// of violating the same oracle apart; with the oracle's name it is the
// fingerprint.
func Violationf(oracle, aspect, format string, args ...any) *Violation {
	return &Violation{
		Oracle:      oracle,
		Fingerprint: oracle + "/" + aspect,
		Message:     fmt.Sprintf(format, args...),
	}
}

// On sets the group and node of the violation and returns it.
func (v *Violation) On(group, node uint64) *Violation {
	v.Group, v.Node = group, node
	return v
}

// String is the violation as one line of text.
func (v Violation) String() string {
	s := v.Oracle
	if v.Group != 0 {
		s += fmt.Sprintf(" group=%d", v.Group)
	}
	if v.Node != 0 {
		s += fmt.Sprintf(" node=%d", v.Node)
	}
	if v.At != 0 {
		s += fmt.Sprintf(" at=%.6fs", float64(v.At)/1e9)
	}
	return s + ": " + v.Message
}
