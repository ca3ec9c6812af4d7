package node

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/kv/transfer"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/raft"
)

// TheGroup is the Raft group of the only partition, where the cluster is one group. With partitions, the
// group of partition p is p.
const TheGroup raft.GroupID = 1

// Member is one node of the cluster.
type Member struct {
	ID env.NodeID
	// PeerAddress and ClientAddress are where the node's services listen.
	PeerAddress   string
	ClientAddress string
	// Priority prefers the node as leader over those with a lower one. It counts with StartBootstrap
	// only, and must be the same on every node.
	Priority uint8
}

// Start says what a node without any log is.
type Start uint8

const (
	// StartAsIs: it has a log. Without one it waits to be added.
	StartAsIs Start = iota
	// StartBootstrap: it is one of the first members of a new cluster, and never ran before.
	StartBootstrap
	// StartRejoin: it is a member that lost its data; it asks the others to replace its
	// replicas by new ones.
	StartRejoin
)

// maxNodeID bounds node ids, which share 64 bits with a replica's generation.
const maxNodeID = math.MaxUint32

// Config is fixed for the life of a Node. DefaultConfig fills everything but the
// identity.
type Config struct {
	ID env.NodeID
	// Cluster identifies the cluster; nodes of different clusters never talk.
	Cluster     uint64
	ClusterName string
	// Version is the program's version, for Status.
	Version string
	// Members are the nodes known at the start. With StartBootstrap they are the first
	// members, this node among them, the same ids on every node; otherwise they only say where
	// others may be found: who is a member is in the log.
	Members []Member
	// Address is where this node can be reached, for StartRejoin.
	Address string
	Start   Start
	// Join has a node that is no member of a cluster with partitions yet become one.
	Join bool
	// Sharding is that of the cluster.
	Sharding Sharding
	// Damage says what was wrong with the data that was set aside (StartRejoin).
	Damage string

	HeartbeatInterval time.Duration
	ElectionTimeout   time.Duration
	// PreVote and CheckQuorum should be on (raft.Config). Safety does not depend on
	// them, and runs without them show what they would hide.
	PreVote     bool
	CheckQuorum bool

	MaxAppendBytes      int
	MaxInflightAppends  int
	MaxInflightBytes    int
	MaxUncommittedBytes int
	MaxCacheBytes       int
	MaxApplyBytes       int
	// ApplyDelay: replica.Config.
	ApplyDelay      time.Duration
	MaxWaitingReads int
	// CompactBytes is the size of log entries, of all groups together, after which the engine is flushed and the log
	// forgets what was flushed before; 0 keeps the log for ever.
	CompactBytes int
	// Snapshots paces the sending of snapshots.
	Snapshots transfer.Limits
	// LeaseReads and MaxClockDrift: raft.Config.
	LeaseReads    bool
	MaxClockDrift int

	Limits machine.Limits
}

// Sharding says whether the cluster has partitions, and how this node takes part in their placement. The same nodes
// of a cluster must all have partitions or all have none.
type Sharding struct {
	// Partitions and Replicas are those that a new cluster gets; Replicas is per partition. They count
	// with StartBootstrap only: later the cluster's records say so. Partitions 0 stands for a cluster of one group, whose
	// members operators change by hand.
	Partitions, Replicas int
	// Zone and Weight are those of this node (placement.Node) when it joins.
	Zone   string
	Weight uint32
	// ReportEvery is the time between two reports of a node to the driver (docs/sharding.md).
	ReportEvery time.Duration
	// Driver is what this node goes by when it drives the placement.
	Driver placement.DriverConfig
	// QuiesceAfter is how long a group must be idle before it sleeps (raft.Config); 0: never.
	QuiesceAfter time.Duration
}

func (c *Config) sharded() bool { return c.Sharding.Partitions > 0 }

// mayHold tells whether a node with this configuration can have a replica of the group.
func (c *Config) mayHold(g raft.GroupID) bool {
	if !c.sharded() {
		return g == TheGroup
	}
	return g == placement.MetaGroup || g >= 1 && g <= placement.MaxPartitions
}

