package shrink

import (
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// tail cuts off what comes after the violation. Healing stays a while away, since smaller plans may take longer.
func (s *search) tail() pass {
	return pass{"cut the tail", func(*plan.Plan) int { return 1 }, func(p *plan.Plan, _, _ int) {
		at := s.found.At
		if at == 0 || at > p.HealAt {
			return // found after healing: the whole plan came before
		}
		p.HealAt = min(p.HealAt, (at + at/4 + 200*ms).Round(ms))
		p.Operations = slices.DeleteFunc(p.Operations, func(op plan.Operation) bool { return op.At > at })
		p.Faults = slices.DeleteFunc(p.Faults, func(f plan.Fault) bool { return f.At > at })
	}}
}

// The times in a row: gaps between them are closed to these lengths.
const (
	shortGap = 20 * ms
	longGap  = 300 * ms
)

// times make the plan shorter, and its times rounder.
func (s *search) times() []pass {
	gaps := func(name string, most time.Duration) pass {
		return pass{name, func(p *plan.Plan) int { return len(moments(p)) }, func(p *plan.Plan, from, to int) { closeGaps(p, from, to, most) }}
	}
	faults := func(name string, change func(f *plan.Fault)) pass {
		return pass{name, func(p *plan.Plan) int { return len(p.Faults) }, func(p *plan.Plan, from, to int) {
			for i := from; i < to; i++ {
				change(&p.Faults[i])
			}
		}}
	}
	return []pass{
		gaps("close gaps", longGap), gaps("close gaps more", shortGap),
		faults("shorten faults", func(f *plan.Fault) { f.For = min(f.For, 10*ms) }),
		faults("halve faults", func(f *plan.Fault) {
			if f.For > 10*ms {
				f.For = (f.For / 2).Round(ms)
			}
		}),
		{"round times", func(*plan.Plan) int { return len(grains) }, func(p *plan.Plan, from, _ int) { roundTimes(p, grains[from]) }},
	}
}

// grains are what times are rounded to, the coarsest first.
var grains = []time.Duration{100 * ms, 10 * ms, ms, 100 * us}

// moments are the times at which anything begins, ascending; the last is that of healing.
func moments(p *plan.Plan) []time.Duration {
	list := []time.Duration{p.HealAt}
	for i := range p.Operations {
		list = append(list, p.Operations[i].At)
	}
	for i := range p.Faults {
		list = append(list, min(p.Faults[i].At, p.HealAt))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// closeGaps moves all that begins from the given moments on so close to what begins before.
func closeGaps(p *plan.Plan, from, to int, most time.Duration) {
	list := moments(p)
	earlier := make(map[time.Duration]time.Duration, len(list)) // by how much each moment moves
	shift, before := time.Duration(0), time.Duration(0)
	for i, at := range list {
		if gap := at - before; i >= from && i < to && gap > most {
			shift += gap - most
		}
		earlier[at], before = shift, at
	}
	for i := range p.Operations {
		p.Operations[i].At -= earlier[p.Operations[i].At]
	}
	for i := range p.Faults {
		p.Faults[i].At -= earlier[min(p.Faults[i].At, p.HealAt)]
	}
	p.HealAt -= shift
}

// roundTimes rounds all times down, healing up: the order stays.
func roundTimes(p *plan.Plan, grain time.Duration) {
	for i := range p.Operations {
		p.Operations[i].At = p.Operations[i].At.Truncate(grain)
	}
	for i := range p.Faults {
		f := &p.Faults[i]
		f.At, f.For = f.At.Truncate(grain), max(f.For.Truncate(grain), min(f.For, grain))
	}
	p.HealAt = (p.HealAt + grain - 1).Truncate(grain)
}
