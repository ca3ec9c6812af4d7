package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/client/core"
)

// Outcome says what is known of an operation that returned an error, or of an item.
type Outcome = core.Outcome

const (
	// OK: answered; for a write, decided exactly once.
	OK = core.OK
	// Failed: certainly not applied, now or later.
	Failed = core.Failed
	// Unknown: a write that was applied once or not at all, possibly later.
	Unknown = core.Unknown
)

// Errors to compare with by errors.Is.
var (
	// ErrOutcomeUnknown: the write may or may not be applied, now or later.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrUnavailable: certainly not applied, for a reason that may pass.
	ErrUnavailable = errors.New("unavailable, not applied")
	// ErrInvalid: the request breaks a rule; it was not applied.
	ErrInvalid = errors.New("invalid request, not applied")
	// ErrOverloaded: this client has too many operations waiting; not applied. It
	// also is an ErrUnavailable.
	ErrOverloaded = errors.New("too many operations wait in this client, not applied")
	// ErrClosed: the client was closed. The outcome may be Failed or Unknown.
	ErrClosed = errors.New("client closed")
	// ErrWrongCluster: the endpoints are not all of one cluster. The outcome may be Failed or
	// Unknown, and the client does nothing more.
	ErrWrongCluster = errors.New("the endpoints are not of one cluster")
)

// Error is what all operations return that did not end OK.
type Error struct {
	// Outcome is Failed or Unknown.
	Outcome Outcome
	// Op names the operation.
	Op string
	// Endpoint is the address that last answered, "" if none did.
	Endpoint string
	// Cause says why; it may wrap context.Canceled or context.DeadlineExceeded.
	Cause error
	// Hint says what to do next.
	Hint string

	reason core.Reason
}

// Error implements error.
func (e *Error) Error() string {
	s := "holdfast: " + e.Cause.Error()
	if e.Endpoint != "" {
		s += fmt.Sprintf(" [%s]", e.Endpoint)
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is implements errors.Is for the Err values of this package.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrOutcomeUnknown:
		return e.Outcome == Unknown
	case ErrInvalid:
		return e.reason == core.ReasonInvalid && e.Outcome == Failed
	case ErrOverloaded:
		return e.reason == core.ReasonOverloaded && e.Outcome == Failed
	case ErrClosed:
		return e.reason == core.ReasonClosed
	case ErrWrongCluster:
		return e.reason == core.ReasonWrongCluster
	case ErrUnavailable:
		switch e.reason {
		case core.ReasonInvalid, core.ReasonClosed, core.ReasonWrongCluster:
			return false
		}
		return e.Outcome == Failed
	}
	return false
}

func hintFor(e *core.Error) string {
	switch {
	case e.Reason == core.ReasonWrongCluster:
		return "use a new client with the endpoints of one cluster"
	case e.Outcome == Unknown && e.Kind == core.MultiPut:
		return "look at the result of each item, and read the keys of those that are unknown"
	case e.Outcome == Unknown:
		return "read the key to learn whether the write was applied"
	case e.Reason == core.ReasonInvalid:
		return "change the request"
	case e.Reason == core.ReasonOverloaded:
		return "try again after a pause, or raise MaxQueued"
	case e.Reason == core.ReasonClosed:
		return "use a new client"
	case e.Reason == core.ReasonCanceled:
		return ""
	case e.LastEndpoint < 0:
		return "check that the nodes run and that the endpoints are their client addresses"
	}
	return "try again; if it lasts, check with 'holdfast status' that a majority of the nodes runs"
}

// causeError joins what the core says with the context's error.
type causeError struct {
	said *core.Error
	ctx  error
}

func (e *causeError) Error() string { return e.said.Error() }

func (e *causeError) Unwrap() []error { return []error{e.said, e.ctx} }

// errorOf makes the error of a completion; ctxErr is that of the operation's
// context, if it has ended.
func (c *Client) errorOf(e *core.Error, ctxErr error) error {
	out := &Error{Outcome: e.Outcome, Op: e.Kind.String(), Cause: e, Hint: hintFor(e), reason: e.Reason}
	if e.LastEndpoint >= 0 {
		out.Endpoint = c.Endpoint(e.LastEndpoint)
	}
	switch {
	case e.Reason == core.ReasonDeadline:
		out.Cause = &causeError{said: e, ctx: context.DeadlineExceeded}
	case e.Reason == core.ReasonCanceled && ctxErr != nil:
		out.Cause = &causeError{said: e, ctx: ctxErr}
	}
	return out
}