// metaFounders are those of the first members that begin the metadata group: the lowest ids, as many as it is to
// have voters.
func (c *Config) metaFounders() []Member {
	founders := slices.Clone(c.Members)
	slices.SortFunc(founders, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return founders[:placement.MetaVoters(len(founders))]
}

// DefaultConfig returns production's settings. A node that hears nothing from its
// leader campaigns after 200 to 400 ms, four to eight heartbeats.
func DefaultConfig() Config {
	return Config{
		HeartbeatInterval:   50 * time.Millisecond,
		ElectionTimeout:     200 * time.Millisecond,
		PreVote:             true,
		CheckQuorum:         true,
		MaxAppendBytes:      256 << 10,
		MaxInflightAppends:  64,
		MaxInflightBytes:    8 << 20,
		MaxUncommittedBytes: 32 << 20,
		MaxCacheBytes:       64 << 20,
		MaxApplyBytes:       1 << 20,
		ApplyDelay:          20 * time.Millisecond,
		MaxWaitingReads:     1 << 16,
		CompactBytes:        64 << 20,
		Snapshots:           snapshotLimits(),
		Limits:              machine.DefaultLimits(),
	}
}

// snapshotLimits are production's: a transfer takes at most 32 MiB a second, so that the group keeps its
// pace meanwhile (docs/performance.md, "Snapshots").
func snapshotLimits() transfer.Limits {
	l := transfer.DefaultLimits()
	l.BytesPerSecond = 32 << 20
	return l
}

// SnapshotLimits are limits whose patience is in proportion to an election timeout, for
// groups that are faster or slower than production's.
func SnapshotLimits(electionTimeout time.Duration) transfer.Limits {
	l := transfer.DefaultLimits()
	l.RetryAfter, l.MaxRetryAfter = electionTimeout, 4*electionTimeout
	l.SilenceTimeout, l.StallTimeout, l.IdleTimeout = 20*electionTimeout, 200*electionTimeout, 100*electionTimeout
	return l
}

func (c *Config) validate() error {
	if c.ID == 0 || c.ID > maxNodeID {
		return fmt.Errorf("node id %d is not allowed: give each node an id from 1 to %d", c.ID, uint64(maxNodeID))
	}
	seen := make(map[env.NodeID]bool, len(c.Members))
	for _, m := range c.Members {
		if m.ID == 0 || m.ID > maxNodeID || seen[m.ID] {
			return fmt.Errorf("member list: node id %d is out of range or given twice", m.ID)
		}
		seen[m.ID] = true
	}
	if !seen[c.ID] && c.Start == StartBootstrap {
		return fmt.Errorf("node %d is not in the member list: add it, or start with the id of a member", c.ID)
	}
	if err := c.Snapshots.Check(); err != nil {
		return err
	}
	if c.CompactBytes < 0 {
		return fmt.Errorf("CompactBytes is %d, must not be negative", c.CompactBytes)
	}
	if c.ApplyDelay < 0 {
		return fmt.Errorf("ApplyDelay is %v, must not be negative", c.ApplyDelay)
	}
	if c.MaxApplyBytes <= 0 || c.MaxWaitingReads <= 0 {
		return fmt.Errorf("MaxApplyBytes (%d) and MaxWaitingReads (%d) must be positive", c.MaxApplyBytes, c.MaxWaitingReads)
	}
	return nil
}

func (c *Config) replicaConfig(g raft.GroupID, id raft.ReplicaID, seed uint64) replica.Config {
	return replica.Config{
		Raft: raft.Config{
			Group:               g,
			ID:                  id,
			Seed:                seed,
			HeartbeatInterval:   c.HeartbeatInterval,
			ElectionTimeout:     c.ElectionTimeout,
			PreVote:             c.PreVote,
			CheckQuorum:         c.CheckQuorum,
			MaxAppendBytes:      c.MaxAppendBytes,
			MaxInflightAppends:  c.MaxInflightAppends,
			MaxInflightBytes:    c.MaxInflightBytes,
			MaxUncommittedBytes: c.MaxUncommittedBytes,
			MaxCacheBytes:       c.MaxCacheBytes,
			MaxPendingReads:     c.MaxWaitingReads,
			LeaseReads:          c.LeaseReads,
			MaxClockDrift:       c.MaxClockDrift,
			QuiesceAfter:        c.Sharding.QuiesceAfter,
		},
		MaxApplyBytes:   c.MaxApplyBytes,
		ApplyDelay:      c.ApplyDelay,
		MaxWaitingReads: c.MaxWaitingReads,
		CompactBytes:    c.CompactBytes,
		SharedFlush:     c.sharded(),
		Snapshots:       c.Snapshots,
	}
}

// Deps is what a Node stands on. The Node uses but does not close them.
type Deps struct {
	Host     env.Host
	Log      *wal.Log
	Recovery *wal.Recovery
	Engine   env.Engine
	// Seed starts the node's random streams; it should differ between nodes and
	// between restarts.
	Seed uint64
}
