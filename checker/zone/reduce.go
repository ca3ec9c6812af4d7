package zone

import (
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
)

// reduction makes a history that has no linear order smaller. What it leaves out of a history
// must not be what ruled the orders out, so it only forgets answers:
//
//   - An answer that changed nothing is left out. An order of the whole history is one of
//     the rest without it, so if the rest has none, the whole has none.
//   - The answer of a write or an erasure is forgotten: its outcome becomes unknown. An order of the
//     whole is an order of this too, as an unknown outcome may be any. To leave the
//     operation out would not do: it may be what another answer is explained by.
//
// Of the operations without an answer, those that cannot explain anything then are left out (see matters); when
// they really returned counts for that.
type reduction struct {
	ops     []*history.Operation
	horizon int64
	// answers are the operations that were answered up to the horizon, by their returns; kept those
	// whose answers are not forgotten.
	answers []int
	kept    []bool
	// blank are the operations without their answers.
	blank []*history.Operation
	// work is how many operations may still be looked at.
	work int64
}

// The work of a reduction grows with the history.
const (
	reducePerItem = 48
	spareReduce   = 1 << 17
)

func newReduction(ops []*history.Operation, horizon int64) *reduction {
	d := &reduction{
		ops: ops, horizon: horizon, kept: make([]bool, len(ops)), blank: make([]*history.Operation, len(ops)),
		work: reducePerItem*int64(len(ops)) + spareReduce,
	}
	for i, op := range ops {
		if op.Outcome == history.Failed || op.Stale || op.Call > horizon {
			continue
		}
		answered := op.Outcome == history.OK && op.Return <= horizon
		if answered {
			d.answers = append(d.answers, i)
			d.kept[i] = true
		}
		if op.Wrote() || !answered && op.Kind != history.Get && !refused(op) {
			b := *op
			b.Outcome, b.Return, b.Result = history.Unknown, history.Never, history.Result{}
			d.blank[i] = &b
		}
	}
	slices.SortFunc(d.answers, func(a, b int) int { return int(ops[a].Return - ops[b].Return) })
	return d
}

// minimal forgets answers as long as the rest has no order, in ever smaller runs, and gives the
// judgement of what is left; its set are the answers left, and what may explain them.
func (d *reduction) minimal(j Judgement) Judgement {
	for size := (len(d.answers) + 1) / 2; size > 0; size /= 2 {
		before := len(d.answers)
		for from := len(d.answers) - size; from > -size && d.work > 0; from -= size {
			run := slices.Clone(d.answers[max(from, 0) : from+size])
			if smaller := d.without(run); smaller.Answer == Reject {
				d.answers = slices.Delete(d.answers, max(from, 0), from+size)
				if smaller.Rule != RuleSearch {
					return smaller
				}
			}
		}
		if size == 1 && len(d.answers) < before {
			size = 2 // once more: what could not be decided before may be easy now
		}
	}
	_, j.Set = d.rest()
	return j
}

// without judges the history without some of the answers that are left, and keeps them if it is not rejected.
func (d *reduction) without(run []int) Judgement {
	for _, at := range run {
		d.kept[at] = false
	}
	j := d.judge()
	if j.Answer != Reject {
		for _, at := range run {
			d.kept[at] = true
		}
	}
	return j
}

// around looks for a contradiction near the operation at which the search for an order got stuck: it keeps only the
// answers next to it, by their returns.
func (d *reduction) around(stuck int) Judgement {
	all := d.answers
	at := max(0, slices.Index(all, stuck))
	for _, width := range []int{16, 64, 256} {
		clear(d.kept)
		d.answers = slices.Clone(all[max(0, at-width):min(len(all), at+width/2)])
		for _, i := range d.answers {
			d.kept[i] = true
		}
		if j := d.judge(); j.Answer == Reject {
			return j
		}
	}
	return Judgement{}
}

// judge decides what is left.
func (d *reduction) judge() Judgement {
	list, from := d.rest()
	d.work -= int64(len(list)) + 1
	j, _ := decide(list, history.Never, true)
	j.Order = nil
	for i, at := range j.Set {
		j.Set[i] = from[at]
	}
	return j
}

// rest is the history without what was forgotten, and where each operation of it stands in the whole.
func (d *reduction) rest() (list []*history.Operation, from []int) {
	matters := d.matters()
	for i, op := range d.ops {
		switch {
		case d.kept[i]:
			list = append(list, op)
		case d.blank[i] != nil && matters(i):
			list = append(list, d.blank[i])
		default:
			continue
		}
		from = append(from, i)
	}
	return list, from
}
