package plan

import "reflect"

// Class is a group of kinds of faults that strike the same part of the world.
type Class string

// The classes of faults.
const (
	// ClassProcess ends and stops processes.
	ClassProcess Class = "process"
	// ClassNetwork cuts, holds back and orders messages between nodes.
	ClassNetwork Class = "network"
	// ClassSpeed makes disks, work and processes slow, or hang.
	ClassSpeed Class = "speed"
	// ClassClock moves clocks.
	ClassClock Class = "clock"
	// ClassDisk makes disks fail, and lose or change what they hold.
	ClassDisk Class = "disk"
	// ClassMembers changes members, leaders and nodes.
	ClassMembers Class = "members"
	// ClassClient strikes clients.
	ClassClient Class = "client"
	// ClassQuirk is no faults: Quirks.
	ClassQuirk Class = "quirk"
)

// Classes lists the classes that kinds of faults are of.
func Classes() []Class {
	return []Class{ClassProcess, ClassNetwork, ClassSpeed, ClassClock, ClassDisk, ClassMembers, ClassClient}
}

// Class is the class of a kind.
func (k FaultKind) Class() Class {
	switch k {
	case Kill, PowerLoss, Fuse, Blackout, Pause:
		return ClassProcess
	case SlowDisk, StallDisk, HangDisk, SlowApply, SlowSnapshot, StallSnapshot, SlowProcess:
		return ClassSpeed
	case ClockJump, ClockDrift, ClockOffset, ClockStrobe:
		return ClassClock
	}
	switch {
	case k.OnClient():
		return ClassClient
	case k.Changes():
		return ClassMembers
	case k.FailsDisk():
		return ClassDisk
	}
	return ClassNetwork
}

// Without takes away what the plan has of a class, the state of the network and the speed of disks included. It returns the plan itself if
// there is nothing of it.
func (p *Plan) Without(c Class) *Plan {
	q := p.Clone()
	q.Faults = q.Faults[:0]
	for _, f := range p.Faults {
		if f.Kind.Class() != c {
			q.Faults = append(q.Faults, f)
		}
	}
	switch c {
	case ClassProcess:
		q.StayDead = nil
	case ClassNetwork:
		n := &q.Network
		n.Tail, n.TailMax, n.Loss, n.Duplicate, n.FIFO = 0, 0, 0, 0, true
	case ClassSpeed:
		q.Disk.StallChance, q.Disk.StallMax = 0, 0
	case ClassQuirk:
		q.Quirks = Quirks{}
	}
	if reflect.DeepEqual(p, q) {
		return p
	}
	return q
}
