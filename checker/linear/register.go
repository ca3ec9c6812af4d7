package linear

import "github.com/holdfastdb/holdfast/checker/history"

// register is the state of one key. It is a comparable value: porcupine
// compares states with ==.
type register struct {
	// floor is a lower bound of the version of the last write.
	floor uint64
	// value is the id of the value, 0 if the key is absent.
	value int32
	// remaining counts the definite steps still to come. After the last of them
	// nothing can be seen any more, and all that is left never took effect.
	remaining int32
	// shown counts the definite steps so far whose answer tells a version.
	shown int32
	// erased and spared count the erasers and spares used.
	erased, spared int32
	// owes is what the next step must be.
	owes debt
	// exact says that floor is the version of the value; otherwise that version is
	// not known yet and at least floor.
	exact bool
}

// debt is the reason for which an open step was taken; the next step must be
// that reason.
type debt uint8

const (
	owesNothing debt = iota
	// owesAbsence: a step that needs the key to be absent.
	owesAbsence
	// owesErasure: an erasure that found something.
	owesErasure
)

// role is what the search may do with a step.
type role uint8

const (
	// definite: took effect, between call and return.
	definite role = iota
	// free: open, and may take effect at any time after its call.
	free
	// eraser: an open erasure. It makes a difference only to the first step after
	// it that needs absence, so it is taken right before that or not at all. As
	// all erasers are alike, they are used in the order of their calls.
	eraser
	// spare: an open write whose value nobody saw. It makes a difference only as
	// what an erasure found on a key that was absent otherwise, so it is taken
	// right before that or not at all; in the order of calls too.
	spare
)

// step is an operation as the search sees it, with values replaced by ids.
type step struct {
	op   *history.Operation
	role role
	// ordinal counts the erasers, and the spares, from 0.
	ordinal int32
	// open: the outcome is unknown. An open step is definite if its value was seen.
	open bool
	// value is the id of what is written, expect of what CASValue expects, seen
	// of what was read; 0 if there is none.
	value, expect, seen int32
	// version is that of the answer, 0 if it is not known.
	version uint64
	// below counts the definite steps whose answers tell lower versions. These
	// must come before: along any order the versions told never decrease.
	below int32
	// call and ret are twice the event numbers, so that an inferred return finds
	// room between two events.
	call, ret int64
}

// pays says whether a step is what a debt asks for.
func (d debt) pays(s *step) bool {
	switch d {
	case owesAbsence:
		if s.op.Kind == history.PutIfAbsent && (s.open || s.op.Result.Swapped) {
			return s.role == definite || s.role == free
		}
		return s.role == definite && !s.open && !s.op.Wrote() && !s.op.Result.Found
	case owesErasure:
		return s.role == definite && s.op.Kind == history.Erase && s.op.Result.Found
	}
	return true
}

// apply says whether the step can take effect in this state, and gives the
// state after it. That an open step never takes effect is the case in which it
// comes after all definite ones.
func (r register) apply(s *step) (register, bool) {
	if r.remaining == 0 {
		return r, true
	}
	if !r.owes.pays(s) {
		return r, false
	}
	r.owes = owesNothing
	switch s.role {
	case eraser:
		if r.value == 0 || r.erased != s.ordinal {
			return r, false
		}
		r.erased, r.owes = r.erased+1, owesAbsence
		return r.write(0, 0)
	case spare:
		if r.value != 0 || r.spared != s.ordinal {
			return r, false
		}
		r.spared, r.owes = r.spared+1, owesErasure
		return r.write(s.value, 0)
	case definite:
		r.remaining--
		if s.version != 0 {
			if r.shown < s.below {
				return r, false
			}
			r.shown++
		}
	}
	switch s.op.Kind {
	case history.Get:
		return r.observe(s)
	case history.Put:
		return r.write(s.value, s.version)
	case history.Erase:
		if !s.op.Result.Found {
			return r, r.value == 0
		}
		if r.value == 0 {
			return r, false
		}
		return r.write(0, s.version)
	}
	return r.conditional(s)
}

// conditional is apply for the conditional writes.
func (r register) conditional(s *step) (register, bool) {
	if s.open || s.op.Result.Swapped {
		matched, holds := r.match(s)
		if !holds {
			return r, false
		}
		return matched.write(s.value, s.version)
	}
	after, ok := r.observe(s)
	return after, ok && after.refuses(s)
}

// match says whether the condition can hold, and what is then known.
func (r register) match(s *step) (register, bool) {
	switch s.op.Kind {
	case history.PutIfAbsent:
		return r, r.value == 0
	case history.CASValue:
		return r, r.value == s.expect
	}
	return r.versioned(s.op.ExpectVersion)
}

// refuses says whether the condition can fail.
func (r register) refuses(s *step) bool {
	switch s.op.Kind {
	case history.PutIfAbsent:
		return r.value != 0
	case history.CASValue:
		return r.value != s.expect
	}
	// A refused CASVersion tells the actual version, so it is exact here.
	return r.value == 0 || r.floor != s.op.ExpectVersion
}

// observe is a read: the answer must show this state.
func (r register) observe(s *step) (register, bool) {
	if !s.op.Result.Found {
		return r, r.value == 0
	}
	if r.value != s.seen {
		return r, false
	}
	if s.version == 0 {
		return r, true
	}
	return r.versioned(s.version)
}

// versioned says whether the key can be there with this version.
func (r register) versioned(version uint64) (register, bool) {
	if r.value == 0 || version < r.floor || (r.exact && version != r.floor) {
		return r, false
	}
	r.floor, r.exact = version, true
	return r, true
}

// write gives the key a value, or makes it absent with value 0. A version that
// is not known is at least one more than the last.
func (r register) write(value int32, version uint64) (register, bool) {
	switch {
	case version == 0:
		r.floor, r.exact = r.floor+1, false
	case version <= r.floor:
		return r, false
	default:
		r.floor, r.exact = version, value != 0
	}
	r.value = value
	return r, true
}
