package plan

import "slices"

// FaultKind names a nemesis.
type FaultKind string

// The kinds of faults. Unless it says otherwise a fault lasts for Fault.For. Changes of
// members are tried until they are done or everything is healed.
const (
	// Kill ends the process; it restarts after For.
	Kill FaultKind = "kill"
	// PowerLoss also loses unsynced disk writes, or some of them.
	PowerLoss FaultKind = "power-loss"
	// Fuse lets the machine lose power within its next Param disk operations.
	Fuse FaultKind = "fuse"
	// Blackout is a power loss of all nodes at once; they restart one by one over For, in an
	// order drawn from Param, or all at its end if Param is 0.
	Blackout FaultKind = "blackout"
	// Pause stops the process; its inputs wait.
	Pause FaultKind = "pause"
	// Isolate cuts a node from all others, clients included; if Param is 1 clients
	// still reach it.
	Isolate FaultKind = "isolate"
	// Split cuts Targets from the other nodes; each client stays with one side. With
	// Leader, whoever leads changes places with the first target.
	Split FaultKind = "split"
	// OneWay cuts what a node sends to other nodes, or if Param is 1 what it gets.
	OneWay FaultKind = "one-way"
	// Bridge cuts two halves that still share one node.
	Bridge FaultKind = "bridge"
	// Ring leaves each node only two neighbours.
	Ring FaultKind = "ring"
	// Clog holds messages from the target to other nodes back, then lets them all
	// arrive at once.
	Clog FaultKind = "clog"
	// RankLinks gives the links between nodes an order drawn from Param, and messages are the later the
	// further back theirs is, up to one and a half election timeouts.
	RankLinks FaultKind = "rank-links"
	// SlowDisk makes each log write of the node take Param milliseconds longer.
	SlowDisk FaultKind = "slow-disk"
	// StallDisk lets no log write of the node finish.
	StallDisk FaultKind = "stall-disk"
	// HangDisk lets no log write of the node finish, or if Param is 1 no apply job,
	// for ever: healing does not end it. At most one node of a plan, and only where a majority works without it.
	HangDisk FaultKind = "hang-disk"
	// SlowApply makes each apply job take Param milliseconds longer.
	SlowApply FaultKind = "slow-apply"
	// FailDisk makes one log write fail; the node stops serving and is restarted
	// after For.
	FailDisk FaultKind = "fail-disk"
	// ClockJump moves the wall clock by Param milliseconds, for good.
	ClockJump FaultKind = "clock-jump"
	// ClockDrift lets the node's clocks run Param parts per million fast.
	ClockDrift FaultKind = "clock-drift"

	// FailWrite makes one write to the log fail, or if Param is 1 to the engine's files; the
	// node stops serving and is restarted after For.
	FailWrite FaultKind = "fail-write"
	// FullDisk leaves no room on the disk; a node that needs some stops serving and is
	// restarted after For, when there is room again. If Param is 1 writes in place need room
	// too, as where the file system copies on write.
	FullDisk FaultKind = "full-disk"
	// SlowSnapshot makes each job of the snapshot lane take Param milliseconds longer.
	SlowSnapshot FaultKind = "slow-snapshot"
	// StallSnapshot lets no job of the snapshot lane finish.
	StallSnapshot FaultKind = "stall-snapshot"

	// BitRot inverts one durable bit of the log, or if Param has bit 0 of the engine's files:
	// while the node is down from the kill to the restart For later, or if Param has bit 1
	// while it runs, to be found at the latest at the restart For later. The newest write of
	// the log is spared: its loss cannot be told from a write that a crash cut short.
	BitRot FaultKind = "bit-rot"
	// Misdirect makes one write to the log land Param bytes from its place, as Misdirection
	// with Late does; the node is killed and restarted after For to find out.
	Misdirect FaultKind = "misdirect"
	// FailRead makes all reads of the log fail; if Param is 1 the node is killed and tries to
	// start under it. It is restarted after For.
	FailRead FaultKind = "fail-read"
	// Wipe loses the whole disk; the node comes back empty after For, as one that rejoins.
	Wipe FaultKind = "wipe"

	// AddNode makes the first target a member, or another node if it is one: a voter as soon as
	// it has caught up, or if Param is 1 a learner.
	AddNode FaultKind = "add-node"
	// RemoveNode removes the target from the members.
	RemoveNode FaultKind = "remove-node"
	// Promote makes a learner a voter. If there is none, it first makes one of a node that is
	// not a member, or else of the target, and waits For.
	Promote FaultKind = "promote"
	// Demote makes the target a learner.
	Demote FaultKind = "demote"
	// Replace adds the second target and removes the first, in this order, or if Param is 1 in
	// the other.
	Replace FaultKind = "replace"
	// TransferLeader hands leadership to the target, or if Param is 1 to the leader's own
	// choice.
	TransferLeader FaultKind = "transfer-leader"

	// DeafClient loses all that nodes send to client Param.
	DeafClient FaultKind = "deaf-client"
	// DivertClient cuts client Param off from the target, so that it tries others.
	DivertClient FaultKind = "divert-client"
	// SilentClient stops client Param, perhaps for longer than its sessions live.
	SilentClient FaultKind = "silent-client"
	// CrashClient ends client Param and starts it anew: its sessions stay, and fill the table.
	CrashClient FaultKind = "crash-client"

	// Swizzle cuts Targets off from the other nodes one by one in the first half of its time, and lets them
	// back one by one in the second, in orders drawn from Param. Clients still reach them.
	Swizzle FaultKind = "swizzle"
	// Throttle lets each link from the target to other nodes carry Param bytes a second; of what waits only so
	// many messages are kept.
	Throttle FaultKind = "throttle"
	// SlowProcess keeps the target's process busy for Param microseconds with each of its inputs.
	SlowProcess FaultKind = "slow-process"
	// ClockOffset puts the target's wall clock Param milliseconds off, and back at its end.
	ClockOffset FaultKind = "clock-offset"
	// ClockStrobe makes the target's wall clock jump by Param milliseconds and back, again and again.
	ClockStrobe FaultKind = "clock-strobe"
	// FloodSessions makes client Param open sessions that nobody uses or closes, twice as many as a table holds, but 512 at
	// most: once it is full each one pushes out the one that was silent for longest.
	FloodSessions FaultKind = "flood-sessions"

	// Join starts a spare node, which joins a cluster with partitions.
	Join FaultKind = "join"
	// Drain has all that the target holds brought elsewhere; if Param is 1 that is taken back after For.
	Drain FaultKind = "drain"
	// Retire drains the target, and removes it from the cluster when it is empty.
	Retire FaultKind = "retire"
	// Reweight gives the target the weight Param.
	Reweight FaultKind = "reweight"
	// Rezone puts the target into zone "z" followed by Param.
	Rezone FaultKind = "rezone"
)

