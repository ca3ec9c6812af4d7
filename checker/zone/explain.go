package zone

import (
	"cmp"
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
)

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

// matters says which forgotten or unknown operations can explain an answer that is kept; it is asked in
// the order of calls, for indexes of such operations. One that was called after the last answer
// cannot. A write whose value is needed may. Another write can only be what an erasure found, or what a
// compare-and-set by version replaced, each right before it, so not if a change that is kept
// must come between; an order that has it elsewhere is one without it too. As any write serves
// for that that needs no condition and was called earlier, the first puts suffice, as many
// as there are such answers. In the same way an erasure only matters right before something
// that needs absence, and the first ones suffice; a put-if-absent that may be such a write needs it too.
func (d *reduction) matters() func(int) bool {
	e := explained{reduction: d, values: d.needed()}
	for i, op := range d.ops {
		if d.kept[i] {
			e.last = max(e.last, op.Return)
			if d.blank[i] != nil {
				e.changes.add(op.Call, op.Return)
			}
		} else if d.blank[i] == nil || !op.Kind.CarriesValue() || !e.values[op.Value] {
			continue
		}
		e.need(i)
	}
	e.changes.sort(period.begin, period.end)
	e.found.sort(period.end, period.begin)
	e.puts = len(e.found.list)
	if e.versioned {
		for i, op := range d.ops {
			if d.blank[i] != nil && !d.kept[i] && !e.values[op.Value] && op.Kind.CarriesValue() && e.writes(i) && op.Kind == history.PutIfAbsent {
				e.absent.add(op.Call, d.until(op))
			}
		}
		e.puts = len(e.found.list)
	}
	e.absent.sort(period.end, period.begin)
	e.erasures = len(e.absent.list)
	return e.by
}

// until is when an operation returned, history.Never if that is not known.
func (d *reduction) until(op *history.Operation) int64 {
	if op.Outcome == history.OK && op.Return <= d.horizon {
		return op.Return
	}
	return history.Never
}

// explained is what is to be explained.
type explained struct {
	*reduction
	values map[string]bool // that are needed
	last   int64           // return of the answers that are kept
	// found are the changes that found something that may be of any value, versioned: some by its version; absent what needs
	// absence; changes those that are kept.
	found, absent, changes between
	versioned              bool
	// puts and erasures are how many may still matter.
	puts, erasures int
}

func (e *explained) need(i int) {
	op := e.ops[i]
	switch changed := e.blank[i] != nil; {
	case changed && (op.Kind == history.Erase || op.Kind == history.CASVersion):
		e.found.add(op.Call, e.until(op))
		e.versioned = e.versioned || op.Kind == history.CASVersion
	case changed && op.Kind == history.PutIfAbsent, !changed && !op.Result.Found:
		e.absent.add(op.Call, e.until(op))
	}
}

// by says whether an operation without an answer matters.
func (e *explained) by(i int) bool {
	op := e.ops[i]
	switch {
	case op.Call > e.last:
		return false
	case op.Kind == history.Erase:
		if e.absent.least(op.Call) > e.cut(op) {
			return false
		}
		e.erasures--
		return e.erasures >= 0
	}
	return e.values[op.Value] || e.writes(i)
}

// writes says whether a write whose value is not needed matters.
func (e *explained) writes(i int) bool {
	op := e.ops[i]
	if op.Call > e.last || e.found.least(op.Call) > e.cut(op) {
		return false
	}
	if op.Kind == history.Put {
		e.puts--
		return e.puts >= 0
	}
	return e.puts > 0
}

// cut is when the change returns that is kept and comes first of those that must come after an operation.
func (e *explained) cut(op *history.Operation) int64 {
	if ret := e.until(op); ret != history.Never {
		return e.changes.least(ret)
	}
	return history.Never
}

// period is when an operation was under way.
type period struct{ call, ret int64 }

func (p period) begin() int64 { return p.call }
func (p period) end() int64   { return p.ret }

// between finds the least of one end of periods among those whose other end is later than an event.
type between struct {
	list []period
	keys []int64
	// low is the least other end from each place on.
	low []int64
}

func (b *between) add(call, ret int64) { b.list = append(b.list, period{call, ret}) }

func (b *between) sort(key, other func(period) int64) {
	slices.SortFunc(b.list, func(p, q period) int { return cmp.Compare(key(p), key(q)) })
	b.keys, b.low = make([]int64, len(b.list)), make([]int64, len(b.list)+1)
	b.low[len(b.list)] = history.Never
	for i := len(b.list) - 1; i >= 0; i-- {
		b.keys[i], b.low[i] = key(b.list[i]), min(b.low[i+1], other(b.list[i]))
	}
}

// least is history.Never if there is none.
func (b *between) least(after int64) int64 {
	at, _ := slices.BinarySearch(b.keys, after+1)
	return b.low[at]
}
