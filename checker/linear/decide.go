package linear

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/zone"
)

// zoneMemory is what checker/zone takes for an operation, in bytes, roughly.
const zoneMemory = 512

// decide decides a key's history up to an event: by its zones if they decide it, else by
// the search.
func decide(ops []*history.Operation, horizon int64, o Options) answer {
	if j := byZones(ops, horizon, o, zone.Decide); j.Answer != zone.Undecided {
		if j.Answer == zone.Accept {
			return legal
		}
		return illegal
	}
	return prepare(ops, horizon).search(o)
}

// byZones asks checker/zone, within the bounds of the search: zone.Decide, or zone.Check for a small set.
func byZones(ops []*history.Operation, horizon int64, o Options, ask func([]*history.Operation, int64) zone.Judgement) zone.Judgement {
	n := int64(len(ops))
	if o.PorcupineOnly || n > o.MaxSteps || n > o.MaxMemory/zoneMemory {
		return zone.Judgement{}
	}
	begin := time.Now()
	j := ask(ops, horizon)
	if o.Timeout > 0 && time.Since(begin) > o.Timeout {
		return zone.Judgement{}
	}
	return j
}

// contradiction says in words what the operations up to one contradict each other in, and gives the few operations
// that suffice, in the order of their calls, and the problem to draw. If a few do not suffice, that
// is all of them, and none are given.
func contradiction(ops []*history.Operation, last *history.Operation, o Options) (why string, few []*history.Operation, p *problem) {
	j := byZones(ops, last.Return, o, zone.Check)
	if j.Answer != zone.Reject {
		return "", nil, prepare(ops, last.Return)
	}
	for _, at := range j.Set {
		if ops[at] != last {
			few = append(few, ops[at])
		}
	}
	few = append([]*history.Operation{last}, few...)
	why = ": " + j.Reason + among(few)
	few = withWrites(ops, few)
	// Without the rest the few may be legal: the rest also says what did not happen.
	if p = prepare(few, last.Return); p.search(o) == illegal {
		return why, few, p
	}
	return why, nil, prepare(ops, last.Return)
}

func among(few []*history.Operation) string {
	const most = 6
	text := " (operations"
	for i, op := range few[:min(len(few), most)] {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d", op.ID)
	}
	return text + ")"
}

// withWrites adds the writes of the values that operations saw or expected, in the order of calls.
func withWrites(ops, few []*history.Operation) []*history.Operation {
	needed, in := make(map[string]bool), make(map[*history.Operation]bool)
	for _, op := range few {
		in[op] = true
		if value, saw := op.Observed(); saw {
			needed[value] = true
		}
		if op.Kind == history.CASValue {
			needed[op.ExpectValue] = true
		}
	}
	var list []*history.Operation
	for _, op := range ops {
		if in[op] || op.Kind.CarriesValue() && needed[op.Value] && !refused(op) {
			list = append(list, op)
		}
	}
	return slices.Clip(list)
}