// menu is a group of kinds that Draw takes from, if it is on.
type menu struct {
	on    bool
	kinds []FaultKind
}

// The menus. Plans may have faults of any kind, whether Draw takes them or not.
var (
	machineFaults = menu{true, []FaultKind{
		Kill, PowerLoss, Fuse, Blackout, Pause, Isolate, Split, OneWay, Bridge, Ring, Clog,
		SlowDisk, StallDisk, SlowApply, FailDisk, ClockJump, ClockDrift,
	}}
	// diskErrors are survived by a restart.
	diskErrors = menu{true, []FaultKind{FailWrite, FullDisk}}
	// snapshotFaults need nodes that use the snapshot lane.
	snapshotFaults = menu{true, []FaultKind{SlowSnapshot, StallSnapshot}}
	// diskLosses need nodes that set a damaged disk aside and rejoin.
	diskLosses = menu{true, []FaultKind{BitRot, Misdirect, FailRead, Wipe}}
	// memberChanges need nodes that change members; they have a schedule of their own.
	memberChanges = menu{true, []FaultKind{AddNode, RemoveNode, Promote, Demote, Replace, TransferLeader}}
	// clientFaults strike clients; they have a schedule of their own.
	clientFaults = menu{true, []FaultKind{DeafClient, DivertClient, SilentClient, CrashClient}}
	// furtherFaults came later; they have a schedule of their own, so that what was drawn before is drawn still.
	furtherFaults = menu{true, []FaultKind{Swizzle, Throttle, SlowProcess, ClockOffset, ClockStrobe, FloodSessions}}
	// placementChanges need a cluster with partitions; they have a schedule of their own.
	placementChanges = menu{true, []FaultKind{Join, Drain, Retire, Reweight, Rezone}}
)

