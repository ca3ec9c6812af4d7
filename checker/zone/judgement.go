package zone

import (
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
)

// Answer is how a check ended.
type Answer uint8

// The three answers. The zero value claims nothing.
const (
	// Undecided: this package does not decide the history.
	Undecided Answer = iota
	// Accept: Judgement.Order is a linear order, and was verified to be one.
	Accept
	// Reject: there is no linear order.
	Reject
)

// String is the answer in a word.
func (a Answer) String() string {
	switch a {
	case Accept:
		return "accept"
	case Reject:
		return "reject"
	}
	return "undecided"
}

// Rules by which a history is rejected, for tests and statistics.
const (
	RuleOrigin      = "origin"       // a value or version that no write can have given
	RuleFuture      = "future"       // seen before its write was called
	RuleVersions    = "versions"     // two versions for one write
	RuleSameVersion = "same-version" // one version for two writes
	RuleRefusal     = "refusal"      // refused though the condition held
	RuleSuccessors  = "successors"   // two compare-and-sets replaced one write
	RuleCycle       = "cycle"        // compare-and-sets that each need the other first
	RuleBlock       = "block"        // real time against a chain of compare-and-sets
	RuleVersionGap  = "version-gap"  // versions against a chain of compare-and-sets
	RuleZones       = "zones"        // two zones that each must come first
	RuleAbsence     = "absence"      // absence inside of a zone
	RuleEmpty       = "empty"        // something was erased before anything was written
	RuleNoErasure   = "no-erasure"   // absence after a write, without any erasure
	RuleSearch      = "search"       // all orders that matter were tried
)

// Judgement is the answer for one key.
type Judgement struct {
	Answer Answer
	// Order is the linear order of an accepted history: indexes of the operations
	// that took effect, in the order in which they did. Operations of unknown
	// outcome that are not in it did not take effect.
	Order []int
	// Set are the indexes, rising, of the operations that contradict each other in a
	// rejected history: two or a few. After RuleSearch they have no order by themselves, the
	// others cannot explain them, and unless that took too long to find out, none of
	// their answers can be forgotten.
	Set []int
	// Rule is the rule by which the history was rejected.
	Rule string
	// Reason says in words why the history was rejected or not decided.
	Reason string
}

func undecided(reason string) *Judgement { return &Judgement{Reason: reason} }

// Check judges the operations of one key, which must be in the order of their calls.
// Only what happened up to the horizon counts, an event number: later calls
// are left out, later returns are taken as unknown outcomes. history.Never
// judges everything. Memory and time are about proportional to len(ops).
func Check(ops []*history.Operation, horizon int64) Judgement {
	j, d := attempt(ops, horizon)
	if j.Answer == Reject && j.Rule == RuleSearch {
		return d.minimal(j)
	}
	return j
}

// Decide is Check without the work for a small set: after RuleSearch, Judgement.Set need not be small.
func Decide(ops []*history.Operation, horizon int64) Judgement {
	j, _ := attempt(ops, horizon)
	return j
}

// attempt is Decide; after RuleSearch it also gives what to reduce.
func attempt(ops []*history.Operation, horizon int64) (Judgement, *reduction) {
	j, s := decide(ops, horizon, false)
	switch {
	case j.Answer == Reject && j.Rule == RuleSearch:
		return j, newReduction(ops, horizon)
	case s == nil || s.answer != Undecided:
		return j, nil
	}
	d := newReduction(ops, horizon)
	if near := d.around(int(s.items[s.byReturn[s.farthest]].at)); near.Answer == Reject {
		return near, d
	}
	return j, nil
}

// decide judges by the rules, then by a search; one that is only to refute tries all orders at once. It
// gives the search if there was one.
func decide(ops []*history.Operation, horizon int64, refute bool) (Judgement, *search) {
	r := &register{ops: ops}
	for _, pass := range []func() *Judgement{
		func() *Judgement { return r.admit(horizon) }, r.resolve, r.chain, r.measure,
		r.sortVersions, r.compareZones, r.compareAbsence,
	} {
		if j := pass(); j != nil {
			return *j, nil
		}
	}
	if len(r.items) == 0 {
		return Judgement{Answer: Accept}, nil
	}
	s := newSearch(r)
	if refute {
		s.refute()
	} else {
		s.run()
	}
	return r.conclude(s, horizon), s
}

// conclude turns the end of the search into a judgement. An order is verified by code
// that knows nothing of how it was found (ZONE-1).
func (r *register) conclude(s *search, horizon int64) Judgement {
	switch {
	case s.answer == Accept:
		order := make([]int, len(s.order))
		for i, it := range s.order {
			order[i] = int(r.items[it].at)
		}
		if err := Verify(r.ops, order, horizon); err != nil {
			return *undecided("the order that was found is not a linear order: " + err.Error())
		}
		return Judgement{Answer: Accept, Order: order}
	case s.answer == Undecided:
		return *undecided("the search for an order hit its bound")
	}
	all := make([]int, len(r.items))
	for i := range r.items {
		all[i] = int(r.items[i].at)
	}
	return Judgement{Answer: Reject, Rule: RuleSearch, Set: all, Reason: "no order of the writes and erasures agrees with all answers"}
}

// reject makes a judgement of items that contradict each other. What they saw is
// only a contradiction together with the writes of it, so these are added.
func (r *register) reject(rule, reason string, items ...int32) *Judgement {
	j := &Judgement{Answer: Reject, Rule: rule, Reason: reason}
	for _, it := range items {
		if it < 0 {
			continue
		}
		j.Set = append(j.Set, int(r.items[it].at))
		if c := r.items[it].cluster; c >= 0 {
			j.Set = append(j.Set, int(r.items[r.clusters[c].writer].at))
		}
	}
	slices.Sort(j.Set)
	j.Set = slices.Compact(j.Set)
	return j
}
