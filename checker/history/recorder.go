package history

import (
	"fmt"
	"slices"
	"strings"
)

// Recorder collects a history. It hands out event numbers in the order of its
// calls, so it must be told of events in the order in which they happen (HIS-4).
// It is for one goroutine; see SyncRecorder.
type Recorder struct {
	events     int64
	operations []Operation
	completed  []bool // by operation
	counts     [Unknown + 1]int
}

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder { return &Recorder{} }

// Invoke records that a client is about to issue an operation, at a time in
// nanoseconds. It panics on an input that no client can issue, such as an
// empty key: the caller checks these before.
func (r *Recorder) Invoke(client uint64, in Input, at int64) OpID {
	r.events++
	op := Operation{
		ID: OpID(len(r.operations) + 1), Client: client, Input: in,
		Call: r.events, Return: Never, CallTime: at, Outcome: Unknown,
	}
	if err := op.validate(); err != nil {
		panic(fmt.Sprintf("history: cannot record the operation: %v", err))
	}
	r.operations = append(r.operations, op)
	r.completed = append(r.completed, false)
	r.counts[Unknown]++
	return op.ID
}

// Complete records how an operation ended, at a time in nanoseconds. The result
// counts for the outcome OK only, the message for the others only. An operation
// that is never completed has the outcome Unknown. It panics if there is no such
// operation, if it was completed before, or if the result is not one that
// the operation can have.
func (r *Recorder) Complete(id OpID, outcome Outcome, result Result, message string, at int64) {
	if id < 1 || int(id) > len(r.operations) {
		panic(fmt.Sprintf("history: operation %d was never invoked", id))
	}
	op := &r.operations[id-1]
	if r.completed[id-1] {
		panic(fmt.Sprintf("history: operation %d was completed twice", id))
	}
	done := *op
	done.Outcome, done.ReturnTime = outcome, at
	if outcome == OK {
		done.Result = result
	} else {
		done.Error = strings.ToValidUTF8(message, "?")
		done.Result = Result{Node: result.Node, Partition: result.Partition, Index: result.Index}
	}
	if outcome != Unknown {
		r.events++
		done.Return = r.events
	}
	if err := done.validate(); err != nil {
		panic(fmt.Sprintf("history: cannot complete operation %d (%s): %v", id, op.Kind, err))
	}
	*op = done
	r.completed[id-1] = true
	r.counts[Unknown]--
	r.counts[outcome]++
}

// Len is the number of operations invoked so far.
func (r *Recorder) Len() int { return len(r.operations) }

// Counts returns how many operations have each outcome so far; those in flight
// count as unknown.
func (r *Recorder) Counts() (ok, failed, unknown int) {
	return r.counts[OK], r.counts[Failed], r.counts[Unknown]
}

// History returns a copy of what was recorded so far under the header;
// operations still in flight have the outcome Unknown.
func (r *Recorder) History(h Header) *History {
	return &History{Header: h, Operations: slices.Clone(r.operations)}
}
