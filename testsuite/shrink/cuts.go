package shrink

import (
	"slices"

	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// passes are in order: what takes much away with one run comes first, and what makes each later run cheaper.
func (s *search) passes() []pass {
	return slices.Concat(
		[]pass{s.tail(), each("plain sharding", sharding)},
		machines(), cuts(), calm(), s.times(), words(),
	)
}

// cuts take faults, operations and clients away.
func cuts() []pass {
	return []pass{
		{"drop faults", func(p *plan.Plan) int { return len(p.Faults) }, func(p *plan.Plan, from, to int) {
			p.Faults = slices.Delete(p.Faults, from, to)
		}},
		{"drop keys", func(p *plan.Plan) int { return len(keysOf(p)) }, func(p *plan.Plan, from, to int) {
			gone := keysOf(p)[from:to]
			p.Operations = slices.DeleteFunc(p.Operations, func(op plan.Operation) bool { return slices.Contains(gone, op.Key) })
		}},
		{"drop clients", func(p *plan.Plan) int { return p.Clients }, dropClients},
		{"drop operations", func(p *plan.Plan) int { return len(p.Operations) }, func(p *plan.Plan, from, to int) {
			p.Operations = slices.Delete(p.Operations, from, to)
		}},
		{"raise the dead", func(p *plan.Plan) int { return len(p.StayDead) }, func(p *plan.Plan, from, to int) {
			p.StayDead = slices.Delete(p.StayDead, from, to)
		}},
	}
}

// keysOf are the plan's keys, in the order of their first use.
func keysOf(p *plan.Plan) []string {
	var keys []string
	for i := range p.Operations {
		if k := p.Operations[i].Key; !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// dropClients takes clients away with all they do. The others move up.
func dropClients(p *plan.Plan, from, to int) {
	p.Operations = slices.DeleteFunc(p.Operations, func(op plan.Operation) bool { return op.Client > from && op.Client <= to })
	for i := range p.Operations {
		if c := &p.Operations[i].Client; *c > to {
			*c -= to - from
		}
	}
	p.Clients -= to - from
}

// machines take nodes, partitions and copies away.
func machines() []pass {
	return []pass{
		{"drop spare nodes", func(p *plan.Plan) int { return p.Spares }, func(p *plan.Plan, from, to int) {
			dropNodes(p, p.Nodes+from+1, p.Nodes+to)
		}},
		{"drop nodes", func(p *plan.Plan) int { return p.Nodes }, func(p *plan.Plan, from, to int) { dropNodes(p, from+1, to) }},
		{"drop partitions", func(p *plan.Plan) int {
			if !p.Sharded() {
				return 0
			}
			return p.Sharding.Partitions - 1
		}, func(p *plan.Plan, from, to int) { p.Sharding.Partitions -= to - from }},
		{"drop copies", func(p *plan.Plan) int {
			if !p.Sharded() {
				return 0
			}
			return p.Sharding.Replicas - 1
		}, func(p *plan.Plan, from, to int) { p.Sharding.Replicas -= to - from }},
		{"drop targets", func(p *plan.Plan) int { return len(surplus(p)) }, func(p *plan.Plan, from, to int) {
			for _, t := range slices.Backward(surplus(p)[from:to]) {
				f := &p.Faults[t.fault]
				f.Targets = slices.Delete(f.Targets, t.target, t.target+1)
			}
		}},
	}
}

// dropNodes takes the nodes first to last away, with the faults that are about them. The others move up.
func dropNodes(p *plan.Plan, first, last int) {
	gone := func(n int) bool { return n >= first && n <= last }
	moved := func(list []int) []int {
		list = slices.DeleteFunc(list, gone)
		for i := range list {
			if list[i] > last {
				list[i] -= last - first + 1
			}
		}
		return list
	}
	p.Faults = slices.DeleteFunc(p.Faults, func(f plan.Fault) bool {
		about := len(f.Targets) > 0 && gone(f.Targets[0]) && !f.Leader
		return about && f.Kind != plan.Split || f.Kind == plan.Replace && slices.ContainsFunc(f.Targets, gone)
	})
	for i := range p.Faults {
		f := &p.Faults[i]
		if was := len(f.Targets); was > 0 {
			if f.Targets = moved(f.Targets); len(f.Targets) == 0 {
				f.Targets = []int{1} // it aims at the leader, or splits off those that are gone
			}
		}
	}
	p.StayDead = moved(p.StayDead)
	p.Settings.Priorities = without(p.Settings.Priorities, first, last)
	if p.Sharded() {
		p.Sharding.Weights = without(p.Sharding.Weights, first, last)
		p.Sharding.Zones = without(p.Sharding.Zones, first, last)
	}
	for n := first; n <= last; n++ {
		if first > p.Nodes {
			p.Spares--
		} else {
			p.Nodes--
		}
	}
}

// without takes the values of the nodes first to last out of a list by node.
func without[T any](list []T, first, last int) []T {
	from, to := min(first-1, len(list)), min(last, len(list))
	return slices.Delete(list, from, to)
}

// place is one target of one fault.
type place struct{ fault, target int }

// surplus are the targets that a fault can do without.
func surplus(p *plan.Plan) []place {
	var list []place
	for i := range p.Faults {
		f := &p.Faults[i]
		for t := range f.Targets {
			if t > 0 && f.Kind != plan.Replace {
				list = append(list, place{i, t})
			}
		}
	}
	return list
}
