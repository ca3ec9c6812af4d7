package plan

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/netsim"
)

// Swarm is Draw or, for a cluster with partitions, DrawSharded.
func Swarm(seed uint64, sharded bool) *Plan {
	if sharded {
		return DrawSharded(seed)
	}
	return Draw(seed)
}

// sound reports whether a plan that was made of others can be executed, and a correct cluster survives it.
func (p *Plan) sound() bool { return p.Validate() == nil && p.Fair() == nil }

// DrawFocused returns a plan whose faults are mostly of one class, and many: what needs several of a kind in a row, a
// swarm with something of everything reaches seldom.
func DrawFocused(seed uint64, sharded bool) *Plan {
	p := Swarm(seed, sharded)
	s := netsim.NewStream(seed, "focused")
	class := pick(s, Classes()...)
	spares := p.Spares
	p.Faults = slices.DeleteFunc(p.Faults, func(f Fault) bool { return f.Kind.Class() == class || s.IntN(4) != 0 })
	var kinds []FaultKind
	for _, k := range slices.Concat(drawn(), furtherFaults.kinds) {
		if k.Class() == class {
			kinds = append(kinds, k)
		}
	}
	switch {
	case class == ClassClient:
		p.drawScheduleOfClients(netsim.NewStream(seed, "focused/clients"))
	case class == ClassMembers && sharded:
		p.drawPlacementChanges(netsim.NewStream(seed, "focused/changes"))
	case class == ClassMembers:
		p.drawMemberChanges(netsim.NewStream(seed, "focused/members"))
	default:
		p.drawFocus(s, kinds)
	}
	p.Spares = max(p.Spares, spares)
	return p.orSwarm(seed, sharded)
}

// orSwarm is the plan, in order, or the swarm's if it came out as one that must not be executed.
func (p *Plan) orSwarm(seed uint64, sharded bool) *Plan {
	p.sortFaults()
	if sharded {
		p.spareDriver()
	}
	if !p.sound() {
		return Swarm(seed, sharded)
	}
	return p
}

// drawFocus draws faults of some kinds, in a row.
func (p *Plan) drawFocus(s *rand.Rand, kinds []FaultKind) {
	mean := pick[time.Duration](s, 20, 80, 250) * time.Millisecond
	longest := pick[time.Duration](s, 100, 500, 2000) * time.Millisecond
	for at := between(s, 0, mean); at < p.HealAt; at += time.Millisecond + between(s, 0, 3*mean) {
		f := Fault{At: at, Kind: pick(s, kinds...), Leader: s.IntN(2) == 0, For: between(s, 10*time.Millisecond, longest)}
		if p.aim(s, &f) {
			p.Faults = append(p.Faults, f)
		}
	}
}

// maxChangePoints bounds how often DrawRanked changes the order.
const maxChangePoints = 6

// DrawRanked returns a swarm's plan in which messages do not come as they were sent, but by the ranks of their links,
// which change a few times (RankLinks). What needs d such changes is found with a probability that falls with d only, not with
// the length of the run, if they are few: that is what Burckhardt et al. 2010 ("A Randomized Scheduler with Probabilistic
// Guarantees of Finding Bugs") do to threads.
func DrawRanked(seed uint64, sharded bool) *Plan {
	p := Swarm(seed, sharded)
	s := netsim.NewStream(seed, "ranked")
	if s.IntN(2) == 0 {
		p.Faults = slices.DeleteFunc(p.Faults, func(Fault) bool { return s.IntN(3) != 0 })
	}
	p.Network.Loss, p.Network.Tail = 0, 0
	points := []time.Duration{0}
	for range s.IntN(maxChangePoints) {
		points = append(points, time.Duration(s.Int64N(int64(p.HealAt))).Round(time.Microsecond))
	}
	slices.Sort(points)
	for i, at := range points {
		end := p.HealAt
		if i+1 < len(points) {
			end = points[i+1]
		}
		p.Faults = append(p.Faults, Fault{At: at, For: end - at, Kind: RankLinks, Param: 1 + s.Int64N(1<<30)})
	}
	return p.orSwarm(seed, sharded)
}
