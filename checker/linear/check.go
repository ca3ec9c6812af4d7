package linear

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Options bound a check. The zero value is sensible.
type Options struct {
	// Timeout bounds each key's search in wall time; 0 is no bound. With it, a
	// result may depend on the speed of the machine.
	Timeout time.Duration
	// MaxSteps bounds each key's search in steps tried; 0 is DefaultMaxSteps.
	MaxSteps int64
	// MaxMemory bounds each key's search in bytes, roughly; 0 is DefaultMaxMemory.
	// A key needs about n²/8 bytes for n operations.
	MaxMemory int64
	// MaxFindings stops the check after so many violations; 0 is
	// DefaultMaxFindings. The keys left are reported as undecided.
	MaxFindings int
	// PorcupineOnly leaves out the faster ways to decide (the witness, checker/zone),
	// so that they can be compared with the search.
	PorcupineOnly bool
}

// Default bounds.
const (
	DefaultMaxSteps    = 50_000_000
	DefaultMaxMemory   = 512 << 20
	DefaultMaxFindings = 16
)

func (o Options) withDefaults() Options {
	o.MaxSteps = orDefault(o.MaxSteps, DefaultMaxSteps)
	o.MaxMemory = orDefault(o.MaxMemory, DefaultMaxMemory)
	o.MaxFindings = orDefault(o.MaxFindings, DefaultMaxFindings)
	return o
}

// Result is what a check found.
type Result struct {
	// Keys and Operations are what the history held.
	Keys, Operations int
	// Acknowledged, Failed and Unknown count the operations by outcome.
	Acknowledged, Failed, Unknown int
	// Findings are the violations, sorted by key.
	Findings []Finding
	// Undecided are the keys without an answer, sorted by key.
	Undecided []Undecided
}

// Undecided is a key that could not be decided within the bounds.
type Undecided struct {
	Key    string
	Reason string
}

// Check decides each key of a valid history. It never fails: what cannot be
// decided is in Result.Undecided.
func Check(h *history.History, o Options) *Result {
	o = o.withDefaults()
	res := &Result{Operations: len(h.Operations)}
	byKey := make(map[string][]*history.Operation)
	var keys []string
	for i := range h.Operations {
		op := &h.Operations[i]
		res.count(op.Outcome)
		if byKey[op.Key] == nil {
			keys = append(keys, op.Key)
		}
		byKey[op.Key] = append(byKey[op.Key], op)
	}
	slices.Sort(keys)
	res.Keys = len(keys)
	for i, key := range keys {
		if len(res.Findings) == o.MaxFindings {
			res.Undecided = append(res.Undecided, Undecided{
				Key:    key,
				Reason: fmt.Sprintf("stopped after %d violations, %d keys not checked", o.MaxFindings, len(keys)-i),
			})
			break
		}
		res.checkKey(key, byKey[key], o)
	}
	return res
}

func (r *Result) count(o history.Outcome) {
	switch o {
	case history.OK:
		r.Acknowledged++
	case history.Failed:
		r.Failed++
	case history.Unknown:
		r.Unknown++
	}
}

func (r *Result) checkKey(key string, ops []*history.Operation, o Options) {
	if f, bad := checkOrigins(key, ops); bad {
		f.problem, f.options = prepare(ops, f.horizon), o
		r.Findings = append(r.Findings, f)
		return
	}
	if !o.PorcupineOnly && witnessed(ops) {
		return
	}
	switch decide(ops, history.Never, o) {
	case illegal:
		r.Findings = append(r.Findings, reduce(key, ops, o))
	case undecided:
		reason := fmt.Sprintf("the search over %d operations hit its bound (%d steps, %d MiB", len(ops), o.MaxSteps, o.MaxMemory>>20)
		if o.Timeout > 0 {
			reason += fmt.Sprintf(", %v", o.Timeout)
		}
		r.Undecided = append(r.Undecided, Undecided{Key: key, Reason: reason + ")"})
	}
}

// Case is the result in the form that verdict.Judge takes; the caller may add
// to it.
func (r *Result) Case() verdict.Case {
	var c verdict.Case
	for i := range r.Findings {
		c.Violations = append(c.Violations, r.Findings[i].Violation())
	}
	for _, u := range r.Undecided {
		c.Undecided = append(c.Undecided, fmt.Sprintf("%s: key %s: %s", Oracle, quote(u.Key), u.Reason))
	}
	c.Evidence.Add(verdict.CounterAcknowledged, int64(r.Acknowledged))
	c.Evidence.Add("operations.failed", int64(r.Failed))
	c.Evidence.Add("operations.unknown", int64(r.Unknown))
	c.Evidence.Add("linearizability.keys", int64(r.Keys))
	return c
}
