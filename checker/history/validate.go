package history

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// validate checks one operation by itself.
func (op *Operation) validate() error {
	switch {
	case op.ID < 1:
		return fmt.Errorf("id %d is below 1", op.ID)
	case op.Call < 1:
		return fmt.Errorf("call %d is below 1", op.Call)
	case !op.Kind.valid():
		return errors.New("the kind is missing or not known")
	case !op.Outcome.valid():
		return errors.New("the outcome is missing or not known")
	case op.Key == "":
		return errors.New("the key is missing")
	case op.Outcome == Unknown && op.Return != Never:
		return errors.New("the outcome is unknown, so there must be no return")
	case op.Outcome != Unknown && (op.Return <= op.Call || op.Return == Never):
		return fmt.Errorf("the return must come after the call at %d", op.Call)
	case op.Outcome == OK && op.Error != "":
		return errors.New("the outcome is ok, so there must be no error")
	}
	if err := op.Input.validate(); err != nil {
		return err
	}
	return op.validateResult()
}

func (in *Input) validate() error {
	switch {
	case in.Value != "" && !in.Kind.CarriesValue():
		return fmt.Errorf("%s writes no value", in.Kind)
	case in.ExpectValue != "" && in.Kind != CASValue:
		return fmt.Errorf("%s expects no value", in.Kind)
	case in.ExpectVersion != 0 && in.Kind != CASVersion:
		return fmt.Errorf("%s expects no version", in.Kind)
	case in.ExpectVersion == 0 && in.Kind == CASVersion:
		return errors.New("the expected version is missing")
	case in.Stale && in.Kind != Get:
		return fmt.Errorf("%s cannot be stale, only get can", in.Kind)
	}
	return nil
}

func (op *Operation) validateResult() error {
	r := &op.Result
	if op.Outcome != OK {
		if r.Found || r.Swapped || r.Value != "" || r.Version != 0 {
			return fmt.Errorf("the outcome is %s, so there must be no result", op.Outcome)
		}
		return nil
	}
	switch {
	case r.Swapped && !op.Kind.Conditional():
		return fmt.Errorf("%s cannot have swapped", op.Kind)
	case r.Swapped && r.Found:
		return errors.New("a write that swapped reports no state it found")
	case r.Found && op.Kind == Put:
		return errors.New("put reports no state it found")
	case r.Value != "" && (op.Kind == Erase || !r.Found):
		return errors.New("there is a result value where none was found")
	case r.Version == 0 && r.Found && op.Kind == CASVersion:
		return errors.New("a refused cas_version must tell the actual version")
	case r.Version != 0 && !r.Found && !op.Wrote():
		return errors.New("there is a result version, but nothing was found or written")
	}
	return nil
}

// Validate checks a whole history: each operation by itself, that ids and
// event numbers are used once (HIS-1), and that the operations are in the
// order of their calls.
func (h *History) Validate() error {
	type event struct {
		at int64
		op OpID
	}
	events := make([]event, 0, 2*len(h.Operations))
	ids := make([]OpID, 0, len(h.Operations))
	for i := range h.Operations {
		op := &h.Operations[i]
		if err := op.validate(); err != nil {
			return fmt.Errorf("history: operation %d: %w", op.ID, err)
		}
		if i > 0 && op.Call < h.Operations[i-1].Call {
			return fmt.Errorf("history: operation %d is not in the order of calls", op.ID)
		}
		ids = append(ids, op.ID)
		events = append(events, event{op.Call, op.ID})
		if op.Return != Never {
			events = append(events, event{op.Return, op.ID})
		}
	}
	slices.Sort(ids)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return fmt.Errorf("history: the id %d is used twice", ids[i])
		}
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.op, b.op)) })
	for i := 1; i < len(events); i++ {
		if events[i].at == events[i-1].at {
			return fmt.Errorf("history: operations %d and %d share the event number %d",
				events[i-1].op, events[i].op, events[i].at)
		}
	}
	return nil
}
