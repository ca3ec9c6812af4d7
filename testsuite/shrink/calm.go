package shrink

import (
	"time"

	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// change is an edit that has no items of its own; it changes nothing where nothing is left to do.
type change func(p *plan.Plan)

// each makes a pass of changes: all of them, then halves, then one by one.
func each(name string, changes []change) pass {
	return pass{name, func(*plan.Plan) int { return len(changes) }, func(p *plan.Plan, from, to int) {
		for _, c := range changes[from:to] {
			c(p)
		}
	}}
}

// calm takes away what slows messages and disks, and brings settings to plain values.
func calm() []pass {
	return []pass{each("calm the network", network), each("calm the disks", disks), each("no quirks", quirks), each("plain settings", settings)}
}

// us and ms are the units of delays.
const (
	us = time.Microsecond
	ms = time.Millisecond
)

var network = []change{
	func(p *plan.Plan) { p.Network.Loss = 0 },
	func(p *plan.Plan) { p.Network.Duplicate = 0 },
	func(p *plan.Plan) { p.Network.Tail, p.Network.TailMax = 0, 0 },
	func(p *plan.Plan) { p.Network.DelayJitter = 0 },
	func(p *plan.Plan) { p.Network.FIFO = true },
	func(p *plan.Plan) { p.Network.DelayBase = ms },
}

var disks = []change{
	func(p *plan.Plan) { p.Disk.StallChance, p.Disk.StallMax = 0, 0 },
	func(p *plan.Plan) { p.Disk.FsyncJitter = 0 },
	func(p *plan.Plan) { p.Disk.ApplyJitter = 0 },
	func(p *plan.Plan) { p.Disk.FsyncBase = ms },
}

var quirks = []change{
	func(p *plan.Plan) { p.Quirks.Crowd, p.Quirks.LoopBusy = 0, 0 },
	func(p *plan.Plan) { p.Quirks.SpareTick = 0 },
	func(p *plan.Plan) { p.Quirks.LateTick = 0 },
	func(p *plan.Plan) { p.Quirks.LateDone = 0 },
	func(p *plan.Plan) { p.Quirks.FullQueue = 0 },
}

// settings are plain values: the features off that a plan may switch on, the others those of a cluster at ease.
var settings = []change{
	func(p *plan.Plan) { p.Settings.LeaseReads, p.Settings.MaxClockDrift = false, 0 },
	func(p *plan.Plan) { p.Settings.Priorities = nil },
	func(p *plan.Plan) { p.Settings.NoPreVote = false },
	func(p *plan.Plan) { p.Settings.NoCheckQuorum = false },
	func(p *plan.Plan) { p.Settings.CompactBytes = 0 },
	func(p *plan.Plan) { p.Settings.SnapshotChunkBytes, p.Settings.SnapshotWindow = 0, 0 },
	func(p *plan.Plan) { p.Settings.MaxAppendBytes = 256 << 10 },
	func(p *plan.Plan) { p.Settings.MaxInflightAppends = 64 },
	func(p *plan.Plan) { p.Settings.MaxUncommittedBytes = 32 << 20 },
	func(p *plan.Plan) { p.Settings.MaxCacheBytes, p.Settings.MaxApplyBytes = 1<<20, 1<<20 },
	func(p *plan.Plan) { p.Settings.SegmentBytes = 64 << 10 },
	func(p *plan.Plan) { p.Settings.FlushEvery = 1000 },
	func(p *plan.Plan) {
		p.Settings.SessionTTL, p.Settings.SessionWindow, p.Settings.MaxSessions = 10*time.Minute, 1024, 1<<16
	},
	func(p *plan.Plan) {
		p.Settings.Heartbeat, p.Settings.ElectionTimeout = 50*ms, 200*ms
		p.Settings.AttemptTimeout, p.Settings.OperationTimeout = 400*ms, 5*time.Second
	},
}

var sharding = []change{
	sharded(func(h *plan.Sharding) { h.Weights = nil }),
	sharded(func(h *plan.Sharding) { h.Zones = nil }),
	sharded(func(h *plan.Sharding) { h.QuiesceAfter = 0 }),
	sharded(func(h *plan.Sharding) { h.FlapDamping = 0 }),
	sharded(func(h *plan.Sharding) { h.MaxMoves = 8 }),
}

// sharded makes a change of what only plans with partitions have.
func sharded(c func(h *plan.Sharding)) change {
	return func(p *plan.Plan) {
		if p.Sharded() {
			c(p.Sharding)
		}
	}
}
