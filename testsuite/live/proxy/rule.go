package proxy

import "time"

// Outside is whoever is no node: clients and operators.
const Outside uint64 = 0

// Link is the connections that one process opened to a node.
type Link struct{ From, To uint64 }

// Hold says what of a link is stalled.
type Hold uint8

// The holds are bits.
const (
	// HoldForth stalls what the dialling side sends.
	HoldForth Hold = 1 << iota
	// HoldBack stalls what it is sent.
	HoldBack
	// HoldBoth stalls the link.
	HoldBoth = HoldForth | HoldBack
)

// Rule is how a link fares. The zero Rule is a link that works.
type Rule struct {
	// Delay and Jitter: each piece comes between Delay and Delay+Jitter late, in order.
	Delay, Jitter time.Duration
	// BytesPerSecond bounds what passes in each direction of a connection; 0 is no bound.
	BytesPerSecond int
	// Hold stalls directions.
	Hold Hold
	// Cut resets the connections there are, and each new one.
	Cut bool
}

// Effects are what the rules of a link did (PROXY-2).
type Effects struct {
	// Held and Late are bytes that were stalled, and that came late by a delay or a bound of the bandwidth.
	Held, Late int64
	// Reset are connections that were open and were reset, Refused those that were reset as they came.
	Reset, Refused int64
	// Passed are all bytes that arrived.
	Passed int64
}

// Struck is how often something other than a delay hit the link.
func (e Effects) Struck() int64 { return e.Held + e.Reset + e.Refused }

func (e *Effects) add(o Effects) {
	e.Held += o.Held
	e.Late += o.Late
	e.Reset += o.Reset
	e.Refused += o.Refused
	e.Passed += o.Passed
}
