package plan

import (
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
)

// Version is the version of the plan format.
const Version = 1

// Plan is one run.
type Plan struct {
	Version int `json:"version"`
	// Seed starts all random streams of the run: the fate of messages, latencies,
	// election timeouts.
	Seed uint64 `json:"seed"`
	// Nodes are numbered 1..Nodes.
	Nodes    int      `json:"nodes"`
	Clients  int      `json:"clients"`
	Settings Settings `json:"settings"`
	Network  Network  `json:"network"`
	Disk     Disk     `json:"disk"`
	// Operations are ascending in time.
	Operations []Operation `json:"operations"`
	// Faults are ascending in time.
	Faults []Fault `json:"faults"`
	// HealAt is when all faults end, and the cluster must recover.
	HealAt time.Duration `json:"heal_at"`
	// StayDead are nodes that are not restarted at HealAt; a minority.
	StayDead []int `json:"stay_dead,omitempty"`
}

// Settings are the nodes' configuration for this run.
type Settings struct {
	Heartbeat       time.Duration `json:"heartbeat"`
	ElectionTimeout time.Duration `json:"election_timeout"`
	// NoPreVote and NoCheckQuorum switch off what hides many bugs.
	NoPreVote           bool  `json:"no_pre_vote,omitempty"`
	NoCheckQuorum       bool  `json:"no_check_quorum,omitempty"`
	MaxAppendBytes      int   `json:"max_append_bytes"`
	MaxInflightAppends  int   `json:"max_inflight_appends"`
	MaxUncommittedBytes int   `json:"max_uncommitted_bytes"`
	MaxCacheBytes       int   `json:"max_cache_bytes"`
	MaxApplyBytes       int   `json:"max_apply_bytes"`
	SegmentBytes        int64 `json:"segment_bytes"`
	// FlushEvery is after how many batches the engine flushes by itself.
	FlushEvery    int           `json:"flush_every"`
	SessionTTL    time.Duration `json:"session_ttl"`
	SessionWindow int           `json:"session_window"`
	MaxSessions   int           `json:"max_sessions"`
	// AttemptTimeout is the clients' patience with one request.
	AttemptTimeout time.Duration `json:"attempt_timeout"`
	// OperationTimeout is their patience with one operation.
	OperationTimeout time.Duration `json:"operation_timeout"`
}

// Network is how messages fare until HealAt.
type Network struct {
	DelayBase   time.Duration `json:"delay_base"`
	DelayJitter time.Duration `json:"delay_jitter"`
	// Tail is the probability of a delay of up to TailMax more.
	Tail      float64       `json:"tail"`
	TailMax   time.Duration `json:"tail_max"`
	Loss      float64       `json:"loss"`
	Duplicate float64       `json:"duplicate"`
	// FIFO keeps the order of each link's messages, as one connection does.
	FIFO bool `json:"fifo"`
}

// Disk is how slow the disks are.
type Disk struct {
	FsyncBase   time.Duration `json:"fsync_base"`
	FsyncJitter time.Duration `json:"fsync_jitter"`
	StallChance float64       `json:"stall_chance"`
	StallMax    time.Duration `json:"stall_max"`
	ApplyJitter time.Duration `json:"apply_jitter"`
}

// Operation is what one client does.
type Operation struct {
	At     time.Duration `json:"at"`
	Client int           `json:"client"`
	Kind   history.Kind  `json:"kind"`
	Key    string        `json:"key"`
	// Value is unique in the plan.
	Value string `json:"value,omitempty"`
	// NoSession sends a write without a session: it is not retried after doubt.
	NoSession bool `json:"no_session,omitempty"`
	Stale     bool `json:"stale,omitempty"`
}

// FaultKind names a nemesis.
type FaultKind string

// The kinds of faults. Unless it says otherwise a fault lasts for Fault.For.
const (
	// Kill ends the process; it restarts after For.
	Kill FaultKind = "kill"
	// PowerLoss also loses unsynced disk writes, or some of them.
	PowerLoss FaultKind = "power-loss"
	// Fuse lets the machine lose power within its next Param disk operations.
	Fuse FaultKind = "fuse"
	// Blackout is a power loss of all nodes at once; they restart one by one
	// over For.
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
)

// Fault is one nemesis at work.
type Fault struct {
	At   time.Duration `json:"at"`
	For  time.Duration `json:"for"`
	Kind FaultKind     `json:"kind"`
	// Leader aims at whichever node leads when the fault strikes, instead of the
	// first of Targets.
	Leader bool `json:"leader,omitempty"`
	// Targets are node numbers.
	Targets []int `json:"targets,omitempty"`
	Param   int64 `json:"param,omitempty"`
}
