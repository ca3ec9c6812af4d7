package attack

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// The kinds that Draw takes from: those that can be played.
var (
	anyCluster = []plan.FaultKind{
		plan.Kill, plan.Kill, plan.Pause, plan.Pause, plan.Isolate, plan.Isolate, plan.Split, plan.OneWay, plan.OneWay,
		plan.Bridge, plan.Ring, plan.Clog, plan.Blackout, plan.Wipe,
	}
	oneGroup   = []plan.FaultKind{plan.AddNode, plan.RemoveNode, plan.TransferLeader}
	partitions = []plan.FaultKind{plan.Join, plan.Drain, plan.Retire, plan.Reweight, plan.Rezone}
)

// Draw returns the plan of a seed for real processes: as the simulation's, but with times that suit them, only faults that
// can be played, and more operations.
func Draw(seed uint64, sharded bool) *plan.Plan {
	p := plan.Swarm(seed, sharded)
	if sharded {
		h := p.Sharding
		h.Replicas, h.Weights, h.Zones = 3, nil, nil
		h.ReportEvery, h.DeadAfter = time.Second, pick[time.Duration](netsim.NewStream(seed, "live/sharding"), 5, 40, 40)*time.Second
		h.ExpectFor = 8 * h.ReportEvery
	}
	s := netsim.NewStream(seed, "live/size")
	p.Nodes, p.Spares, p.StayDead = pick(s, 3, 3, 3, 5), pick(s, 0, 1, 2), nil
	p.Clients = 2 + s.IntN(5)
	p.HealAt = 8*time.Second + time.Duration(s.Int64N(int64(8*time.Second))).Round(time.Millisecond)
	st := &p.Settings
	st.Heartbeat, st.ElectionTimeout = 100*time.Millisecond, pick[time.Duration](s, 400, 600)*time.Millisecond
	st.NoPreVote, st.NoCheckQuorum, st.Priorities, st.ApplyDelay = false, false, nil, 0
	st.AttemptTimeout, st.OperationTimeout = pick[time.Duration](s, 1, 2)*st.ElectionTimeout, pick[time.Duration](s, 3, 10)*time.Second
	st.MaxClockDrift = 10_000
	p.Disk = plan.Disk{}
	p.Network = plan.Network{
		DelayBase: pick[time.Duration](s, 0, 0, 1, 5) * time.Millisecond, DelayJitter: pick[time.Duration](s, 0, 1, 10) * time.Millisecond, FIFO: true,
	}
	drawOperations(netsim.NewStream(seed, "live/operations"), p)
	p.DrawSeveral(netsim.NewStream(seed, "live/several"))
	drawFaults(netsim.NewStream(seed, "live/faults"), p)
	if err := p.Validate(); err != nil {
		panic(fmt.Sprintf("ATTACK-4: the plan of seed %d is not valid: %v", seed, err))
	}
	return p
}

func pick[T any](s *rand.Rand, from ...T) T { return from[s.IntN(len(from))] }

// perSecond is the mean number of operations: enough for most faults to have some under way, few enough for several runs on
// a small machine.
const perSecond = 80

func drawOperations(s *rand.Rand, p *plan.Plan) {
	kinds := []history.Kind{
		history.Get, history.Get, history.Get, history.Put, history.Put, history.Put, history.Erase, history.CASVersion, history.CASValue, history.PutIfAbsent,
	}
	keys := 2 + s.IntN(6)
	noSession, follower := pick(s, 0, 0.2), pick(s, 0, 0, 0.3)
	at := make([]time.Duration, int(p.HealAt.Seconds()*perSecond))
	for i := range at {
		at[i] = time.Duration(s.Int64N(int64(p.HealAt))).Round(time.Microsecond)
	}
	slices.Sort(at)
	p.Operations = nil
	for i, t := range at {
		op := plan.Operation{At: t, Client: 1 + s.IntN(p.Clients), Kind: pick(s, kinds...), Key: fmt.Sprintf("k%d", 1+s.IntN(keys))}
		if op.Kind.CarriesValue() {
			op.Value = fmt.Sprintf("v%d", i+1)
		}
		if op.Kind == history.Get {
			op.Follower = s.Float64() < follower
		} else {
			op.NoSession = s.Float64() < noSession
		}
		p.Operations = append(p.Operations, op)
	}
}

func drawFaults(s *rand.Rand, p *plan.Plan) {
	var bag []plan.FaultKind
	for range 2 + s.IntN(3) {
		bag = append(bag, pick(s, anyCluster...))
	}
	if s.IntN(2) == 0 {
		changes := oneGroup
		if p.Sharded() {
			changes = partitions
		}
		bag = append(bag, pick(s, changes...), pick(s, changes...))
	}
	p.Faults = nil
	wiped, joined := false, 0
	mean := pick[int64](s, 400, 800, 1600)
	for at := 500 * time.Millisecond; at < p.HealAt-time.Second; at += time.Duration(100+s.Int64N(2*mean)) * time.Millisecond {
		f := plan.Fault{
			At: at, For: time.Duration(200+s.Int64N(2500)) * time.Millisecond, Kind: pick(s, bag...), Leader: s.IntN(2) == 0,
			Targets: []int{1 + s.IntN(p.Nodes)}, Param: s.Int64N(2),
		}
		ok := true
		switch f.Kind {
		case plan.Wipe:
			ok, wiped = !wiped, true
		case plan.AddNode:
			f.Targets, f.Leader, f.Param, ok = []int{p.Machines()}, false, 0, p.Spares > 0
		case plan.Join:
			joined++
			f.Targets, f.Leader, ok = []int{min(p.Nodes+joined, p.Machines())}, false, joined <= p.Spares
		case plan.RemoveNode, plan.Retire:
			ok = p.Nodes > leastMembers || p.Spares > 0
		case plan.Split:
			order := s.Perm(p.Nodes)[:p.Nodes/2]
			for i, n := range order {
				order[i] = n + 1
			}
			slices.Sort(order)
			f.Targets = order
		case plan.Blackout, plan.Bridge, plan.Ring:
			f.Targets, f.Leader = nil, false
			ok = f.Kind != plan.Ring || p.Nodes > 3
		case plan.Reweight:
			f.Param = pick[int64](s, 50, 100, 200)
		}
		if ok {
			p.Faults = append(p.Faults, f)
		}
	}
	slices.SortStableFunc(p.Faults, func(a, b plan.Fault) int { return cmp.Compare(a.At, b.At) })
}
