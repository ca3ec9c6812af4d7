package linear

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/holdfastdb/holdfast/checker/history"
)

// answer is how a search ended.
type answer int

const (
	legal answer = iota
	illegal
	undecided
)

// budget bounds one search. Porcupine remembers each configuration it has
// reached with a bit for every operation, so bounding the configurations
// bounds the memory.
type budget struct {
	tries, configurations int64
	spent                 bool
}

func newBudget(o Options, steps int) *budget {
	perConfiguration := int64(steps/8 + 128)
	return &budget{tries: o.MaxSteps, configurations: o.MaxMemory / perConfiguration}
}

// take counts one try. Once the budget is spent no step succeeds any more, so
// that the search runs out quickly.
func (b *budget) take(succeeded bool) bool {
	b.tries--
	if succeeded {
		b.configurations--
	}
	if b.tries < 0 || b.configurations < 0 {
		b.spent = true
	}
	return succeeded && !b.spent
}

// model is the register for porcupine.
func (p *problem) model(b *budget) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return register{remaining: p.definite} },
		Step: func(state, input, _ any) (bool, any) {
			after, ok := state.(register).apply(input.(*step))
			if !b.take(ok) {
				return false, state
			}
			return true, after
		},
		Hash: func(state any) uint64 {
			r := state.(register)
			return (r.floor*0x9e3779b97f4a7c15 + uint64(uint32(r.value))) * 0xbf58476d1ce4e5b9
		},
		DescribeOperation: func(input, _ any) string { return Describe(input.(*step).op) },
		DescribeState:     func(state any) string { return p.describe(state.(register)) },
	}
}

// search decides the problem within the options' bounds.
func (p *problem) search(o Options) answer {
	if len(p.steps) == 0 {
		return legal
	}
	b := newBudget(o, len(p.steps))
	result := porcupine.CheckOperationsTimeout(p.model(b), p.operations(), o.Timeout)
	switch result {
	case porcupine.Ok:
		return legal
	case porcupine.Illegal:
		// The search has ended, so b is no longer written to. On a time-out it
		// may still be, and must not be read.
		if !b.spent {
			return illegal
		}
	}
	return undecided
}

// explain runs the search again and keeps the longest partial orders.
func (p *problem) explain(o Options) (porcupine.Model, porcupine.LinearizationInfo) {
	model := p.model(newBudget(o, len(p.steps)))
	_, info := porcupine.CheckOperationsVerbose(model, p.operations(), o.Timeout)
	replay := &budget{tries: math.MaxInt64, configurations: math.MaxInt64}
	return p.model(replay), info
}

func (p *problem) operations() []porcupine.Operation {
	rows := p.rows()
	list := make([]porcupine.Operation, len(p.steps))
	for i := range p.steps {
		s := &p.steps[i]
		list[i] = porcupine.Operation{ClientId: rows[i], Input: s, Call: s.call, Return: s.ret}
	}
	return list
}

// rows gives each step a row of the picture: the first one that is free at its
// call, so that steps in one row never overlap.
func (p *problem) rows() []int {
	rows := make([]int, len(p.steps))
	var busyUntil []int64
	for i := range p.steps {
		s := &p.steps[i]
		row := 0
		for row < len(busyUntil) && busyUntil[row] >= s.call {
			row++
		}
		if row == len(busyUntil) {
			busyUntil = append(busyUntil, 0)
		}
		busyUntil[row] = s.ret
		rows[i] = row
	}
	return rows
}

func (p *problem) describe(r register) string {
	if r.value == 0 {
		return fmt.Sprintf("absent, last version >= %d", r.floor)
	}
	relation := ">="
	if r.exact {
		relation = "="
	}
	return fmt.Sprintf("%s, version %s %d", quote(p.names.texts[r.value-1]), relation, r.floor)
}

// quote shortens and escapes bytes for people.
func quote(s string) string {
	const most = 48
	if len(s) > most {
		return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// Describe tells an operation and its outcome in one line.
func Describe(op *history.Operation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "client %d: %s", op.Client, op.Kind)
	switch op.Kind {
	case history.CASVersion:
		fmt.Fprintf(&b, " if version is %d", op.ExpectVersion)
	case history.CASValue:
		fmt.Fprintf(&b, " if value is %s", quote(op.ExpectValue))
	}
	if op.Kind.CarriesValue() {
		fmt.Fprintf(&b, " %s", quote(op.Value))
	}
	b.WriteString(" -> ")
	seen, observed := op.Observed()
	switch {
	case op.Outcome != history.OK:
		b.WriteString(op.Outcome.String())
	case observed && op.Kind.Conditional():
		fmt.Fprintf(&b, "refused, is %s version %d", quote(seen), op.Result.Version)
	case observed:
		fmt.Fprintf(&b, "%s version %d", quote(seen), op.Result.Version)
	case op.Wrote():
		fmt.Fprintf(&b, "ok, version %d", op.Result.Version)
	default:
		b.WriteString("absent")
	}
	return b.String()
}

// orDefault is for a bound that may not be set.
func orDefault[T int64 | int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}
