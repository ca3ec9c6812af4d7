package history

import (
	"fmt"
	"math"
)

// Never is the Return of an operation whose outcome is unknown: it is later
// than all events.
const Never int64 = math.MaxInt64

// OpID names an operation of a history. Ids count from 1 in the order of
// invocation.
type OpID int64

// Kind is what an operation does.
type Kind uint8

// The kinds of operations. A conditional write is one of the last three.
const (
	// Get reads the key.
	Get Kind = iota + 1
	// Put writes Value.
	Put
	// Erase removes the key.
	Erase
	// CASVersion writes Value if the key's version is ExpectVersion.
	CASVersion
	// CASValue writes Value if the key's value is ExpectValue.
	CASValue
	// PutIfAbsent writes Value if the key is absent.
	PutIfAbsent
)

var kindNames = [...]string{
	Get: "get", Put: "put", Erase: "erase",
	CASVersion: "cas_version", CASValue: "cas_value", PutIfAbsent: "put_if_absent",
}

// String is the kind's name in the file format.
func (k Kind) String() string {
	if k.valid() {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

func (k Kind) valid() bool { return k >= Get && k <= PutIfAbsent }

// Conditional reports whether the operation writes only under a condition.
func (k Kind) Conditional() bool { return k == CASVersion || k == CASValue || k == PutIfAbsent }

// CarriesValue reports whether the operation writes a value.
func (k Kind) CarriesValue() bool { return k == Put || k.Conditional() }

// Outcome is how an operation ended (HIS-2).
type Outcome uint8

// The three outcomes.
const (
	// OK: answered; the Result is valid.
	OK Outcome = iota + 1
	// Failed: not applied, and never will be.
	Failed
	// Unknown: may or may not have been applied, or be applied later.
	Unknown
)

var outcomeNames = [...]string{OK: "ok", Failed: "failed", Unknown: "unknown"}

// String is the outcome's name in the file format.
func (o Outcome) String() string {
	if o.valid() {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

func (o Outcome) valid() bool { return o >= OK && o <= Unknown }

// Input is what a client asks for. Keys and values are arbitrary bytes held in
// strings.
type Input struct {
	Kind Kind
	// Key is at least one byte.
	Key string
	// Value is what a Put or a conditional write writes. Values should be unique
	// within a key: the checkers find more, faster and say it more clearly.
	Value string
	// ExpectValue is the condition of CASValue.
	ExpectValue string
	// ExpectVersion is the condition of CASVersion: the version the key must
	// have, at least 1.
	ExpectVersion uint64
	// Stale marks a Get that may return an old value. It takes no part in the
	// linearizability check.
	Stale bool
}

// Result is the answer to an operation with outcome OK.
type Result struct {
	// Found: the key was there when the operation took effect. For a Get there is
	// a value, for an Erase something was removed, for a conditional write
	// that did not swap Value and Version are the key's actual ones.
	Found bool
	// Swapped: the condition of a conditional write held, and it wrote.
	Swapped bool
	// Value is the value read, by a Get or by a conditional write that did not swap.
	Value string
	// Version is the version of the value read; after a write that took effect,
	// the version that it gave to the key. 0 if it is not known, which a CASVersion
	// that found another version must know.
	Version uint64
	// Node is the node that answered, or 0.
	Node uint64
	// Partition and Index are the operation's witness: its place in the log of
	// its partition. Index 0 means that there is none.
	Partition uint64
	Index     uint64
}

// Operation is one operation of a history.
type Operation struct {
	ID OpID
	// Client is the process that issued the operation. It only groups operations
	// for display: a client may have several operations in flight.
	Client uint64
	Input
	// Call and Return are event numbers (HIS-1), at least 1. Return is Never
	// exactly when the outcome is Unknown.
	Call   int64
	Return int64
	// CallTime and ReturnTime are in nanoseconds, of the clock that the header
	// names, for people to read. ReturnTime of an unknown outcome is when the
	// client gave up, or 0.
	CallTime   int64
	ReturnTime int64
	Outcome    Outcome
	// Error is the client's message for an outcome other than OK.
	Error  string
	Result Result
}

// Wrote reports whether the operation certainly changed its key.
func (op *Operation) Wrote() bool {
	if op.Outcome != OK {
		return false
	}
	switch {
	case op.Kind == Put:
		return true
	case op.Kind == Erase:
		return op.Result.Found
	case op.Kind.Conditional():
		return op.Result.Swapped
	}
	return false
}

// Known is the value and version that the key had, as far as the answer tells: what was written, or what was
// read. ok is false if it tells neither.
func (in *Input) Known(r *Result) (known Result, ok bool) {
	if in.Kind == Erase {
		return Result{}, false
	}
	known = Result{Version: r.Version, Value: r.Value}
	if in.Kind == Put || r.Swapped {
		known.Value = in.Value
	}
	return known, true
}

// Observed returns the value that the operation saw under its key, if it saw
// one.
func (op *Operation) Observed() (value string, ok bool) {
	if op.Outcome != OK || !op.Result.Found {
		return "", false
	}
	if op.Kind == Get || (op.Kind.Conditional() && !op.Result.Swapped) {
		return op.Result.Value, true
	}
	return "", false
}

// History is a header with operations, in the order of their calls.
type History struct {
	Header     Header
	Operations []Operation
}
