package invariant

import "github.com/holdfastdb/holdfast/checker/verdict"

type groupTerm struct{ group, term uint64 }

// ElectionSafety: at most one leader can be elected in a term of a group.
type ElectionSafety struct {
	leaders map[groupTerm]uint64
}

// NewElectionSafety returns an oracle that has seen nothing.
func NewElectionSafety() *ElectionSafety {
	return &ElectionSafety{leaders: make(map[groupTerm]uint64)}
}

// ObserveLeader is told that a replica has become, or is, leader of a term.
func (o *ElectionSafety) ObserveLeader(r Replica, term uint64) *verdict.Violation {
	key := groupTerm{r.Group, term}
	first, known := o.leaders[key]
	if !known {
		o.leaders[key] = r.Node
		return nil
	}
	if first == r.Node {
		return nil
	}
	return verdict.Violationf(OracleElectionSafety, "two-leaders",
		"group %d has two leaders in term %d: node %d, and now node %d", r.Group, term, first, r.Node).
		On(r.Group, r.Node)
}
