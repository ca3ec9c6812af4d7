package run

import (
	"syscall"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// The directories of a node's files. What a node sets aside is in another place.
const (
	logFiles    = "data/wal/"
	engineFiles = "data/engine/"
)

// beginMedia switches on a fault of a disk or of what uses it.
func (n *nemesis) beginMedia(s *strike) {
	f, p := s.fault, n.cluster.Process(s.target)
	switch f.Kind {
	case plan.SlowDisk, plan.SlowApply, plan.SlowSnapshot:
		p.SlowLane(laneOf(f), 1, time.Duration(f.Param)*time.Millisecond)
	case plan.StallDisk, plan.StallSnapshot:
		p.StallLane(laneOf(f), f.For)
	case plan.HangDisk:
		if n.loses(s) {
			p.StallLane(laneOf(f), 1000*time.Hour)
		}
	case plan.FailDisk:
		n.failing[s.target] = true
		s.disk = p.Disk().FailNextSync(logFiles)
	case plan.FailWrite:
		n.failing[s.target] = true
		match := logFiles
		if f.Param == 1 {
			match = engineFiles
		}
		s.disk = p.Disk().FailNextWrite(match)
	case plan.FullDisk:
		n.failing[s.target] = true
		p.Disk().SetCapacity(max(p.Disk().Used(), 1))
		if f.Param == 1 {
			s.disk = p.Disk().Inject(netsim.Fault{Ops: netsim.OpWrite, Err: syscall.ENOSPC, Partial: true})
		}
	case plan.BitRot, plan.Misdirect, plan.FailRead, plan.Wipe:
		if n.loses(s) {
			n.damage(s, p)
		}
	}
}

// laneOf is the lane that a fault slows or stops.
func laneOf(f *plan.Fault) env.Lane {
	switch f.Kind {
	case plan.SlowApply:
		return env.LaneApply
	case plan.SlowSnapshot, plan.StallSnapshot:
		return env.LaneSnapshot
	case plan.HangDisk:
		if f.Param == 1 {
			return env.LaneApply
		}
	}
	return env.LaneWAL
}

// loses asks the atlas whether the target's copy may be lost.
func (n *nemesis) loses(s *strike) bool {
	s.loses = n.atlas.lose(s.target)
	return s.loses
}

// damage does what may cost the target its copy of the data.
func (n *nemesis) damage(s *strike, p *netsim.Process) {
	f := s.fault
	switch f.Kind {
	case plan.BitRot:
		if f.Param&2 == 0 && p.Alive() {
			p.Crash(netsim.ProcessKill)
		}
		match, old := logFiles, true
		if f.Param&1 != 0 {
			match, old = engineFiles, false
		}
		draw := netsim.Derive(n.plan.Seed, "bit-rot", uint64(f.At), uint64(s.target))
		if _, _, _, ok := p.Disk().Rot(match, draw, old); ok {
			s.hits++
			n.damaged[s.target] = true
		}
	case plan.Misdirect:
		s.misdirect = p.Disk().Misdirect(netsim.Misdirection{Match: logFiles, Delta: f.Param, Late: true})
	case plan.FailRead:
		s.disk = p.Disk().FailReads(logFiles)
		if f.Param == 1 && p.Alive() {
			p.Crash(netsim.ProcessKill)
			_ = p.Start() // World.OnBoot judges the outcome
		}
	case plan.Wipe:
		if p.Disk().Used() > 0 {
			s.hits++
		}
		n.cluster.Wipe(s.target)
		n.damaged[s.target] = true
	}
}

// endMedia switches off what beginMedia switched on.
func (n *nemesis) endMedia(s *strike) {
	p := n.cluster.Process(s.target)
	switch s.fault.Kind {
	case plan.SlowDisk, plan.SlowApply, plan.SlowSnapshot:
		p.SlowLane(laneOf(s.fault), 0, 0)
	case plan.FailDisk, plan.FailWrite:
		p.Disk().Eject(s.disk)
		// The node may learn of the error only later; then healing revives it.
		n.revive(s.target)
	case plan.FullDisk:
		p.Disk().SetCapacity(0)
		if s.disk != nil {
			p.Disk().Eject(s.disk)
		}
		n.failing[s.target] = true // what failed may be learnt of only later
		n.revive(s.target)
	case plan.BitRot, plan.Misdirect, plan.FailRead, plan.Wipe:
		if s.loses {
			n.endDamage(s, p)
		}
	}
}

// endDamage lets the target find out what was damaged.
func (n *nemesis) endDamage(s *strike, p *netsim.Process) {
	switch s.fault.Kind {
	case plan.BitRot:
		if s.hits > 0 && s.fault.Param&2 != 0 && p.Alive() {
			p.Crash(netsim.ProcessKill)
		}
	case plan.Misdirect:
		p.Disk().Redirect(s.misdirect)
		if s.misdirect.Hits > 0 && p.Alive() {
			p.Crash(netsim.ProcessKill)
		}
		n.damaged[s.target] = n.damaged[s.target] || s.misdirect.Hits > 0
	case plan.FailRead:
		p.Disk().Eject(s.disk)
		// A node may take a log that it cannot read for a damaged one.
		n.damaged[s.target] = n.damaged[s.target] || s.disk.Hits > 0
	}
	if !n.damaged[s.target] {
		n.atlas.spared(s.target)
	}
	n.revive(s.target)
}

// lostCopy reports whether the node's copy of the data is damaged or lost by a fault.
func (n *nemesis) lostCopy(number int) bool {
	if n.damaged[number] {
		return true
	}
	for _, s := range n.active {
		if s.target == number && s.misdirect != nil && s.misdirect.Hits > 0 {
			return true
		}
	}
	return false
}

// diskFailing reports whether a node may stop serving by itself: its disk fails or has
// failed since its start, or is damaged.
func (n *nemesis) diskFailing(number int) bool {
	if n.failing[number] || n.damaged[number] {
		return true
	}
	for _, s := range n.active {
		if s.target == number && s.fault.Kind.FailsDisk() {
			return true
		}
	}
	return false
}
