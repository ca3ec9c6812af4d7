package run

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

func crashed(err error) bool { return errors.Is(err, netsim.ErrCrashed) }

// begin switches a fault on.
func (n *nemesis) begin(s *strike) {
	f := s.fault
	switch {
	case n.inert[f.Kind]:
		return
	case f.Kind == plan.Blackout:
		n.blackout(s)
		return
	case f.Kind == plan.RankLinks:
		s.ranks = n.ranks(f.Param)
		return
	case f.Kind == plan.Swizzle:
		n.swizzle(s)
		return
	case f.Kind.Cuts():
		n.cut(s)
		return
	case f.Kind.OnClient():
		n.beginClient(s)
		return
	case f.Kind.Places():
		n.place(s)
		return
	case f.Kind.Changes():
		n.change(s)
		return
	}
	p := n.cluster.Process(s.target)
	switch f.Kind {
	case plan.Kill:
		n.crash(s, p, netsim.ProcessKill)
	case plan.PowerLoss:
		n.crash(s, p, netsim.PowerLoss)
	case plan.Fuse:
		p.Disk().CrashAfterOps(int(f.Param))
	case plan.Pause:
		if p.Alive() && !p.Paused() {
			p.Pause()
			s.stopped(p)
		}
	case plan.Clog:
		for _, other := range n.others(s.target) {
			n.world.Clog(env.NodeID(s.target), other)
			s.touch(env.NodeID(s.target), other)
		}
	case plan.ClockJump:
		n.jump(s)
	case plan.ClockDrift:
		p.Clock().SetDrift(f.Param)
	case plan.Throttle, plan.SlowProcess, plan.ClockOffset, plan.ClockStrobe:
		n.beginFurther(s)
	default:
		n.beginMedia(s)
	}
}

// blackout takes the power from all nodes; they restart one by one while the fault is on, in
// an order that leaving out one node does not change.
func (n *nemesis) blackout(s *strike) {
	var order []int
	for number := 1; number <= n.plan.Machines(); number++ {
		n.crash(s, n.cluster.Process(number), netsim.PowerLoss)
		order = append(order, number)
	}
	if s.fault.Param == 0 {
		return
	}
	arrange(order, s.fault.Param, "blackout", byNumber)
	for i, number := range order {
		n.world.After(s.fault.For*time.Duration(i)/time.Duration(len(order)), func() {
			if slices.Contains(n.active, s) {
				n.revive(number)
			}
		})
	}
}

// arrange puts a list into an order that is drawn from a fault's parameter, item by item, so that leaving one out does not change the
// order of the others.
func arrange[T any](list []T, param int64, purpose string, ids func(T) []uint64) {
	turn := func(item T) uint64 { return netsim.Derive(uint64(param), purpose, ids(item)...) }
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(turn(a), turn(b)) })
}

func byNumber(number int) []uint64 { return []uint64{uint64(number)} }

// ranks puts the links between nodes into an order: the messages of the first half come as they were sent, those of the others
// the later the further back, up to one and a half election timeouts, so that a majority may be among the fast and an
// election may be lost to the order.
func (n *nemesis) ranks(order int64) map[link]time.Duration {
	var links []link
	for number := 1; number <= n.plan.Machines(); number++ {
		for _, other := range n.others(number) {
			links = append(links, link{env.NodeID(number), other})
		}
	}
	arrange(links, order, "rank", func(l link) []uint64 { return []uint64{uint64(l.from), uint64(l.to)} })
	late := make(map[link]time.Duration)
	half := len(links) / 2
	for i, l := range links[half:] {
		late[l] = n.plan.Settings.ElectionTimeout * 3 / 2 * time.Duration(i+1) / time.Duration(len(links)-half)
	}
	return late
}

// change asks the operator for a change of members or of the leader. It is over when it is
// done, not after a time.
func (n *nemesis) change(s *strike) {
	s.task = n.operator.start(s.fault, s.target, func() {
		s.hits++
		n.end(s)
	})
}

// crash ends a process that runs.
func (n *nemesis) crash(s *strike, p *netsim.Process, mode netsim.CrashMode) {
	if p.Alive() {
		p.Crash(mode)
		if !p.Alive() {
			s.hits++
		}
	}
}

// stopped counts it as an effect that a process takes nothing in.
func (s *strike) stopped(p *netsim.Process) {
	if p.Paused() {
		s.hits++
	}
}

// touch notes that the fault is on a link.
func (s *strike) touch(from, to env.NodeID) {
	if s.links == nil {
		s.links = make(map[link]bool)
	}
	s.links[link{from, to}] = true
}

