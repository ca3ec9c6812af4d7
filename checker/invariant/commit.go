package invariant

import "github.com/holdfastdb/holdfast/checker/verdict"

// LeaderCompleteness: an entry committed in a term is in the logs of the
// leaders of all later terms.
type LeaderCompleteness struct {
	groups map[uint64]*series[commitment]
}

// commitment is a committed entry and the term in which it was committed.
type commitment struct {
	term, hash, during uint64
}

// NewLeaderCompleteness returns an oracle that has seen nothing.
func NewLeaderCompleteness() *LeaderCompleteness {
	return &LeaderCompleteness{groups: make(map[uint64]*series[commitment])}
}

// ObserveCommitted is told that an entry is committed, by a replica whose
// current term is during. It may be told more than once of an entry, by any
// replica; the first that learns of it is the leader that committed it.
func (o *LeaderCompleteness) ObserveCommitted(r Replica, e Entry, during uint64) *verdict.Violation {
	place, known := perGroup(o.groups, r.Group).at(e.Index)
	if place == nil {
		return nil
	}
	if !known {
		*place = commitment{term: e.Term, hash: e.Hash, during: during}
		return nil
	}
	if place.term != e.Term || place.hash != e.Hash {
		return verdict.Violationf(OracleLeaderCompleteness, "two-committed",
			"group %d has two committed entries at index %d: term %d hash %016x, and on node %d term %d hash %016x",
			r.Group, e.Index, place.term, place.hash, r.Node, e.Term, e.Hash).On(r.Group, r.Node)
	}
	place.during = min(place.during, during)
	return nil
}

// ObserveLeader is told that a replica has become leader of a term, with its
// log. An entry that was committed in the same or a later term need not be
// there: a candidate may learn late that it has won an old term. The cost is
// one look-up for each committed entry that is not forgotten.
func (o *LeaderCompleteness) ObserveLeader(r Replica, term uint64, log View) *verdict.Violation {
	s := perGroup(o.groups, r.Group)
	for index := s.base; index <= s.last(); index++ {
		c, known := s.get(index)
		if !known || c.during >= term {
			continue
		}
		switch have, holding := log(index); {
		case holding == Absent:
			return verdict.Violationf(OracleLeaderCompleteness, "missing",
				"node %d became leader of group %d in term %d without entry %d, committed in term %d",
				r.Node, r.Group, term, index, c.during).On(r.Group, r.Node)
		case holding == Present && have != c.term:
			return verdict.Violationf(OracleLeaderCompleteness, "replaced",
				"node %d became leader of group %d in term %d with an entry of term %d at index %d, where one of term %d was committed in term %d",
				r.Node, r.Group, term, have, index, c.term, c.during).On(r.Group, r.Node)
		}
	}
	return nil
}

// Forget drops what is known of a group up to an index that every replica that
// can still become leader has compacted.
func (o *LeaderCompleteness) Forget(group, upTo uint64) { perGroup(o.groups, group).forget(upTo) }
