package plan

import (
	"math/rand/v2"
	"slices"
	"time"
)

// floodable is the greatest table of sessions that a flood fills in the time of a fault.
const floodable = 64

// drawFurtherFaults gives a quarter of the plans faults of furtherFaults.
func (p *Plan) drawFurtherFaults(s *rand.Rand) {
	if s.IntN(4) != 0 {
		return
	}
	var bag []FaultKind
	for range 1 + s.IntN(3) {
		bag = append(bag, furtherFaults.kinds[s.IntN(len(furtherFaults.kinds))])
	}
	mean := pick[time.Duration](s, 300, 1000, 3000) * time.Millisecond
	for at := min(between(s, 0, mean), p.HealAt/4); at < p.HealAt-p.HealAt/8; at += time.Millisecond + between(s, 0, 3*mean) {
		f := Fault{At: at, Kind: pick(s, bag...), Leader: s.IntN(2) == 0, Targets: []int{1 + s.IntN(p.Nodes)}}
		f.For = between(s, 100*time.Millisecond, 3*time.Second)
		if p.aimFurther(s, &f) {
			p.Faults = append(p.Faults, f)
		}
	}
}

// aimFurther fills in targets and parameter; false if the kind makes no sense here.
func (p *Plan) aimFurther(s *rand.Rand, f *Fault) bool {
	switch f.Kind {
	case Swizzle:
		f.Leader, f.Param = false, s.Int64N(1000)
		f.Targets = slices.Clone(s.Perm(p.Nodes)[:1+s.IntN(p.Nodes)])
		for i := range f.Targets {
			f.Targets[i]++
		}
		slices.Sort(f.Targets)
		return p.Nodes >= 2
	case Throttle:
		f.Param = pick[int64](s, 10_000, 30_000, 100_000)
		f.For += 300 * time.Millisecond // for messages to meet
		return p.Nodes >= 2
	case SlowProcess:
		f.Param = pick[int64](s, 200, 1000, 5000)
	case ClockOffset, ClockStrobe:
		f.Param = pick[int64](s, -1, 1) * pick[int64](s, 50, 5000, 3600_000)
		f.For += 200 * time.Millisecond // for a write to come
	case FloodSessions:
		f.Targets, f.Leader, f.Param = nil, false, 1+s.Int64N(int64(p.Clients))
		f.For = max(f.For, p.HealAt/3) // for the table to fill
		return p.Settings.MaxSessions <= floodable
	}
	return true
}