// undo switches a fault off.
func (n *nemesis) undo(s *strike) {
	kind := s.fault.Kind
	switch {
	case n.inert[kind]:
		return
	case kind == plan.Blackout:
		for number := 1; number <= n.plan.Machines(); number++ {
			n.revive(number)
		}
		return
	case kind == plan.RankLinks:
		return
	case kind.Cuts():
		n.recut()
		return
	case kind.OnClient():
		n.endClient(s)
		return
	case kind.Changes():
		if s.task != nil {
			s.task.stop()
		}
		if s.placed != nil {
			s.placed.stopped = true
		}
		return
	}
	p := n.cluster.Process(s.target)
	switch kind {
	case plan.Kill, plan.PowerLoss:
		n.revive(s.target)
	case plan.Fuse:
		p.Disk().CrashAfterOps(-1)
		n.revive(s.target)
	case plan.Pause:
		if p.Paused() {
			p.Resume()
		}
	case plan.Clog:
		for _, other := range n.others(s.target) {
			n.world.Unclog(env.NodeID(s.target), other)
		}
	case plan.ClockDrift:
		p.Clock().SetDrift(0)
	case plan.Throttle, plan.SlowProcess, plan.ClockOffset, plan.ClockStrobe:
		n.endFurther(s)
	default:
		n.endMedia(s)
	}
}

func (n *nemesis) others(number int) []env.NodeID {
	var ids []env.NodeID
	for i := 1; i <= n.plan.Machines(); i++ {
		if i != number {
			ids = append(ids, env.NodeID(i))
		}
	}
	return ids
}

// recut heals all cuts but those of the faults that are on.
func (n *nemesis) recut() {
	n.world.HealAll()
	for _, other := range n.active {
		n.cut(other)
	}
}

// cut makes the cuts of a partition; other kinds have none.
func (n *nemesis) cut(s *strike) {
	if n.inert[s.fault.Kind] {
		return
	}
	if s.fault.Kind.Cuts() {
		clear(s.links)
	}
	target := env.NodeID(s.target)
	switch s.fault.Kind {
	case plan.Swizzle:
		n.cutSwizzled(s)
	case plan.Isolate:
		n.separate(s, []env.NodeID{target}, n.others(s.target))
		for c := 1; s.fault.Param == 0 && c <= n.plan.Clients; c++ {
			n.world.CutBoth(target, netsim.FirstClient+env.NodeID(c))
		}
	case plan.Split:
		n.split(s)
	case plan.DeafClient, plan.DivertClient:
		n.cutClient(s)
	case plan.OneWay:
		for _, other := range n.others(s.target) {
			if s.fault.Param == 1 {
				n.sever(s, other, target)
			} else {
				n.sever(s, target, other)
			}
		}
	case plan.Bridge:
		var sides [2][]env.NodeID
		for i := 2; i <= n.plan.Machines(); i++ {
			sides[i%2] = append(sides[i%2], env.NodeID(i))
		}
		n.separate(s, sides[0], sides[1])
	case plan.Ring:
		for i := 1; i <= n.plan.Machines(); i++ {
			for j := i + 2; j <= n.plan.Machines(); j++ {
				if j-i != n.plan.Machines()-1 {
					n.separate(s, []env.NodeID{env.NodeID(i)}, []env.NodeID{env.NodeID(j)})
				}
			}
		}
	}
}

// sever cuts one direction.
func (n *nemesis) sever(s *strike, from, to env.NodeID) {
	n.world.Cut(from, to)
	s.touch(from, to)
}

// separate cuts two groups from each other.
func (n *nemesis) separate(s *strike, left, right []env.NodeID) {
	for _, a := range left {
		for _, b := range right {
			n.sever(s, a, b)
			n.sever(s, b, a)
		}
	}
}

// sides are the nodes on one side of a split.
func (s *strike) sides() []int {
	targets := slices.Clone(s.fault.Targets)
	if s.fault.Leader && !slices.Contains(targets, s.target) {
		targets[0] = s.target
	}
	return targets
}

// split cuts the targets from the rest; each client stays with one side.
func (n *nemesis) split(s *strike) {
	targets := s.sides()
	var sides [2][]env.NodeID
	for number := 1; number <= n.plan.Machines(); number++ {
		side := 1
		if slices.Contains(targets, number) {
			side = 0
		}
		sides[side] = append(sides[side], env.NodeID(number))
	}
	for c := 1; c <= n.plan.Clients; c++ {
		sides[c%2] = append(sides[c%2], netsim.FirstClient+env.NodeID(c))
	}
	n.separate(s, sides[0], sides[1])
}
