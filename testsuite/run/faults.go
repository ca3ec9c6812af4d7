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
			n.cluster.Process(number).Crash(netsim.PowerLoss)
		}
		return
	case plan.Isolate, plan.Split, plan.OneWay, plan.Bridge, plan.Ring:
		n.cut(s)
		return
	}
	p := n.cluster.Process(s.target)
	switch f.Kind {
	case plan.Kill:
		if p.Alive() {
			p.Crash(netsim.ProcessKill)
		}
	case plan.PowerLoss:
		if p.Alive() {
			p.Crash(netsim.PowerLoss)
		}
	case plan.Fuse:
		p.Disk().CrashAfterOps(int(f.Param))
	case plan.Pause:
		if p.Alive() && !p.Paused() {
			p.Pause()
		}
	case plan.Clog:
		for _, other := range n.others(s.target) {
			n.world.Clog(env.NodeID(s.target), other)
		}
	case plan.SlowDisk:
		p.SlowLane(env.LaneWAL, 1, time.Duration(f.Param)*time.Millisecond)
	case plan.SlowApply:
		p.SlowLane(env.LaneApply, 1, time.Duration(f.Param)*time.Millisecond)
	case plan.StallDisk:
		p.StallLane(env.LaneWAL, f.For)
	case plan.HangDisk:
		p.StallLane(env.LaneWAL, 1000*time.Hour)
	case plan.FailDisk:
		n.failing[s.target] = true
		s.disk = p.Disk().FailNextSync("wal")
	case plan.ClockJump:
		p.Clock().Jump(time.Duration(f.Param) * time.Millisecond)
	case plan.ClockDrift:
		p.Clock().SetDrift(f.Param)
	}
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
	w, target := n.world, env.NodeID(s.target)
	switch s.fault.Kind {
	case plan.Isolate:
		if s.fault.Param == 0 {
			w.Isolate(target)
			return
		}
		for _, other := range n.others(s.target) {
			w.CutBoth(target, other)
		}
	case plan.Split:
		n.split(s)
	case plan.OneWay:
		for _, other := range n.others(s.target) {
			if s.fault.Param == 1 {
				w.Cut(other, target)
			} else {
				w.Cut(target, other)
			}
		}
	case plan.Bridge:
		var left, right []env.NodeID
		for i := 2; i <= n.plan.Nodes; i++ {
			if i%2 == 0 {
				left = append(left, env.NodeID(i))
			} else {
				right = append(right, env.NodeID(i))
			}
		}
		w.Partition(left, right)
	case plan.Ring:
		for i := 1; i <= n.plan.Nodes; i++ {
			for j := i + 2; j <= n.plan.Nodes; j++ {
				if j-i != n.plan.Nodes-1 {
					w.CutBoth(env.NodeID(i), env.NodeID(j))
				}
			}
		}
	}
}

// split cuts the targets from the rest; each client stays with one side.
func (n *nemesis) split(s *strike) {
	targets := slices.Clone(s.fault.Targets)
	if s.fault.Leader && !slices.Contains(targets, s.target) {
		targets[0] = s.target
	}
	sides := make([][]env.NodeID, 2)
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
	n.world.Partition(sides[0], sides[1])
}
