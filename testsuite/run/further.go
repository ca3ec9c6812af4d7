package run

import (
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

const (
	// strobePeriod is how long a wall clock under a strobe stays on each side.
	strobePeriod = 10 * time.Millisecond
	// throttledInFlight is how many messages of a channel a narrow link keeps; so its backlog is gone soon after it is wide again.
	throttledInFlight = 64
	// floodBursts is in how many bursts a flood of sessions comes.
	floodBursts = 16
	// mostFlooded is how many sessions a flood asks for at most, so that a plan with a large table does not take hours.
	mostFlooded = 512
)

// beginFurther switches a fault of a narrow link, a slow process or a wall clock on.
func (n *nemesis) beginFurther(s *strike) {
	f := s.fault
	switch f.Kind {
	case plan.Throttle:
		n.throttle(s)
		s.before.narrow = n.narrow(s) // earlier faults had links in common with it
	case plan.SlowProcess:
		n.cluster.Process(s.target).SlowLoop(time.Duration(f.Param) * time.Microsecond)
	case plan.ClockOffset:
		n.jump(s)
	case plan.ClockStrobe:
		n.cluster.Process(s.target).Clock().Strobe(time.Duration(f.Param)*time.Millisecond, strobePeriod)
	}
}

// endFurther switches it off.
func (n *nemesis) endFurther(s *strike) {
	f := s.fault
	switch f.Kind {
	case plan.Throttle:
		for _, to := range n.others(s.target) {
			n.world.ResetLink(env.NodeID(s.target), to)
		}
		for _, other := range n.active {
			if other.fault.Kind == plan.Throttle {
				n.throttle(other)
			}
		}
	case plan.SlowProcess:
		n.cluster.Process(s.target).SlowLoop(n.plan.Quirks.LoopBusy)
	case plan.ClockOffset:
		n.cluster.Process(s.target).Clock().Jump(-time.Duration(f.Param) * time.Millisecond)
	case plan.ClockStrobe:
		n.cluster.Process(s.target).Clock().Strobe(0, 0)
	}
}

// jump moves the target's wall clock.
func (n *nemesis) jump(s *strike) {
	clock := n.cluster.Process(s.target).Clock()
	before := clock.Offset()
	clock.Jump(time.Duration(s.fault.Param) * time.Millisecond)
	if clock.Offset() != before {
		s.hits++
	}
}

// throttle makes the links from the target to other nodes narrow.
func (n *nemesis) throttle(s *strike) {
	from := env.NodeID(s.target)
	for _, to := range n.others(s.target) {
		cfg := n.world.LinkConfig(from, to)
		cfg.BytesPerSecond, cfg.MaxInFlight = s.fault.Param, throttledInFlight
		n.world.SetLink(from, to, cfg)
		s.touch(from, to)
	}
}

// narrow sums up what happened on the links of a fault because they are narrow.
func (n *nemesis) narrow(s *strike) (hits uint64) {
	for l := range s.links {
		stats := n.world.LinkStats(l.from, l.to)
		hits += stats.Throttled + stats.Refused
	}
	return hits
}

// swizzle schedules when each of the targets is cut off and when it comes back. Orders are drawn by node, so that
// leaving one out does not change those of the others.
func (n *nemesis) swizzle(s *strike) {
	turns := func(purpose string) []int {
		order := slices.Clone(s.fault.Targets)
		arrange(order, s.fault.Param, purpose, byNumber)
		return order
	}
	set := func(number int, off bool) {
		if !slices.Contains(n.active, s) {
			return
		}
		if s.off[number] = off; off {
			n.cut(s)
			return
		}
		n.recut()
	}
	s.off = make(map[int]bool)
	half, count := s.fault.For/2, time.Duration(len(s.fault.Targets))
	for i, number := range turns("swizzle/out") {
		n.world.After(half*time.Duration(i)/count, func() { set(number, true) })
	}
	for i, number := range turns("swizzle/back") {
		n.world.After(half+half*time.Duration(i+1)/count, func() { set(number, false) })
	}
}

// cutSwizzled cuts off the targets whose turn it is.
func (n *nemesis) cutSwizzled(s *strike) {
	for _, number := range s.fault.Targets {
		if s.off[number] {
			n.separate(s, []env.NodeID{env.NodeID(number)}, n.others(number))
		}
	}
}

// flooded is the partition that a flood is about, 0 in a cluster of one group.
func (n *nemesis) flooded(f *plan.Fault) uint64 {
	if !n.plan.Sharded() {
		return 0
	}
	return 1 + uint64(f.At/time.Microsecond)%uint64(n.plan.Sharding.Partitions)
}

// flood makes a client ask for twice as many sessions as a table holds, but for mostFlooded at most, over the time of the fault.
func (n *nemesis) flood(s *strike) {
	asked := min(2*n.plan.Settings.MaxSessions, mostFlooded)
	for i := range floodBursts {
		n.world.After(s.fault.For*time.Duration(i)/floodBursts, func() {
			if slices.Contains(n.active, s) {
				n.clients.Crowd(int(s.fault.Param), n.flooded(s.fault), asked/floodBursts+1)
			}
		})
	}
}

// opened is told of each session that a node opened for the crowd of a client. It is an effect if the table is full:
// somebody's session was pushed out, or the next one will be.
func (n *nemesis) opened(client, number int) {
	for _, s := range n.active {
		if s.fault.Kind != plan.FloodSessions || int(s.fault.Param) != client {
			continue
		}
		group := node.TheGroup
		if p := n.flooded(s.fault); p != 0 {
			group = raft.GroupID(p)
		}
		m := n.cluster.Alive(number)
		if m != nil && m.Replica(group) != nil && m.Replica(group).Sessions() >= n.plan.Settings.MaxSessions {
			s.hits++
		}
	}
}
