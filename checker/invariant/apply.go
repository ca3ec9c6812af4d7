package invariant

import "github.com/holdfastdb/holdfast/checker/verdict"

// StateMachineSafety: no two replicas of a group ever apply different entries
// at one index, and each applies every index once and in order.
type StateMachineSafety struct {
	groups   map[uint64]*series[applied]
	replicas map[Replica]uint64 // the last applied index
}

type applied struct{ term, hash, node uint64 }

// NewStateMachineSafety returns an oracle that has seen nothing.
func NewStateMachineSafety() *StateMachineSafety {
	return &StateMachineSafety{groups: make(map[uint64]*series[applied]), replicas: make(map[Replica]uint64)}
}

// ObserveApply is told that a replica applied an entry.
func (o *StateMachineSafety) ObserveApply(r Replica, e Entry) *verdict.Violation {
	if last := o.replicas[r]; e.Index != last+1 {
		aspect := "gap"
		if e.Index <= last {
			aspect = "applied-twice"
		}
		return verdict.Violationf(OracleStateMachineSafety, aspect,
			"node %d of group %d applied entry %d after entry %d", r.Node, r.Group, e.Index, last).
			On(r.Group, r.Node)
	}
	o.replicas[r] = e.Index
	place, known := perGroup(o.groups, r.Group).at(e.Index)
	if place == nil {
		return nil
	}
	if !known {
		*place = applied{term: e.Term, hash: e.Hash, node: r.Node}
		return nil
	}
	if place.term != e.Term || place.hash != e.Hash {
		return verdict.Violationf(OracleStateMachineSafety, "different-entries",
			"group %d applied two entries at index %d: term %d hash %016x on node %d, term %d hash %016x on node %d",
			r.Group, e.Index, place.term, place.hash, place.node, e.Term, e.Hash, r.Node).On(r.Group, r.Node)
	}
	return nil
}

// ObserveRestart is told the applied index that a replica comes back with. It
// may be lower than before, as applied state need not be durable, but not higher.
func (o *StateMachineSafety) ObserveRestart(r Replica, index uint64) *verdict.Violation {
	last, known := o.replicas[r]
	o.replicas[r] = index
	if !known || index <= last {
		return nil
	}
	return verdict.Violationf(OracleStateMachineSafety, "restarted-ahead",
		"node %d of group %d restarted with applied index %d, but had applied only %d",
		r.Node, r.Group, index, last).On(r.Group, r.Node)
}

// ObserveSnapshot is told that a replica replaced its state by a snapshot
// taken at an index and term (the term of the entry at that index).
func (o *StateMachineSafety) ObserveSnapshot(r Replica, index, term uint64) *verdict.Violation {
	last := o.replicas[r]
	if index < last {
		return verdict.Violationf(OracleStateMachineSafety, "snapshot-back",
			"node %d of group %d went back from applied index %d to a snapshot at %d", r.Node, r.Group, last, index).
			On(r.Group, r.Node)
	}
	o.replicas[r] = index
	if a, known := perGroup(o.groups, r.Group).get(index); known && a.term != term {
		return verdict.Violationf(OracleStateMachineSafety, "snapshot-term",
			"node %d of group %d installed a snapshot at index %d in term %d, where node %d applied an entry of term %d",
			r.Node, r.Group, index, term, a.node, a.term).On(r.Group, r.Node)
	}
	return nil
}

// Applied is the last applied index of a replica.
func (o *StateMachineSafety) Applied(r Replica) uint64 { return o.replicas[r] }

// ForgetReplica drops a replica that was destroyed.
func (o *StateMachineSafety) ForgetReplica(r Replica) { delete(o.replicas, r) }

// Forget drops what is known of a group's entries up to an index. Entries
// applied there are only checked for order from now on.
func (o *StateMachineSafety) Forget(group, upTo uint64) { perGroup(o.groups, group).forget(upTo) }
