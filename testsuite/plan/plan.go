package plan

import (
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
)

// Version is the version of the plan format. Version 1 had no spare nodes, no membership
// changes, no damage to disks and no snapshots, version 2 no partitions; their plans mean the same in version 3.
const (
	Version       = 3
	oldestVersion = 1
)

// Plan is one run.
type Plan struct {
	Version int `json:"version"`
	// Seed starts all random streams of the run: the fate of messages, latencies,
	// election timeouts.
	Seed uint64 `json:"seed"`
	// Nodes are numbered 1..Nodes.
	Nodes int `json:"nodes"`
	// Spares are nodes that exist beside these, numbered on, and are no members at first.
	Spares   int      `json:"spares,omitempty"`
	Clients  int      `json:"clients"`
	Settings Settings `json:"settings"`
	Network  Network  `json:"network"`
	Disk     Disk     `json:"disk"`
	Quirks   Quirks   `json:"quirks,omitzero"`
	// Sharding is set where the cluster has partitions; without, it is one group.
	Sharding *Sharding `json:"sharding,omitempty"`
	// Operations are ascending in time.
	Operations []Operation `json:"operations"`
	// Faults are ascending in time.
	Faults []Fault `json:"faults"`
	// HealAt is when all faults end, and the cluster must recover.
	HealAt time.Duration `json:"heal_at"`
	// StayDead are nodes that are not restarted at HealAt; a minority.
	StayDead []int `json:"stay_dead,omitempty"`
}

// Machines is the number of nodes, spares included.
func (p *Plan) Machines() int { return p.Nodes + p.Spares }

// Settings are the nodes' configuration for this run.
type Settings struct {
	Heartbeat       time.Duration `json:"heartbeat"`
	ElectionTimeout time.Duration `json:"election_timeout"`
	// NoPreVote and NoCheckQuorum switch off what hides many bugs.
	NoPreVote           bool `json:"no_pre_vote,omitempty"`
	NoCheckQuorum       bool `json:"no_check_quorum,omitempty"`
	MaxAppendBytes      int  `json:"max_append_bytes"`
	MaxInflightAppends  int  `json:"max_inflight_appends"`
	MaxUncommittedBytes int  `json:"max_uncommitted_bytes"`
	MaxCacheBytes       int  `json:"max_cache_bytes"`
	MaxApplyBytes       int  `json:"max_apply_bytes"`
	// ApplyDelay is how long followers let entries gather before they apply them.
	ApplyDelay   time.Duration `json:"apply_delay,omitempty"`
	SegmentBytes int64         `json:"segment_bytes"`
	// FlushEvery is after how many batches the engine flushes by itself.
	FlushEvery    int           `json:"flush_every"`
	SessionTTL    time.Duration `json:"session_ttl"`
	SessionWindow int           `json:"session_window"`
	MaxSessions   int           `json:"max_sessions"`
	// CompactBytes is how many bytes of log come between two compactions; 0 is never.
	CompactBytes int64 `json:"compact_bytes,omitempty"`
	// SnapshotChunkBytes and SnapshotWindow are the size of a chunk of a snapshot and how many
	// may be under way; 0 leaves the node's default.
	SnapshotChunkBytes int `json:"snapshot_chunk_bytes,omitempty"`
	SnapshotWindow     int `json:"snapshot_window,omitempty"`
	// LeaseReads lets leaders answer reads under a lease, which holds as long as every clock's
	// rate is within MaxClockDrift parts per million of true time. It needs check-quorum.
	LeaseReads    bool `json:"lease_reads,omitempty"`
	MaxClockDrift int  `json:"max_clock_drift,omitempty"`
	// Priorities are the nodes' priorities as leaders, of node i at i-1; 0 for the rest.
	Priorities []int `json:"priorities,omitempty"`
	// AttemptTimeout is the clients' patience with one request.
	AttemptTimeout time.Duration `json:"attempt_timeout"`
	// OperationTimeout is their patience with one operation.
	OperationTimeout time.Duration `json:"operation_timeout"`
}

// Sharding is how a cluster with partitions is made, and what its driver goes by.
type Sharding struct {
	Partitions int `json:"partitions"`
	Replicas   int `json:"replicas"`
	// Weights and Zones are those of node i at i-1; 0 and "" stand for the defaults.
	Weights     []uint32      `json:"weights,omitempty"`
	Zones       []string      `json:"zones,omitempty"`
	ReportEvery time.Duration `json:"report_every"`
	DeadAfter   time.Duration `json:"dead_after"`
	FlapDamping time.Duration `json:"flap_damping"`
	MaxMoves    int           `json:"max_moves"`
	// ExpectFor is how long nodes that the cluster begins with may be late.
	ExpectFor time.Duration `json:"expect_for,omitempty"`
	// QuiesceAfter is how long a group is idle until it sleeps; 0 is never.
	QuiesceAfter time.Duration `json:"quiesce_after,omitempty"`
}

// Sharded tells whether the cluster has partitions.
func (p *Plan) Sharded() bool { return p.Sharding != nil }

// Network is how messages fare until HealAt.
type Network struct {
	DelayBase   time.Duration `json:"delay_base"`
	DelayJitter time.Duration `json:"delay_jitter"`
	// Tail is the probability of a delay of up to TailMax more.
	Tail      float64       `json:"tail"`
	TailMax   time.Duration `json:"tail_max"`
	Loss      float64       `json:"loss"`
	Duplicate float64       `json:"duplicate"`
	// FIFO keeps the order of each link's messages, channel by channel, as connections do.
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
	// Follower reads, linearizably, at whichever node the client happens to ask.
	Follower bool `json:"follower,omitempty"`
	// Also are further keys that a Get, a Put or an Erase takes along, each for itself.
	Also []Item `json:"also,omitempty"`
	// Scan makes a Get a scan of all keys, in pages of so many. Key then only counts among the keys of the plan.
	Scan int `json:"scan,omitempty"`
}

// Item is one more key of an operation on several.
type Item struct {
	Kind  history.Kind `json:"kind"`
	Key   string       `json:"key"`
	Value string       `json:"value,omitempty"`
}

// Fault is one nemesis at work.
type Fault struct {
	At   time.Duration `json:"at"`
	For  time.Duration `json:"for"`
	Kind FaultKind     `json:"kind"`
	// Leader aims at whichever node leads when the fault strikes, instead of the
	// first of Targets.
	Leader bool `json:"leader,omitempty"`
	// Targets are node numbers, spares included.
	Targets []int `json:"targets,omitempty"`
	Param   int64 `json:"param,omitempty"`
}
