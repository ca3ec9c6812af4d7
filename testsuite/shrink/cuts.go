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
		{"drop keys", func(p *plan.Plan) int { return len(p.Keys()) }, func(p *plan.Plan, from, to int) {
			gone := p.Keys()[from:to]
			p.Operations = slices.DeleteFunc(p.Operations, func(op plan.Operation) bool { return slices.Contains(gone, op.Key) })
			for i := range p.Operations {
				op := &p.Operations[i]
				if op.Also = slices.DeleteFunc(op.Also, func(item plan.Item) bool { return slices.Contains(gone, item.Key) }); len(op.Also) == 0 {
					op.Also = nil
				}
			}
		}},
		{"drop clients", func(p *plan.Plan) int { return p.Clients }, dropClients},
		{"drop operations", func(p *plan.Plan) int { return len(p.Operations) }, func(p *plan.Plan, from, to int) {
			p.Operations = slices.Delete(p.Operations, from, to)
		}},
		{"drop further keys", furthers, dropFurther},
		{"raise the dead", func(p *plan.Plan) int { return len(p.StayDead) }, func(p *plan.Plan, from, to int) {
			p.StayDead = slices.Delete(p.StayDead, from, to)
		}},
	}
}

// dropClients takes clients away with all they do. The others move up.
func dropClients(p *plan.Plan, from, to int) {
	p.Operations = slices.DeleteFunc(p.Operations, func(op plan.Operation) bool { return op.Client > from && op.Client <= to })
	for i := range p.Operations {
		if c := &p.Operations[i].Client; *c > to {
			*c -= to - from
		}
	}
	p.Faults = slices.DeleteFunc(p.Faults, func(f plan.Fault) bool {
		return f.Kind.OnClient() && f.Param > int64(from) && f.Param <= int64(to)
	})
	for i := range p.Faults {
		if f := &p.Faults[i]; f.Kind.OnClient() && f.Param > int64(to) {
			f.Param -= int64(to - from)
		}
	}
	p.Clients -= to - from
}

// dropFurther takes the keys away that operations take along, and makes scans plain reads.
func dropFurther(p *plan.Plan, from, to int) {
	n := 0
	for i := range p.Operations {
		op := &p.Operations[i]
		if op.Scan == 0 && len(op.Also) == 0 {
			continue
		}
		if n >= from && n < to {
			op.Scan, op.Also = 0, nil
		}
		n++
	}
}

// furthers counts the operations on several keys.
func furthers(p *plan.Plan) (n int) {
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Scan > 0 || len(op.Also) > 0 {
			n++
		}
	}
	return n
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
		return about && f.Kind != plan.Split && f.Kind != plan.Swizzle || f.Kind == plan.Replace && slices.ContainsFunc(f.Targets, gone)
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
