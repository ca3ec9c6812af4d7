package attack

import (
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/live/proxy"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// isNetwork tells whether a kind of fault is about links.
func isNetwork(k plan.FaultKind) bool { return k.Cuts() || k == plan.Clog }

// linksOf are the links that a fault of the network is about. nodes are all that there may be, ascending; hit is the one
// that it aims at.
func linksOf(f *plan.Fault, hit uint64, nodes []uint64) []proxy.Link {
	var out []proxy.Link
	apart := func(cut func(from, to uint64) bool) []proxy.Link {
		for _, from := range nodes {
			for _, to := range nodes {
				if from != to && cut(from, to) {
					out = append(out, proxy.Link{From: from, To: to})
				}
			}
		}
		return out
	}
	switch f.Kind {
	case plan.Isolate:
		if f.Param != 1 {
			out = append(out, proxy.Link{From: proxy.Outside, To: hit})
		}
		return apart(func(from, to uint64) bool { return from == hit || to == hit })
	case plan.OneWay:
		return apart(func(from, to uint64) bool { return f.Param != 1 && from == hit || f.Param == 1 && to == hit })
	case plan.Clog:
		return apart(func(from, _ uint64) bool { return from == hit })
	case plan.Split:
		side := sideOf(f, hit)
		return apart(func(from, to uint64) bool { return side[from] != side[to] })
	case plan.Bridge:
		// The middle node belongs to both halves.
		at := func(id uint64) int { return sign(slices.Index(nodes, id) - len(nodes)/2) }
		return apart(func(from, to uint64) bool { return at(from)*at(to) < 0 })
	case plan.Ring:
		return apart(func(from, to uint64) bool {
			d := slices.Index(nodes, from) - slices.Index(nodes, to)
			return d != 1 && d != -1 && d != len(nodes)-1 && d != 1-len(nodes)
		})
	}
	return nil
}

// sideOf are the targets of a split; who leads changes places with the first.
func sideOf(f *plan.Fault, hit uint64) map[uint64]bool {
	side := map[uint64]bool{}
	for _, id := range f.Targets {
		side[uint64(id)] = true
	}
	if first := uint64(f.Targets[0]); f.Leader && !side[hit] {
		delete(side, first)
		side[hit] = true
	}
	return side
}

func sign(n int) int { return min(max(n, -1), 1) }

// rules are those of the whole network: what each link is delayed by, and what the faults under way do to it. Those of
// an even number stall, the others cut; a clog always stalls, since all of it has to arrive.
func rules(p *plan.Plan, nodes []uint64, active []*strike) map[proxy.Link]proxy.Rule {
	out := map[proxy.Link]proxy.Rule{}
	for _, from := range nodes {
		for _, to := range nodes {
			if from != to {
				// Half of the plan's delay on each way: the other half is on the way back.
				out[proxy.Link{From: from, To: to}] = proxy.Rule{Delay: p.Network.DelayBase / 2, Jitter: p.Network.DelayJitter / 2}
			}
		}
	}
	for _, s := range active {
		for _, l := range s.links {
			r := out[l]
			if s.cuts {
				r.Cut = true
			} else {
				r.Hold = proxy.HoldBoth
			}
			out[l] = r
		}
	}
	return out
}

// leastDelay is what is worth a proxy's timer.
const leastDelay = 200 * time.Microsecond

// worthwhile leaves out delays that are shorter than what the proxies take anyway.
func worthwhile(rules map[proxy.Link]proxy.Rule) map[proxy.Link]proxy.Rule {
	for l, r := range rules {
		if r.Delay+r.Jitter < leastDelay {
			r.Delay, r.Jitter = 0, 0
			rules[l] = r
		}
	}
	return rules
}
