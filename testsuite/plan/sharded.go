package plan

import (
	"math/rand/v2"
	"time"

	"github.com/holdfastdb/holdfast/netsim"
)

// DrawSharded returns the plan of a seed for a cluster with partitions: a swarm draw as Draw's, with joins, drains,
// removals, deaths, weights and zones in place of changes of members by hand.
func DrawSharded(seed uint64) *Plan {
	p := &Plan{Version: Version, Seed: seed, Sharding: &Sharding{}}
	s := netsim.NewStream(seed, "sharded/size")
	p.Nodes = pick(s, 3, 3, 3, 4, 5, 5, 1, 2, 6)
	p.Clients = 1 + s.IntN(5)
	p.HealAt = between(s, 2*time.Second, 15*time.Second)
	p.drawCommon()
	p.Settings.MaxCacheBytes = max(p.Settings.MaxCacheBytes, 1<<10) // groups share the lane that reads the log
	p.drawSharding(netsim.NewStream(seed, "sharded/sharding"))
	p.Settings.Priorities = nil // the table says who is preferred
	if s.IntN(4) == 0 && p.spare() > 0 {
		p.StayDead = []int{1 + s.IntN(p.Nodes)}
	}
	p.drawFaults(netsim.NewStream(seed, "plan/faults"))
	p.drawPlacementChanges(netsim.NewStream(seed, "sharded/changes"))
	p.drawClientFaults(netsim.NewStream(seed, "plan/client-faults"))
	p.drawFurtherFaults(netsim.NewStream(seed, "plan/further-faults"))
	p.sortFaults()
	p.spareDriver()
	return p
}

// spareDriver keeps the driver from giving up nodes in a plan that takes one away for good: both together are more
// than the loss of one, which is all that three replicas survive.
func (p *Plan) spareDriver() {
	h := p.Sharding
	h.ExpectFor = 8 * h.ReportEvery
	if p.lost() > 0 {
		h.DeadAfter, h.ExpectFor = max(h.DeadAfter, p.HealAt), max(h.ExpectFor, 4*p.HealAt)
	}
}

func (p *Plan) drawSharding(s *rand.Rand) {
	h := p.Sharding
	h.Partitions = pick(s, 1, 2, 4, 4, 8)
	h.Replicas = pick(s, 3, 3, 3, 1, 2, 5)
	h.ReportEvery = pick[time.Duration](s, 1, 2, 5) * p.Settings.ElectionTimeout / 2
	h.DeadAfter = pick[time.Duration](s, 4, 8, 40) * h.ReportEvery
	h.FlapDamping = pick[time.Duration](s, 0, 2, 10) * h.ReportEvery
	h.MaxMoves = pick(s, 1, 2, 8)
	h.QuiesceAfter = pick[time.Duration](s, 0, 1, 3, 10) * p.Settings.ElectionTimeout
	if s.IntN(3) == 0 {
		for range p.Nodes + MaxSpares {
			h.Weights = append(h.Weights, pick[uint32](s, 50, 100, 100, 200))
		}
	}
	if s.IntN(3) == 0 {
		for range p.Nodes + MaxSpares {
			h.Zones = append(h.Zones, pick(s, "a", "b", "c"))
		}
	}
}

// spare is how many nodes may be lost for good: with them no partition may lose its majority, however it is placed.
func (p *Plan) spare() int {
	if !p.Sharded() {
		return (p.Nodes - 1) / 2
	}
	return (min(p.Sharding.Replicas, p.Nodes, 3) - 1) / 2
}

// drawPlacementChanges gives most plans spare nodes and changes of nodes.
func (p *Plan) drawPlacementChanges(s *rand.Rand) {
	if s.IntN(5) == 0 {
		return
	}
	p.Spares = pick(s, 0, 1, 1, 2, 3)
	var bag []FaultKind
	for range 1 + s.IntN(4) {
		bag = append(bag, placementChanges.kinds[s.IntN(len(placementChanges.kinds))])
	}
	mean := pick[time.Duration](s, 300, 1000, 3000) * time.Millisecond
	joined, leaving := 0, 0
	for at := min(between(s, 0, mean), p.HealAt/4); at < p.HealAt-p.HealAt/8; at += time.Millisecond + between(s, 0, 3*mean) {
		f := Fault{At: at, Kind: pick(s, bag...), Targets: []int{1 + s.IntN(p.Machines())}}
		f.For = between(s, 100*time.Millisecond, p.HealAt/3)
		switch f.Kind {
		case Join:
			if joined == p.Spares {
				continue
			}
			joined++
			f.Targets[0] = p.Nodes + joined
		case Drain, Retire:
			f.Param = s.Int64N(2)
			// Enough nodes stay for what the rest of the plan may take away, also while one that founds the cluster
			// is not heard of yet.
			stay := 1
			if p.lost() > 0 {
				stay = 4
			}
			if p.Nodes-leaving <= stay {
				continue
			}
			leaving++
		case Reweight:
			f.Param = pick[int64](s, 25, 50, 100, 200, 400)
		case Rezone:
			f.Param = s.Int64N(3)
		}
		p.Faults = append(p.Faults, f)
	}
}
