package linear

import (
	"cmp"
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
)

// A store that tells for each answer the place in its log at which it was decided
// (Result.Partition and Index) thereby proposes a linear order. To verify an order
// is easy where to find one is not: if the proposed order agrees with real time
// and with every answer, the key is linearizable, whoever proposed it. If
// not, nothing is concluded and the search decides.

// placed is an operation at its place in the proposed order.
type placed struct {
	op    *history.Operation
	index uint64
	ret   int64
}

// witnessed reports whether the order that the answers propose is a linear order of
// one key's operations.
func witnessed(ops []*history.Operation) bool {
	order, ok := propose(ops)
	if !ok {
		return false
	}
	slices.SortStableFunc(order, func(a, b placed) int {
		// A read at an index sees the write at that index.
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(isRead(a.op), isRead(b.op)), cmp.Compare(a.op.Call, b.op.Call))
	})
	var (
		state  witnessState
		called int64
	)
	for i := range order {
		p := &order[i]
		if p.ret < called {
			return false // it had returned before one placed earlier was called
		}
		called = max(called, p.op.Call)
		if !state.apply(p) {
			return false
		}
	}
	return true
}

func isRead(op *history.Operation) int {
	if op.Kind == history.Get {
		return 1
	}
	return 0
}

// propose places every operation that was answered, and every open write whose
// value some answer shows, at the version under which it was seen. Open writes
// that nobody saw are taken as not having taken effect.
func propose(ops []*history.Operation) (order []placed, ok bool) {
	seenAt := make(map[string]uint64)
	partition := uint64(0)
	for _, op := range ops {
		if op.Outcome != history.OK || op.Stale {
			continue
		}
		r := &op.Result
		if r.Index == 0 || partition != 0 && r.Partition != partition {
			return nil, false
		}
		partition = r.Partition
		order = append(order, placed{op: op, index: r.Index, ret: op.Return})
		if value, saw := op.Observed(); saw {
			seenAt[value] = r.Version
		}
	}
	for _, op := range ops {
		if op.Outcome != history.Unknown || !op.Kind.CarriesValue() {
			continue
		}
		if at := seenAt[op.Value]; at != 0 {
			order = append(order, placed{op: op, index: at, ret: history.Never})
		}
	}
	return order, true
}

// witnessState is a key's state on the way through a proposed order.
type witnessState struct {
	found   bool
	value   string
	version uint64
	// last is the index of the last write, also of one that was erased since.
	last uint64
}

func (s *witnessState) apply(p *placed) bool {
	op := p.op
	r := &op.Result
	open := op.Outcome == history.Unknown
	switch {
	case op.Kind == history.Get, op.Kind.Conditional() && !open && !r.Swapped:
		if r.Found != s.found || s.found && (r.Value != s.value || r.Version != s.version) {
			return false
		}
		return op.Kind == history.Get || !s.matches(op)
	case op.Kind == history.Erase:
		if r.Found != s.found || p.index <= s.last {
			return false
		}
		*s = witnessState{last: p.index}
		return true
	case op.Kind.Conditional() && !s.matches(op):
		return false
	}
	if p.index <= s.last || !open && r.Version != p.index {
		return false
	}
	*s = witnessState{found: true, value: op.Value, version: p.index, last: p.index}
	return true
}

// matches reports whether a conditional write's condition holds.
func (s *witnessState) matches(op *history.Operation) bool {
	switch op.Kind {
	case history.CASVersion:
		return s.found && s.version == op.ExpectVersion
	case history.CASValue:
		return s.found && s.value == op.ExpectValue
	default:
		return !s.found
	}
}
