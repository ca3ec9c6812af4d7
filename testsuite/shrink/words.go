package shrink

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// words make what is left plainer, where it does not get shorter.
func words() []pass {
	operations := func(name string, change func(op *plan.Operation)) pass {
		return pass{name, func(p *plan.Plan) int { return len(p.Operations) }, func(p *plan.Plan, from, to int) {
			for i := from; i < to; i++ {
				change(&p.Operations[i])
			}
		}}
	}
	return []pass{
		operations("one client", func(op *plan.Operation) { op.Client = 1 }),
		{"one key", func(p *plan.Plan) int { return len(p.Operations) }, func(p *plan.Plan, from, to int) {
			for i := from; i < to; i++ {
				p.Operations[i].Key = p.Operations[0].Key
			}
		}},
		operations("plain operations", func(op *plan.Operation) { op.NoSession, op.Stale, op.Follower = false, false, false }),
		operations("plain writes", func(op *plan.Operation) {
			if op.Kind.Conditional() {
				op.Kind = history.Put
			}
		}),
		{"plain faults", func(p *plan.Plan) int { return len(p.Faults) }, func(p *plan.Plan, from, to int) {
			for i := from; i < to; i++ {
				plainFault(&p.Faults[i])
			}
		}},
		{"name the leader", func(p *plan.Plan) int { return len(aims(p)) }, func(p *plan.Plan, from, to int) {
			for _, a := range aims(p)[from:to] {
				p.Faults[a.fault].Leader = false
				p.Faults[a.fault].Targets[0] = a.target
			}
		}},
		{"short names", func(*plan.Plan) int { return 2 }, shortNames},
	}
}

// plainFault turns a fault into one that is easier to understand.
func plainFault(f *plan.Fault) {
	switch f.Kind {
	case plan.PowerLoss, plan.Fuse:
		f.Kind, f.Param = plan.Kill, 0
	case plan.Blackout:
		f.Param = 0
	}
}

// aims are the nodes that each fault might aim at which now aims at the leader.
func aims(p *plan.Plan) []place {
	var list []place
	for i := range p.Faults {
		f := &p.Faults[i]
		for n := 1; f.Leader && len(f.Targets) > 0 && n <= p.Machines(); n++ {
			if !slices.Contains(f.Targets[1:], n) {
				list = append(list, place{i, n})
			}
		}
	}
	return list
}

// shortNames calls the keys a, b, c and the values v1, v2, v3; keys are the first item, values the second.
func shortNames(p *plan.Plan, from, to int) {
	keys := p.Keys()
	short := func(key *string) {
		if n := slices.Index(keys, *key); from == 0 && n < 26 {
			*key = string(rune('a' + n))
		}
	}
	for i := range p.Operations {
		op := &p.Operations[i]
		short(&op.Key)
		if op.Kind.CarriesValue() && to == 2 {
			op.Value = fmt.Sprintf("v%d", i+1)
		}
		for j := range op.Also {
			item := &op.Also[j]
			short(&item.Key)
			if item.Kind.CarriesValue() && to == 2 {
				item.Value = fmt.Sprintf("v%d-%d", i+1, j+2)
			}
		}
	}
}