// drawn are the kinds of Draw's bag, in a fixed order.
func drawn() []FaultKind {
	var out []FaultKind
	for _, m := range []menu{machineFaults, diskErrors, snapshotFaults, diskLosses} {
		if m.on {
			out = append(out, m.kinds...)
		}
	}
	return out
}

// Group is the counter that kinds share which often find nothing to do: a change that is made
// already, a disk that holds nothing to damage, a lane without work; "" for others.
func (k FaultKind) Group() string {
	switch {
	case slices.Contains(memberChanges.kinds, k):
		return "changes of members and leaders took effect"
	case slices.Contains(placementChanges.kinds, k):
		return "changes of nodes took effect"
	case k.OnClient():
		return "client faults took effect"
	case slices.Contains(diskLosses.kinds, k), slices.Contains(diskErrors.kinds, k), k == FailDisk:
		return "disk faults took effect"
	case slices.Contains(snapshotFaults.kinds, k), k == SlowDisk, k == StallDisk, k == SlowApply:
		return "slow lanes took effect"
	}
	return ""
}

// Kinds are all kinds of faults that a plan may have, in a fixed order.
func Kinds() []FaultKind {
	out := []FaultKind{HangDisk, RankLinks}
	for _, m := range menus() {
		out = append(out, m.kinds...)
	}
	return out
}

func menus() []menu {
	return []menu{machineFaults, diskErrors, snapshotFaults, diskLosses, memberChanges, clientFaults, furtherFaults, placementChanges}
}

// known reports whether a plan may have faults of this kind.
func (k FaultKind) known() bool {
	return slices.Contains(Kinds(), k)
}

// Loses reports whether a fault of this kind may cost the target's copy of the data.
func (k FaultKind) Loses() bool { return slices.Contains(diskLosses.kinds, k) }

// FailsDisk reports whether a node may stop serving by itself under a fault of this kind.
func (k FaultKind) FailsDisk() bool {
	return k == FailDisk || slices.Contains(diskErrors.kinds, k) || k.Loses()
}

// Changes reports whether a fault of this kind is a change of members or of the leader, or of nodes.
func (k FaultKind) Changes() bool { return slices.Contains(memberChanges.kinds, k) || k.Places() }

// Places reports whether a fault of this kind is a change of nodes in a cluster with partitions.
func (k FaultKind) Places() bool { return slices.Contains(placementChanges.kinds, k) }

// Cuts reports whether a fault of this kind cuts links for as long as it lasts.
func (k FaultKind) Cuts() bool {
	switch k {
	case Isolate, Split, OneWay, Bridge, Ring, Swizzle, DeafClient, DivertClient:
		return true
	}
	return false
}

// OnClient reports whether a fault of this kind strikes client Param.
func (k FaultKind) OnClient() bool {
	return k == FloodSessions || slices.Contains(clientFaults.kinds, k)
}

// needsTarget reports whether faults of this kind strike one node.
func (k FaultKind) needsTarget() bool {
	return k != Blackout && k != Ring && k != Bridge && k != RankLinks && (!k.OnClient() || k == DivertClient)
}
