package node

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/raft"
)

// TheGroup is the Raft group of the only partition.
const TheGroup raft.GroupID = 1

// Member is one node of the cluster.
type Member struct {
	ID env.NodeID
	// PeerAddress and ClientAddress are where the node's services listen.
	PeerAddress   string
	ClientAddress string
}

// Config is fixed for the life of a Node. DefaultConfig fills everything but the
// identity.
type Config struct {
	ID env.NodeID
	// Cluster identifies the cluster; nodes of different clusters never talk.
	Cluster     uint64
	ClusterName string
	// Version is the program's version, for Status.
	Version string
	// Members are all nodes, this one among them, the same list on every node.
	Members []Member

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
	MaxWaitingReads     int

	Limits machine.Limits
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
		MaxWaitingReads:     1 << 16,
		Limits:              machine.DefaultLimits(),
	}
}

func (c *Config) validate() error {
	if c.ID == 0 {
		return fmt.Errorf("node id 0 is not allowed: give each node an id from 1 on")
	}
	seen := make(map[env.NodeID]bool, len(c.Members))
	for _, m := range c.Members {
		if m.ID == 0 || seen[m.ID] {
			return fmt.Errorf("member list: node id %d is zero or given twice", m.ID)
		}
		seen[m.ID] = true
	}
	if !seen[c.ID] {
		return fmt.Errorf("node %d is not in the member list: add it, or start with the id of a member", c.ID)
	}
	if c.MaxApplyBytes <= 0 || c.MaxWaitingReads <= 0 {
		return fmt.Errorf("MaxApplyBytes (%d) and MaxWaitingReads (%d) must be positive", c.MaxApplyBytes, c.MaxWaitingReads)
	}
	return nil
}

func (c *Config) replicaConfig(seed uint64) replica.Config {
	rc := replica.Config{
		Raft: raft.Config{
			Group:               TheGroup,
			ID:                  raft.ReplicaID(c.ID),
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
		},
		MaxApplyBytes:   c.MaxApplyBytes,
		MaxWaitingReads: c.MaxWaitingReads,
	}
	for _, m := range c.Members {
		rc.Raft.Voters = append(rc.Raft.Voters, raft.ReplicaID(m.ID))
	}
	return rc
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
