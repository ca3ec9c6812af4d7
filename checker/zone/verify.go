package zone

import (
	"fmt"

	"github.com/holdfastdb/holdfast/checker/history"
)

// replay is a register that is driven along an order.
type replay struct {
	present bool
	value   string
	// At least this version; exactly this one if pinned.
	version uint64
	pinned  bool
}

// Verify confirms that an order is a linear order of one key's operations up to the horizon
// (see Check): indexes of operations, each at most once; every answered one is there; none
// returned before one that stands earlier was called; and a register driven along it gives each
// answer. Operations that are not in it did not take effect, so their outcome must be unknown.
func Verify(ops []*history.Operation, order []int, horizon int64) error {
	listed := make([]bool, len(ops))
	var state replay
	var lastCall int64
	for _, at := range order {
		if at < 0 || at >= len(ops) || listed[at] {
			return fmt.Errorf("zone: index %d is out of range, or there twice", at)
		}
		listed[at] = true
		op := ops[at]
		if op.Outcome == history.Failed || op.Stale || op.Call > horizon {
			return fmt.Errorf("zone: operation %d cannot be in an order", op.ID)
		}
		answered := op.Outcome == history.OK && op.Return <= horizon
		if answered && op.Return < lastCall {
			return fmt.Errorf("zone: operation %d returned before one was called that comes before it", op.ID)
		}
		lastCall = max(lastCall, op.Call)
		var err error
		if answered {
			err = state.answer(op)
		} else {
			err = state.effect(op, 0)
		}
		if err != nil {
			return fmt.Errorf("zone: operation %d: %w", op.ID, err)
		}
	}
	for i, op := range ops {
		if !listed[i] && op.Outcome == history.OK && !op.Stale && op.Return <= horizon {
			return fmt.Errorf("zone: operation %d is not in the order", op.ID)
		}
	}
	return nil
}

// answer replays an operation that was answered.
func (s *replay) answer(op *history.Operation) error {
	switch {
	case op.Kind == history.Put || op.Result.Swapped, op.Kind == history.Erase && op.Result.Found:
		return s.effect(op, op.Result.Version)
	case op.Result.Found != s.present:
		return fmt.Errorf("found is %v, but present is %v", op.Result.Found, s.present)
	case s.present && op.Result.Value != s.value:
		return fmt.Errorf("the value is %q, not %q", s.value, op.Result.Value)
	case s.present && op.Result.Version != 0:
		if err := s.pin(op.Result.Version); err != nil {
			return err
		}
	}
	if !op.Kind.Conditional() {
		return nil
	}
	met := false
	switch op.Kind {
	case history.PutIfAbsent:
		met = !s.present
	case history.CASValue:
		met = s.present && s.value == op.ExpectValue
	case history.CASVersion:
		met = s.present && s.version == op.ExpectVersion
	}
	if met {
		return fmt.Errorf("the condition holds, but it was refused")
	}
	return nil
}

// effect replays a change of the key, under a version if that is known.
func (s *replay) effect(op *history.Operation, version uint64) error {
	switch op.Kind {
	case history.Put:
	case history.PutIfAbsent:
		if s.present {
			return fmt.Errorf("the key is present")
		}
	case history.CASValue:
		if !s.present || s.value != op.ExpectValue {
			return fmt.Errorf("the key does not have the expected value")
		}
	case history.CASVersion:
		if !s.present {
			return fmt.Errorf("the key is absent")
		}
		if err := s.pin(op.ExpectVersion); err != nil {
			return err
		}
	case history.Erase:
		if !s.present {
			return fmt.Errorf("there is nothing to erase")
		}
	default:
		return fmt.Errorf("%s changes nothing", op.Kind)
	}
	s.version, s.pinned = s.version+1, false
	if version != 0 {
		if version < s.version {
			return fmt.Errorf("version %d is too low, %d would be the least", version, s.version)
		}
		s.version, s.pinned = version, true
	}
	s.present, s.value = op.Kind != history.Erase, op.Value
	return nil
}

// pin learns the version of the value.
func (s *replay) pin(version uint64) error {
	if version < s.version || s.pinned && version != s.version {
		return fmt.Errorf("the version cannot be %d, %d is known", version, s.version)
	}
	s.version, s.pinned = version, true
	return nil
}
