package linear

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Oracle is the name of this package's oracle in violations.
const Oracle = "linearizability"

// Aspects of violations; each with the oracle's name is a fingerprint.
const (
	// AspectNeverWritten: a value was seen that no operation wrote.
	AspectNeverWritten = "value-never-written"
	// AspectFailedWrite: a value was seen that only operations wrote that failed,
	// or whose condition did not hold.
	AspectFailedWrite = "failed-write-seen"
	// AspectFuture: a value was seen before the operation that wrote it was called.
	AspectFuture = "value-from-the-future"
	// AspectNoOrder begins the aspects of operations that fit in no linear order;
	// the operation's kind follows.
	AspectNoOrder = "no-order-for-"
)

// maxContradiction is how many operations a person may want to look through.
const maxContradiction = 64

// Finding is a violation on one key.
type Finding struct {
	Key    string
	Aspect string
	// Operation is the one that cannot be explained (LIN-5).
	Operation history.OpID
	// Related are the operations to look at next to it: those that wrote what it
	// saw, and the last write that returned before it was called.
	Related []history.OpID
	// Contradiction are operations that have no linear order by themselves, in the order of
	// their calls: a few, and none if it was not found out which.
	Contradiction []history.OpID
	Message       string

	at      int64 // ns
	node    uint64
	group   uint64
	horizon int64
	problem *problem
	options Options
}

// Violation is the finding as an oracle's report.
func (f *Finding) Violation() verdict.Violation {
	v := verdict.Violationf(Oracle, f.Aspect, "%s", f.Message).On(f.group, f.node)
	v.At = f.at
	return *v
}

// newFinding describes what is wrong with an operation.
func newFinding(key, aspect string, op *history.Operation, ops []*history.Operation, why string) Finding {
	f := Finding{
		Key: key, Aspect: aspect, Operation: op.ID, horizon: op.Return,
		at: op.ReturnTime, node: op.Result.Node, group: op.Result.Partition,
	}
	var b strings.Builder
	fmt.Fprintf(&b, "key %s: operation %d, events %d to %d, %s: %s",
		quote(key), op.ID, op.Call, op.Return, Describe(op), why)
	for _, r := range related(op, ops) {
		f.Related = append(f.Related, r.ID)
		ret := "never"
		if r.Return != history.Never {
			ret = fmt.Sprint(r.Return)
		}
		fmt.Fprintf(&b, "; operation %d, events %d to %s, %s", r.ID, r.Call, ret, Describe(r))
	}
	f.Message = b.String()
	return f
}

// related finds the operations that explain a finding best, a few at most.
func related(op *history.Operation, ops []*history.Operation) []*history.Operation {
	const most = 4
	var list []*history.Operation
	var before *history.Operation
	seen, observed := op.Observed()
	for _, other := range ops {
		if other.ID == op.ID {
			continue
		}
		if observed && other.Kind.CarriesValue() && other.Value == seen && len(list) < most {
			list = append(list, other)
		}
		if other.Wrote() && other.Return < op.Call && (before == nil || other.Return > before.Return) {
			before = other
		}
	}
	if before != nil && !slices.Contains(list, before) {
		list = append(list, before)
	}
	return list
}

// checkOrigins looks for values that were seen but cannot have been there. The
// search would find these too, but less clearly.
func checkOrigins(key string, ops []*history.Operation) (Finding, bool) {
	type origin struct {
		live  bool  // some writer did not fail
		first int64 // the earliest call of those
	}
	origins := make(map[string]origin)
	for _, op := range ops {
		if !op.Kind.CarriesValue() {
			continue
		}
		o := origins[op.Value]
		if op.Outcome != history.Failed && !refused(op) {
			if !o.live || op.Call < o.first {
				o.first = op.Call
			}
			o.live = true
		}
		origins[op.Value] = o
	}
	for _, op := range ops {
		value, observed := op.Observed()
		if !observed {
			continue
		}
		o, known := origins[value]
		switch {
		case !known:
			return newFinding(key, AspectNeverWritten, op, ops, "this value was never written"), true
		case !o.live:
			return newFinding(key, AspectFailedWrite, op, ops, "this value was written only by operations that failed or were refused"), true
		case o.first > op.Return:
			return newFinding(key, AspectFuture, op, ops, "this value was only written later"), true
		}
	}
	return Finding{}, false
}

// refused: a conditional write that was told that it did not write.
func refused(op *history.Operation) bool {
	return op.Outcome == history.OK && op.Kind.Conditional() && !op.Result.Swapped
}

// reduce finds the shortest prefix of a key's history that is not
// linearizable, by bisection over the returns, and names the operation that
// ends it.
func reduce(key string, ops []*history.Operation, o Options) Finding {
	var ends []*history.Operation
	for _, op := range ops {
		if op.Outcome == history.OK && !op.Stale {
			ends = append(ends, op)
		}
	}
	slices.SortFunc(ends, func(a, b *history.Operation) int { return int(a.Return - b.Return) })
	low, high := 0, len(ends)-1 // the prefix up to ends[high] is illegal
	for low < high {
		middle := (low + high) / 2
		if decide(ops, ends[middle].Return, o) == illegal {
			high = middle
		} else {
			low = middle + 1
		}
	}
	last := ends[high]
	why, few, problem := contradiction(ops, last, o)
	f := newFinding(key, AspectNoOrder+last.Kind.String(), last, ops,
		"no linear order of this key's operations explains this answer"+why)
	f.problem, f.options = problem, o
	if len(few) > maxContradiction {
		few = nil
	}
	for _, op := range few {
		f.Contradiction = append(f.Contradiction, op.ID)
	}
	return f
}
