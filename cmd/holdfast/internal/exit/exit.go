package exit

import (
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/checker/verdict"
)

// The exit codes (docs/cli.md).
const (
	// OK: done.
	OK = 0
	// Failure: an error that none of the others describes.
	Failure = 1
	// NotFound: the key has no value.
	NotFound = 3
	// NotApplied: the cluster could not be reached or had no leader; nothing was
	// changed, and trying again is safe.
	NotApplied = 4
	// Unknown: the write may or may not have been applied, now or later.
	Unknown = 5
	// Denied: the request breaks a rule, such as the limit on a value's size;
	// nothing was changed, and trying again will not help.
	Denied = 6
	// ConditionFailed: the condition of a compare-and-set did not hold; nothing
	// was changed.
	ConditionFailed = 7
	// Violation, Undecided and Liveness are how checks end that do not pass.
	Violation = verdict.ExitViolation
	Undecided = verdict.ExitUnknown
	Liveness  = verdict.ExitLiveness
	// Usage: unknown command, flag or argument, or a bad setting.
	Usage = 64
)

// Error is an error for a person, with its exit code.
type Error struct {
	Code int
	// Err says what was tried and why it failed; nil if everything has been said
	// already and only the code matters.
	Err error
	// Next says what to do; it may be empty.
	Next string
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the code the program ends with.
func (e *Error) ExitCode() int { return e.Code }

// Silent reports whether there is nothing to print.
func (e *Error) Silent() bool { return e.Err == nil }

// Quietly ends the program with a code and prints nothing more.
func Quietly(code int) error { return &Error{Code: code} }

// With gives an error a code and a next step.
func With(code int, err error, next string) error { return &Error{Code: code, Err: err, Next: next} }

// Usagef is a mistake on the command line or in the settings.
func Usagef(next, format string, args ...any) error {
	return &Error{Code: Usage, Err: fmt.Errorf(format, args...), Next: next}
}

// Code returns the exit code of an error; OK for nil.
func Code(err error) int {
	if err == nil {
		return OK
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return Failure
}

// Text returns what to print of an error: the message and, if there is one, the
// next step on a line of its own. It is empty for errors that are silent.
func Text(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Silent() {
		return ""
	}
	text := err.Error()
	if e.Next != "" {
		text += "\nnext: " + e.Next
	}
	return text
}
