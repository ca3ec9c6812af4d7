package run

import (
	"slices"

	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// marks are counters of what a fault is about: what moves while it is on is its effect.
type marks struct {
	process netsim.ProcessStats
	disk    netsim.DiskStats
	lane    netsim.LaneStats
	narrow  uint64
}

// marksOf reads the counters of a fault's target. Blackouts and partitions have none.
func (n *nemesis) marksOf(s *strike) (m marks) {
	p := n.processOf(s)
	if p == nil {
		return m
	}
	m.process, m.disk, m.lane = p.Stats(), p.Disk().Own(), p.LaneStats(laneOf(s.fault))
	if s.fault.Kind == plan.Throttle {
		m.narrow = n.narrow(s)
	}
	return m
}

// processOf is the process that a fault strikes, nil if it is several.
func (n *nemesis) processOf(s *strike) *netsim.Process {
	switch {
	case s.fault.Kind.OnClient():
		return n.clients.Process(int(s.fault.Param))
	case s.target != 0:
		return n.cluster.Process(s.target)
	}
	return nil
}

// hits counts the effects of a fault so far, as far as they are certain to be its own: those on its target while it was on,
// and those that were seen when they came.
func (n *nemesis) hits(s *strike) uint64 {
	now := n.marksOf(s)
	process, lane := now.process.Sub(s.before.process), now.lane.Sub(s.before.lane)
	switch s.fault.Kind {
	case plan.Fuse:
		return now.disk.FuseCrashes - s.before.disk.FuseCrashes
	case plan.Pause, plan.SilentClient:
		return min(s.hits, process.HeldInputs)
	case plan.SlowProcess:
		return min(process.SlowedInputs, process.HeldInputs)
	case plan.ClockDrift:
		return process.DriftedTicks
	case plan.ClockOffset:
		if s.hits == 0 {
			return 0
		}
		return process.WallReadings
	case plan.ClockStrobe:
		return process.ClockStrobes
	case plan.Throttle:
		return now.narrow - s.before.narrow
	case plan.SlowDisk, plan.SlowApply, plan.SlowSnapshot:
		return min(lane.Slowed, lane.Run)
	case plan.StallDisk, plan.HangDisk, plan.StallSnapshot:
		return lane.Stalled
	case plan.FullDisk:
		return now.disk.NoSpace - s.before.disk.NoSpace + s.injected()
	case plan.Misdirect:
		if s.misdirect == nil {
			return 0
		}
		return uint64(s.misdirect.Hits)
	case plan.FailDisk, plan.FailWrite, plan.FailRead:
		return s.injected()
	}
	if s.task != nil {
		return max(s.hits, uint64(s.task.made))
	}
	return s.hits
}

// injected is how often the error that the fault put into the disk came.
func (s *strike) injected() uint64 {
	if s.disk == nil {
		return 0
	}
	return uint64(s.disk.Hits)
}

// count adds to the evidence whether a fault took effect. Of a change of members that is done in part only its group tells.
func (n *nemesis) count(s *strike, hits uint64) {
	n.observer.ended(s, hits)
	if whole := s.task == nil || s.hits > 0; hits > 0 && whole {
		n.evidence.Add(s.fault.Kind.Counter(), 1)
	}
	if group := s.fault.Kind.Group(); group != "" && hits > 0 {
		n.evidence.Add(group, 1)
	}
}

// acknowledged is told of each operation that ends well.
func (n *nemesis) acknowledged() {
	for i, s := range n.active {
		before := func(other *strike) bool { return other.fault.Kind == s.fault.Kind }
		if !slices.ContainsFunc(n.active[:i], before) {
			n.served[s.fault.Kind]++
		}
	}
}

// meanwhile adds to the evidence what clients could do while faults of each kind of the plan were on.
func (n *nemesis) meanwhile() {
	for i := range n.plan.Faults {
		kind := n.plan.Faults[i].Kind
		n.evidence.Add("operations acknowledged during "+string(kind), n.served[kind])
		delete(n.served, kind)
	}
}

// bites tells the observer of faults that have an effect for the first time.
func (n *nemesis) bites() {
	for _, s := range n.active {
		if !s.bit && n.hits(s) > 0 {
			n.observer.bites(s)
		}
	}
}
