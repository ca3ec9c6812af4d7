package jepsen

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"

	"olympos.io/encoding/edn"

	"github.com/holdfastdb/holdfast/checker/history"
)

// Form is whom a history is written for.
type Form uint8

const (
	// Knossos: :read, :write and :cas of registers, with values [key value] (jepsen.independent).
	Knossos Form = iota + 1
	// Elle: transactions of one or two micro-operations for rw-register. Each value must be written once; so keys
	// with an erasure that may have taken effect are left out.
	Elle
)

// Dropped counts what could not be said in EDN.
type Dropped struct {
	// Stale reads, which take no part in linearizability.
	Stale int
	// Conditions on versions whose value is not known; the writes are there.
	Conditions int
	// Keys are those that Elle cannot be given.
	Keys int
}

// step is what an operation is in EDN: what was there before, if that is said, and what it wrote.
type step struct {
	reads, writes bool
	// before and after are nil for an absent key.
	before, after *string
}

// Write writes a history.
func Write(to io.Writer, h *history.History, form Form) (Dropped, error) {
	w := writer{form: form, out: bufio.NewWriter(to), values: valuesOf(h), left: make(map[string]bool)}
	if form == Elle {
		w.leaveOut(h)
	}
	type at struct {
		event int64
		op    int
		end   bool
	}
	var order []at
	for i := range h.Operations {
		op := &h.Operations[i]
		switch {
		case op.Stale:
			w.dropped.Stale++
		case !w.left[op.Key]:
			order = append(order, at{op.Call, i, false})
			if op.Return != history.Never {
				order = append(order, at{op.Return, i, true})
			}
		}
	}
	slices.SortFunc(order, func(a, b at) int { return cmp.Compare(a.event, b.event) })
	process := make(map[int]int64, len(h.Operations))
	for _, x := range order {
		op := &h.Operations[x.op]
		if !x.end {
			process[x.op] = w.process()
			if err := w.line(op, "invoke", process[x.op], op.CallTime); err != nil {
				return w.dropped, err
			}
			continue
		}
		w.free = append(w.free, process[x.op])
		kind := "ok"
		if op.Outcome == history.Failed {
			kind = "fail"
		}
		if err := w.line(op, kind, process[x.op], op.ReturnTime); err != nil {
			return w.dropped, err
		}
	}
	// An outcome that stayed unknown may come true at any time: it ends when all else has.
	for i := range h.Operations {
		if n, begun := process[i]; begun && h.Operations[i].Return == history.Never {
			if err := w.line(&h.Operations[i], "info", n, h.Operations[i].ReturnTime); err != nil {
				return w.dropped, err
			}
		}
	}
	return w.dropped, w.out.Flush()
}

type writer struct {
	form    Form
	out     *bufio.Writer
	dropped Dropped
	values  map[version]string
	// left are the keys that are left out.
	left  map[string]bool
	index int
	// next is a process that was never used, free those that have nothing under way.
	next int64
	free []int64
}

type version struct {
	key    string
	number uint64
}

// valuesOf tells which value each version had, as far as answers told.
func valuesOf(h *history.History) map[version]string {
	values := make(map[version]string)
	for i := range h.Operations {
		op := &h.Operations[i]
		if op.Outcome != history.OK || op.Result.Version == 0 {
			continue
		}
		at := version{op.Key, op.Result.Version}
		if value, ok := op.Observed(); ok {
			values[at] = value
		} else if op.Wrote() && op.Kind != history.Erase {
			values[at] = op.Value
		}
	}
	return values
}

// leaveOut finds the keys that Elle cannot judge: those where the initial nil comes back, or a value is written twice.
func (w *writer) leaveOut(h *history.History) {
	written := make(map[[2]string]bool)
	for i := range h.Operations {
		op := &h.Operations[i]
		again := written[[2]string{op.Key, op.Value}] && op.Kind.CarriesValue()
		if again || op.Kind == history.Erase && (op.Outcome == history.Unknown || op.Wrote()) {
			w.left[op.Key] = true
		}
		if op.Kind.CarriesValue() {
			written[[2]string{op.Key, op.Value}] = true
		}
	}
	w.dropped.Keys = len(w.left)
}

func (w *writer) process() int64 {
	if n := len(w.free); n > 0 {
		p := w.free[n-1]
		w.free = w.free[:n-1]
		return p
	}
	w.next++
	return w.next - 1
}

// step says what an operation is in EDN. It depends on the outcome: a condition that did not hold is a read.
func (w *writer) step(op *history.Operation) step {
	value := op.Value
	switch {
	case op.Kind == history.Get, op.Outcome == history.OK && op.Kind.Conditional() && !op.Result.Swapped,
		op.Outcome == history.OK && op.Kind == history.Erase && !op.Result.Found:
		s := step{reads: true}
		if op.Result.Found {
			found := op.Result.Value
			s.before = &found
		}
		return s
	case op.Kind == history.Put:
		return step{writes: true, after: &value}
	case op.Kind == history.Erase:
		return step{writes: true}
	case op.Kind == history.PutIfAbsent:
		return step{reads: true, writes: true, after: &value}
	case op.Kind == history.CASValue:
		expected := op.ExpectValue
		return step{reads: true, writes: true, before: &expected, after: &value}
	}
	if expected, known := w.values[version{op.Key, op.ExpectVersion}]; known {
		return step{reads: true, writes: true, before: &expected, after: &value}
	}
	return step{writes: true, after: &value}
}

func text(s *string) any {
	if s == nil {
		return nil
	}
	return fromBytes(*s)
}

// line writes one event.
func (w *writer) line(op *history.Operation, kind string, process, time int64) error {
	s := w.step(op)
	if op.Kind == history.CASVersion && !s.reads && kind == "invoke" {
		w.dropped.Conditions++
	}
	function, value := w.knossos(op, &s, kind)
	if w.form == Elle {
		function, value = "txn", w.elle(op, &s, kind)
	}
	b, err := edn.Marshal(value)
	if err != nil {
		return fmt.Errorf("jepsen: operation %d: %w", op.ID, err)
	}
	message := ""
	if kind != "invoke" && op.Error != "" {
		cause, err := edn.Marshal(fromBytes(op.Error))
		if err != nil {
			return fmt.Errorf("jepsen: operation %d: %w", op.ID, err)
		}
		message = fmt.Sprintf(", :error %s", cause)
	}
	_, err = fmt.Fprintf(w.out, "{:index %d, :type :%s, :process %d, :f :%s, :value %s, :time %d%s}\n", w.index, kind, process, function, b, time, message)
	w.index++
	return err
}

func (w *writer) knossos(op *history.Operation, s *step, kind string) (function string, value any) {
	switch {
	case s.reads && s.writes:
		function, value = "cas", []any{text(s.before), text(s.after)}
	case s.writes:
		function, value = "write", text(s.after)
	case kind == "ok":
		function, value = "read", text(s.before)
	default:
		function = "read"
	}
	return function, []any{fromBytes(op.Key), value}
}

func (w *writer) elle(op *history.Operation, s *step, kind string) (txn [][]any) {
	if s.reads {
		read := []any{edn.Keyword("r"), fromBytes(op.Key), nil}
		if kind == "ok" {
			read[2] = text(s.before)
		}
		txn = append(txn, read)
	}
	if s.writes {
		txn = append(txn, []any{edn.Keyword("w"), fromBytes(op.Key), text(s.after)})
	}
	return txn
}
