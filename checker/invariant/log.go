package invariant

import "github.com/holdfastdb/holdfast/checker/verdict"

// LeaderAppendOnly: a leader never overwrites or deletes entries of its log.
type LeaderAppendOnly struct {
	leading map[Replica]*leadership
}

type leadership struct{ term, last uint64 }

// NewLeaderAppendOnly returns an oracle that has seen nothing.
func NewLeaderAppendOnly() *LeaderAppendOnly {
	return &LeaderAppendOnly{leading: make(map[Replica]*leadership)}
}

// ObserveLeader is told that a replica has become leader of a term, with the
// index of the last entry in its log at this moment.
func (o *LeaderAppendOnly) ObserveLeader(r Replica, term, last uint64) {
	o.leading[r] = &leadership{term: term, last: last}
}

// ObserveFollower is told that a replica is leader no more: it stepped down or
// stopped.
func (o *LeaderAppendOnly) ObserveFollower(r Replica) { delete(o.leading, r) }

// ObserveAppend is told of an entry appended to a replica's log.
func (o *LeaderAppendOnly) ObserveAppend(r Replica, e Entry) *verdict.Violation {
	l := o.leading[r]
	if l == nil {
		return nil
	}
	if e.Index != l.last+1 {
		return verdict.Violationf(OracleLeaderAppendOnly, "wrote-elsewhere",
			"node %d, leader of group %d in term %d, wrote entry %d though its log ended at %d",
			r.Node, r.Group, l.term, e.Index, l.last).On(r.Group, r.Node)
	}
	l.last = e.Index
	return nil
}

// ObserveTruncate is told that a replica dropped its entries from an index on.
func (o *LeaderAppendOnly) ObserveTruncate(r Replica, from uint64) *verdict.Violation {
	l := o.leading[r]
	if l == nil || from > l.last {
		return nil
	}
	return verdict.Violationf(OracleLeaderAppendOnly, "truncated",
		"node %d, leader of group %d in term %d, dropped its entries from %d on; its log ended at %d",
		r.Node, r.Group, l.term, from, l.last).On(r.Group, r.Node)
}

// LogMatching: if two logs hold an entry with the same index and term, the
// entries are the same, and so are all before them. It is enough that index
// and term determine the entry and the term of the entry before it; the rest
// follows by induction (§5.3).
type LogMatching struct {
	groups map[uint64]*series[origin]
	// more holds the entries of further terms at an index; this is rare.
	more map[groupEntry]origin
}

// origin is the first append of an entry that was seen.
type origin struct {
	term, prevTerm, hash, node uint64
}

type groupEntry struct{ group, index, term uint64 }

// NewLogMatching returns an oracle that has seen nothing.
func NewLogMatching() *LogMatching {
	return &LogMatching{groups: make(map[uint64]*series[origin]), more: make(map[groupEntry]origin)}
}

// ObserveAppend is told of an entry appended to a replica's log, by a leader
// for itself or by a follower, with the term of the entry before it in the
// same log (0 before the first).
func (o *LogMatching) ObserveAppend(r Replica, e Entry, prevTerm uint64) *verdict.Violation {
	now := origin{term: e.Term, prevTerm: prevTerm, hash: e.Hash, node: r.Node}
	if prevTerm > e.Term {
		return verdict.Violationf(OracleLogMatching, "term-decreases",
			"node %d of group %d appended entry %d of term %d after an entry of the later term %d",
			r.Node, r.Group, e.Index, e.Term, prevTerm).On(r.Group, r.Node)
	}
	place, known := perGroup(o.groups, r.Group).at(e.Index)
	if place == nil {
		return nil
	}
	if !known {
		*place = now
		return nil
	}
	first := *place
	if first.term != e.Term {
		key := groupEntry{r.Group, e.Index, e.Term}
		if first, known = o.more[key]; !known {
			o.more[key] = now
			return nil
		}
	}
	return first.compare(r, e, now)
}

func (first origin) compare(r Replica, e Entry, now origin) *verdict.Violation {
	switch {
	case first.hash != now.hash:
		return verdict.Violationf(OracleLogMatching, "different-entries",
			"group %d has two entries at index %d in term %d: %016x on node %d, %016x on node %d",
			r.Group, e.Index, e.Term, first.hash, first.node, now.hash, r.Node).On(r.Group, r.Node)
	case first.prevTerm != now.prevTerm:
		return verdict.Violationf(OracleLogMatching, "different-pasts",
			"group %d, entry %d of term %d follows an entry of term %d on node %d, but of term %d on node %d",
			r.Group, e.Index, e.Term, first.prevTerm, first.node, now.prevTerm, r.Node).On(r.Group, r.Node)
	}
	return nil
}

// Forget drops what is known of a group's entries up to an index, which no
// replica can be sent any more. Appends there are not checked from now on.
func (o *LogMatching) Forget(group, upTo uint64) {
	perGroup(o.groups, group).forget(upTo)
	for key := range o.more {
		if key.group == group && key.index <= upTo {
			delete(o.more, key)
		}
	}
}
