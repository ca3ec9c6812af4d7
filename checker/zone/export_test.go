package zone

import "github.com/holdfastdb/holdfast/checker/history"

// JudgeWithout judges a history of which only some answers are kept.
func JudgeWithout(ops []*history.Operation, keep func(int) bool) Judgement {
	d := newReduction(ops, history.Never)
	for i := range ops {
		d.kept[i] = d.kept[i] && keep(i)
	}
	return d.judge()
}

// Kept are the operations of the set of a history that only the search rejects whose answers
// matter, none if a rule rejects it.
func Kept(ops []*history.Operation) []int {
	j, d := attempt(ops, history.Never)
	if d == nil || j.Answer != Reject || d.minimal(j).Rule != RuleSearch {
		return nil
	}
	return d.answers
}
