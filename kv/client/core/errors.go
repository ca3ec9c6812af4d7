package core

import (
	"fmt"
	"strings"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Reason says why an operation did not end OK.
type Reason uint8

const (
	// ReasonInvalid: the operation breaks a rule that Message names.
	ReasonInvalid Reason = iota + 1
	// ReasonOverloaded: too many operations wait in this client.
	ReasonOverloaded
	// ReasonDeadline: the deadline passed.
	ReasonDeadline
	// ReasonCanceled: the caller gave up.
	ReasonCanceled
	// ReasonClosed: the client is closed.
	ReasonClosed
	// ReasonUnanswered: a write without a session got no answer within the attempt
	// timeout and may not be sent again.
	ReasonUnanswered
	// ReasonDisconnected: the connection broke under a write without a session.
	ReasonDisconnected
	// ReasonUnknown: the server could not tell how a write without a session ended.
	ReasonUnknown
	// ReasonSessionLost: the session expired after a copy of the write may have been
	// applied.
	ReasonSessionLost
	// ReasonTooOld: the server says that this client acknowledged the answer before.
	ReasonTooOld
	// ReasonBadAnswer: the server's answer makes no sense.
	ReasonBadAnswer
	// ReasonWrongCluster: two nodes do not agree how keys map to partitions, so they are not of one
	// cluster. The core does nothing more.
	ReasonWrongCluster
)

var reasonText = [...]string{
	ReasonInvalid:      "the request is not valid",
	ReasonOverloaded:   "too many operations wait in this client",
	ReasonDeadline:     "the deadline passed",
	ReasonCanceled:     "the caller gave up",
	ReasonClosed:       "the client is closed",
	ReasonUnanswered:   "no answer came, and a write without a session is not sent twice",
	ReasonDisconnected: "the connection broke, and a write without a session is not sent twice",
	ReasonUnknown:      "the server does not know the outcome, and a write without a session is not sent twice",
	ReasonSessionLost:  "the session expired before the outcome was known",
	ReasonTooOld:       "the server takes the request for one that was acknowledged before",
	ReasonBadAnswer:    "the server's answer makes no sense",
	ReasonWrongCluster: "the endpoints are not all of one cluster",
}

// String explains the reason.
func (r Reason) String() string {
	if int(r) < len(reasonText) && reasonText[r] != "" {
		return reasonText[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Error says why an operation did not end OK and what is known of its effect.
type Error struct {
	Kind    Kind
	Outcome Outcome
	Reason  Reason
	// Message says more, if there is more to say.
	Message string
	// Attempts is how often the operation was sent.
	Attempts int
	// LastCode, LastMessage and LastEndpoint are the last answer that did not end the
	// operation; LastEndpoint is -1 if there was none.
	LastCode     kvpb.Code
	LastMessage  string
	LastEndpoint int
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", e.Kind, e.Outcome, e.Reason)
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.LastEndpoint >= 0 && e.LastMessage != e.Message {
		fmt.Fprintf(&b, " (after %d attempts; last answer %s", e.Attempts, e.LastCode)
		if e.LastMessage != "" {
			fmt.Fprintf(&b, ": %s", e.LastMessage)
		}
		b.WriteByte(')')
	}
	return b.String()
}

func (c *Core) errorOf(o *op, outcome Outcome, reason Reason, message string) *Error {
	kind := o.spec.Kind
	if o.parent != nil {
		kind = o.parent.spec.Kind
	}
	return &Error{
		Kind: kind, Outcome: outcome, Reason: reason, Message: message, Attempts: o.attempts,
		LastCode: o.lastCode, LastMessage: o.lastMessage, LastEndpoint: o.lastEndpoint,
	}
}
