package run

import (
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
	switch f.Kind {
	case plan.Blackout:
		for number := 1; number <= n.plan.Nodes; number++ {
			n.crash(s, n.cluster.Process(number), netsim.PowerLoss)
		}
		return
	case plan.Isolate, plan.Split, plan.OneWay, plan.Bridge, plan.Ring:
		n.cut(s)
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
			s.hits++
		}
	case plan.Clog:
		for _, other := range n.others(s.target) {
			n.world.Clog(env.NodeID(s.target), other)
			s.touch(env.NodeID(s.target), other)
		}
	case plan.SlowDisk:
		p.SlowLane(env.LaneWAL, 1, time.Duration(f.Param)*time.Millisecond)
	case plan.SlowApply:
		p.SlowLane(env.LaneApply, 1, time.Duration(f.Param)*time.Millisecond)
	case plan.StallDisk:
		p.StallLane(env.LaneWAL, f.For)
	case plan.HangDisk:
		lane := env.LaneWAL
		if f.Param == 1 {
			lane = env.LaneApply
		}
		p.StallLane(lane, 1000*time.Hour)
	case plan.FailDisk:
		n.failing[s.target] = true
		s.disk = p.Disk().FailNextSync("wal")
	case plan.ClockJump:
		before := p.Host().WallNow()
		p.Clock().Jump(time.Duration(f.Param) * time.Millisecond)
		if p.Host().WallNow() != before {
			s.hits++
		}
	case plan.ClockDrift:
		p.Clock().SetDrift(f.Param)
	}
}

// crash ends a process that runs.
func (n *nemesis) crash(s *strike, p *netsim.Process, mode netsim.CrashMode) {
	if p.Alive() {
		s.hits++
		p.Crash(mode)
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
	switch s.fault.Kind {
	case plan.Blackout:
		for number := 1; number <= n.plan.Nodes; number++ {
			// One by one, so that every order of return is tried.
			n.world.After(time.Duration((s.fault.Param*int64(number))%7)*time.Millisecond, func() { n.revive(number) })
		}
		return
	case plan.Isolate, plan.Split, plan.OneWay, plan.Bridge, plan.Ring:
		n.world.HealAll()
		for _, other := range n.active {
			n.cut(other)
		}
		return
	}
	p := n.cluster.Process(s.target)
	switch s.fault.Kind {
	case plan.Kill, plan.PowerLoss:
		n.revive(s.target)
	case plan.Fuse:
		p.Disk().CrashAfterOps(-1)
		n.revive(s.target)
	case plan.FailDisk:
		p.Disk().Eject(s.disk)
		// The node may learn of the error only later; then healing revives it.
		n.revive(s.target)
	case plan.Pause:
		if p.Paused() {
			p.Resume()
		}
	case plan.Clog:
		for _, other := range n.others(s.target) {
			n.world.Unclog(env.NodeID(s.target), other)
		}
	case plan.SlowDisk:
		p.SlowLane(env.LaneWAL, 0, 0)
	case plan.SlowApply:
		p.SlowLane(env.LaneApply, 0, 0)
	case plan.ClockDrift:
		p.Clock().SetDrift(0)
	}
}

func (n *nemesis) others(number int) []env.NodeID {
	var ids []env.NodeID
	for i := 1; i <= n.plan.Nodes; i++ {
		if i != number {
			ids = append(ids, env.NodeID(i))
		}
	}
	return ids
}

// cut makes the cuts of a partition; other kinds have none.
func (n *nemesis) cut(s *strike) {
	target := env.NodeID(s.target)
	switch s.fault.Kind {
	case plan.Isolate:
		n.separate(s, []env.NodeID{target}, n.others(s.target))
		for c := 1; s.fault.Param == 0 && c <= n.plan.Clients; c++ {
			n.world.CutBoth(target, netsim.FirstClient+env.NodeID(c))
		}
	case plan.Split:
		n.split(s)
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
		for i := 2; i <= n.plan.Nodes; i++ {
			sides[i%2] = append(sides[i%2], env.NodeID(i))
		}
		n.separate(s, sides[0], sides[1])
	case plan.Ring:
		for i := 1; i <= n.plan.Nodes; i++ {
			for j := i + 2; j <= n.plan.Nodes; j++ {
				if j-i != n.plan.Nodes-1 {
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

// split cuts the targets from the rest; each client stays with one side.
func (n *nemesis) split(s *strike) {
	targets := slices.Clone(s.fault.Targets)
	if s.fault.Leader && !slices.Contains(targets, s.target) {
		targets[0] = s.target
	}
	var sides [2][]env.NodeID
	for number := 1; number <= n.plan.Nodes; number++ {
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
