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
// Of the unknown operations, those that cannot explain anything then are left out (see matters).
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
		case d.blank[i] != nil && matters(d.blank[i]):
			list = append(list, d.blank[i])
		default:
			continue
		}
		from = append(from, i)
	}
	return list, from
}

// needed are the values that matter: those that an answer that is kept shows or expects, and those that
// compare-and-sets expect which wrote one of these.
func (d *reduction) needed() map[string]bool {
	values := make(map[string]bool)
	for again := true; again; {
		again = false
		for i, op := range d.ops {
			value, needs := "", false
			switch {
			case op.Kind == history.CASValue && d.blank[i] != nil && (d.kept[i] || values[op.Value]):
				value, needs = op.ExpectValue, true
			case d.kept[i]:
				value, needs = op.Observed()
			}
			if needs && !values[value] {
				values[value], again = true, true
			}
		}
	}
	return values
}

// matters says which operations of unknown outcome can explain an answer that is kept; it is asked in
// the order of calls. One that was called after the last answer cannot. A write whose value is
// needed may. Another write can only be what an erasure found, or what a compare-and-set
// by version replaced, each right before it; an order that has it elsewhere is one without it too.
// As any write serves for that that needs no condition and was called earlier, the first puts
// suffice, as many as there are such answers. In the same way an erasure only matters right before something
// that needs absence, and the first ones suffice.
func (d *reduction) matters() func(*history.Operation) bool {
	values := d.needed()
	var last int64
	found, absent := 0, 0
	for i, op := range d.ops {
		if d.kept[i] {
			last = max(last, op.Return)
		} else if d.blank[i] == nil || !op.Kind.CarriesValue() || !values[op.Value] {
			continue
		}
		switch changed := d.blank[i] != nil; {
		case changed && (op.Kind == history.Erase || op.Kind == history.CASVersion):
			found++
		case changed && op.Kind == history.PutIfAbsent, !changed && !op.Result.Found:
			absent++
		}
	}
	return func(b *history.Operation) bool {
		switch {
		case b.Call > last:
			return false
		case b.Kind == history.Erase:
			absent--
			return absent >= 0
		case values[b.Value]:
			return true
		case b.Kind == history.Put:
			found--
			return found >= 0
		}
		return found > 0
	}
}
