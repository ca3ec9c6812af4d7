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
	order, open, ok := propose(ops)
	if !ok {
		return false
	}
	slices.SortStableFunc(order, func(a, b placed) int {
		// A read at an index sees the write at that index.
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(isRead(a.op), isRead(b.op)), cmp.Compare(a.op.Call, b.op.Call))
	})
	state := witnessState{open: open}
	for i := range order {
		p := &order[i]
		state.prepare(p.op)
		if p.ret < state.called {
			return false // it had returned before one placed earlier was called
		}
		state.called = max(state.called, p.op.Call)
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

// unplaced are the open operations of which no answer says where they took effect,
// in the order of their calls. They are used where an answer makes no sense
// without one, else taken as not having taken effect.
type unplaced struct {
	erasures, writes []*history.Operation
}

// propose places every operation that was answered, and every open write whose
// value some answer shows, at the version under which it was seen.
func propose(ops []*history.Operation) (order []placed, open unplaced, ok bool) {
	seenAt := make(map[string]uint64)
	partition := uint64(0)
	for _, op := range ops {
		if op.Outcome != history.OK || op.Stale {
			continue
		}
		r := &op.Result
		if r.Index == 0 || partition != 0 && r.Partition != partition {
			return nil, open, false
		}
		partition = r.Partition
		order = append(order, placed{op: op, index: r.Index, ret: op.Return})
		if value, saw := op.Observed(); saw {
			seenAt[value] = r.Version
		}
	}
	for _, op := range ops {
		if op.Outcome != history.Unknown {
			continue
		}
		at := seenAt[op.Value]
		switch {
		case op.Kind == history.Erase:
			open.erasures = append(open.erasures, op)
		case op.Kind.CarriesValue() && at != 0:
			order = append(order, placed{op: op, index: at, ret: history.Never})
		case op.Kind == history.Put, op.Kind == history.PutIfAbsent:
			open.writes = append(open.writes, op)
		}
	}
	return order, open, true
}

// witnessState is a key's state on the way through a proposed order.
type witnessState struct {
	found   bool
	value   string
	version uint64
	// last is the index of the last write, also of one that was erased since.
	last uint64
	// called is the latest call so far: whatever comes next must return after it.
	called int64
	open   unplaced
}

// prepare lets an open operation take effect where the next answer needs one: an
// erasure before an answer that tells of absence, a write before an erasure that
// found something. The earliest call constrains the rest least.
func (s *witnessState) prepare(op *history.Operation) {
	r := &op.Result
	answered := op.Outcome == history.OK
	absent := answered && op.Kind != history.Put && !r.Found && !(r.Swapped && op.Kind != history.PutIfAbsent) ||
		!answered && op.Kind == history.PutIfAbsent
	switch {
	case s.found && absent && len(s.open.erasures) > 0:
		s.called = max(s.called, s.open.erasures[0].Call)
		s.open.erasures = s.open.erasures[1:]
		s.found = false
		s.last++ // it has a version of its own, wherever it is
	case !s.found && answered && op.Kind == history.Erase && r.Found && len(s.open.writes) > 0:
		s.called = max(s.called, s.open.writes[0].Call)
		s.open.writes = s.open.writes[1:]
		s.found = true
		s.last++
	}
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
		if r.Found != s.found || p.index <= s.last || r.Version != 0 && r.Version != p.index {
			return false
		}
		s.found, s.last = false, p.index
		return true
	case op.Kind.Conditional() && !s.matches(op):
		return false
	}
	if p.index <= s.last || !open && r.Version != p.index {
		return false
	}
	s.found, s.value, s.version, s.last = true, op.Value, p.index, p.index
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
