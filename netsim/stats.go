package netsim

import "reflect"

// Stats counts what really happened, as opposed to what was asked for: a loss
// probability that hit no message leaves DroppedLoss at 0. Verdicts take their
// evidence from here.
type Stats struct {
	Events uint64 // executed events

	// The network.
	Sent         uint64 // calls of Send by live processes
	Offered      uint64 // messages to others that no cut and no OnSend stopped: LinkConfig decides about them
	OfferedNodes uint64 // of these, between nodes
	Delivered    uint64 // messages handed to a program, duplicates included
	DroppedLoss  uint64 // lost by chance
	DroppedCut   uint64 // lost on a cut link, when sent or on arrival
	DroppedDead  uint64 // receiver was down or unknown, or crashed before taking it
	DroppedFull  uint64 // refused, too many under way
	DroppedHook  uint64 // dropped by World.OnSend
	Duplicated   uint64 // second copies handed to a program
	Reordered    uint64 // handed over after a message sent later on the same link
	TailDelays   uint64 // messages that got a long-tail delay
	Clogged      uint64 // messages held back on a clogged link
	Throttled    uint64 // messages that waited for bandwidth

	// Processes.
	Boots         uint64 // starts that came up
	Restarts      uint64 // starts after the first, up or not
	BootErrors    uint64 // starts that did not come up, other than by a crash
	Kills         uint64 // crashes that left the page cache
	PowerLosses   uint64 // crashes that lost it, each run-out fuse included
	FuseCrashes   uint64 // crashes by Disk.CrashAfterOps
	Panics        uint64 // panics of programs
	Pauses        uint64
	HeldInputs    uint64 // inputs that came to a paused or busy process
	LostJobs      uint64 // jobs submitted whose Run a crash prevented
	UnackedJobs   uint64 // jobs whose Run happened and whose Done a crash prevented
	FsyncStalls   uint64 // WAL jobs that got a long-tail latency
	LaneStalls    uint64 // jobs that waited for a stalled lane
	SlowedJobs    uint64 // jobs made slower by Process.SlowLane
	SlowedInputs  uint64 // inputs handled by a process slowed by Process.SlowLoop
	CrowdedTurns  uint64 // turns that took several inputs (Config.InputsPerTurn)
	LateHostCalls uint64 // calls of a Host whose incarnation was over; ignored

	// Clocks.
	ClockJumps   uint64
	ClockStrobes uint64 // wall clock readings displaced by a strobe
	DriftedTicks uint64 // ticks of processes whose clock drifts

	// Disks.
	DiskOps           uint64 // mutating operations
	Syncs             uint64 // syncs of files and directories
	KeptSectors       uint64 // unsynced sectors that survived a power loss, newest version
	LostSectors       uint64 // unsynced sectors that lost something in a power loss
	TornSectors       uint64 // sectors of which a power loss kept a part
	TornWrites        uint64 // unsynced writes of which a power loss kept some sectors
	LostWrites        uint64 // unsynced writes of which a power loss kept nothing
	LostDirEntries    uint64 // unsynced directory changes lost in a power loss
	KeptDirEntries    uint64 // unsynced directory changes that survived one
	WriteErrors       uint64 // injected failures of writes
	SyncErrors        uint64 // injected failures of syncs
	ReadErrors        uint64 // injected failures of reads
	MetaErrors        uint64 // injected failures of anything else
	NoSpace           uint64 // operations refused for lack of space
	DroppedDirtyBytes uint64 // unsynced bytes dropped by a failed sync
	SilentLies        uint64 // operations that claimed success and did nothing
	BitFlips          uint64
	Truncations       uint64
	Misdirected       uint64 // writes that landed elsewhere
	Wipes             uint64
}

// ProcessStats counts what happened to one process, in all its incarnations.
type ProcessStats struct {
	HeldInputs   uint64 // inputs that came while it was paused or busy
	SlowedInputs uint64 // inputs that it handled while slowed by SlowLoop
	DriftedTicks uint64 // ticks while its clock drifted
	ClockStrobes uint64 // readings of its wall clock that a strobe displaced
	WallReadings uint64 // readings of its wall clock
}

// Sub returns the counts since the earlier state o.
func (s ProcessStats) Sub(o ProcessStats) ProcessStats {
	return ProcessStats{
		HeldInputs: s.HeldInputs - o.HeldInputs, SlowedInputs: s.SlowedInputs - o.SlowedInputs,
		DriftedTicks: s.DriftedTicks - o.DriftedTicks, ClockStrobes: s.ClockStrobes - o.ClockStrobes,
		WallReadings: s.WallReadings - o.WallReadings,
	}
}

// DiskStats counts what happened to one disk.
type DiskStats struct {
	FuseCrashes uint64 // crashes by CrashAfterOps
	NoSpace     uint64 // operations refused for lack of space
}

// LinkStats counts what the configuration of one direction between two processes did.
type LinkStats struct {
	Throttled uint64 // messages that waited for bandwidth
	Refused   uint64 // messages refused, too many under way
}

// Map returns the counters that are not 0 by name.
func (s Stats) Map() map[string]uint64 {
	v := reflect.ValueOf(s)
	m := make(map[string]uint64)
	for i := range v.NumField() {
		if n := v.Field(i).Uint(); n != 0 {
			m[v.Type().Field(i).Name] = n
		}
	}
	return m
}

// Sub returns the counts since the earlier state o.
func (s Stats) Sub(o Stats) Stats {
	a, b := reflect.ValueOf(&s).Elem(), reflect.ValueOf(o)
	for i := range a.NumField() {
		a.Field(i).SetUint(a.Field(i).Uint() - b.Field(i).Uint())
	}
	return s
}
