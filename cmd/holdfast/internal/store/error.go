package store

import (
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
)

// Ending is how a call ended that has no answer.
type Ending uint8

// The endings.
const (
	// Unknown: the write may have been applied, or may be later, or never.
	Unknown Ending = iota + 1
	// NotApplied: nothing was changed; trying again is safe.
	NotApplied
	// Denied: nothing was changed, and trying again will not help.
	Denied
)

// Error is a call that ended without an answer.
type Error struct {
	Ending Ending
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Explain turns the error of a call into one for a person: what was tried, how
// it ended, what to do next. It returns nil for nil.
func Explain(err error, what string) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return fmt.Errorf("cannot %s: %w", what, err)
	}
	switch e.Ending {
	case NotApplied:
		return exit.With(exit.NotApplied, fmt.Errorf("cannot %s: %w (nothing was changed)", what, e.Err),
			"trying again is safe; `holdfast status` shows which nodes answer, --endpoints names others, `holdfast dev` starts a cluster here")
	case Denied:
		return exit.With(exit.Denied, fmt.Errorf("cannot %s: %w (nothing was changed)", what, e.Err),
			"change the request; the same one will be refused again")
	}
	return exit.With(exit.Unknown, fmt.Errorf("the outcome of this is unknown: %s: %w", what, e.Err),
		"it may have been applied, may be applied later, or never: read the key before you decide to try again")
}
