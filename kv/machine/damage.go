package machine

import (
	"errors"
	"fmt"
)

// ErrDamaged marks errors about records in the engine that no machine writes: the
// replica has lost what it promised to remember, and must be rebuilt from its group.
var ErrDamaged = errors.New("machine: the engine's records are damaged")

// damageError is an error that is ErrDamaged, without repeating so in its text.
type damageError struct{ err error }

func (e *damageError) Error() string   { return e.err.Error() }
func (e *damageError) Unwrap() []error { return []error{e.err, ErrDamaged} }

func damagef(format string, args ...any) error {
	return &damageError{fmt.Errorf(format, args...)}
}
