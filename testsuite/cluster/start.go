package cluster

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/kv/boot"
	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// dataDir is a node's data directory on its disk.
const dataDir = "data"

// boot starts one incarnation (CLU-1).
func (c *Cluster) boot(number int, h env.Host, disk *netsim.Disk) (env.Program, error) {
	s := &c.plan.Settings
	proc := c.procs[number-1]
	m := &Member{Number: number, Process: proc, Incarnation: proc.Incarnation(), cluster: c}
	seed := netsim.Derive(c.plan.Seed, "node", uint64(number), proc.Incarnation())
	if err := c.prepare(number, disk); err != nil {
		return nil, err
	}
	data, err := boot.Open(boot.Options{
		FS: disk, Dir: dataDir, Start: c.start(number),
		WAL: wal.Options{
			SegmentBytes: s.SegmentBytes, Cluster: clusterID, Node: env.NodeID(number), TailBytes: min(s.MaxCacheBytes, tailBytes),
			Store: netsim.Derive(c.plan.Seed, "store", uint64(number), proc.Incarnation()) | 1,
		},
		OpenEngine: func(dir string) (env.Engine, error) {
			return storage.OpenMemory(disk, dir, storage.MemoryOptions{FlushEvery: s.FlushEvery})
		},
		NewNode: func(d *boot.Data) (*node.Node, error) {
			return node.New(c.config(number, d.Start), node.Deps{
				Host: &host{Host: h, member: m, quirks: newQuirks(m)}, Log: d.Log, Recovery: d.Recovery, Engine: d.Engine, Seed: seed,
			})
		},
	})
	if err != nil {
		return nil, err
	}
	m.Node, m.data = data.Node, data
	c.members[number-1] = m
	delete(c.wiped, number)
	c.watcher.Recovered(m)
	return m, nil
}

// prepare makes the data directory, and notes in an empty one that its data was lost.
func (c *Cluster) prepare(number int, disk *netsim.Disk) error {
	if err := disk.MkdirAll(dataDir, 0o755); err != nil {
		return err
	}
	if err := datadir.SyncDir(disk, "/"); err != nil {
		return err
	}
	if c.wiped[number] {
		return datadir.MarkEmpty(disk, dataDir, "the disk was lost")
	}
	return nil
}

// start is what a node is without a log: one of the first members, or one that waits.
func (c *Cluster) start(number int) node.Start {
	if number <= c.plan.Nodes {
		return node.StartBootstrap
	}
	return node.StartAsIs
}

// config is that of a node.
func (c *Cluster) config(number int, start node.Start) node.Config {
	s := &c.plan.Settings
	cfg := node.DefaultConfig()
	cfg.ID, cfg.Cluster, cfg.ClusterName = env.NodeID(number), clusterID, "simulation"
	cfg.Address, cfg.Start = Address(number), start
	for i := 1; i <= len(c.procs); i++ {
		if i > c.plan.Nodes && start == node.StartBootstrap {
			break
		}
		m := node.Member{ID: env.NodeID(i), PeerAddress: Address(i), ClientAddress: Address(i)}
		if i <= len(s.Priorities) {
			m.Priority = uint8(s.Priorities[i-1])
		}
		cfg.Members = append(cfg.Members, m)
	}
	cfg.HeartbeatInterval, cfg.ElectionTimeout = s.Heartbeat, s.ElectionTimeout
	cfg.PreVote, cfg.CheckQuorum = !s.NoPreVote, !s.NoCheckQuorum
	cfg.MaxAppendBytes, cfg.MaxInflightAppends = s.MaxAppendBytes, s.MaxInflightAppends
	cfg.MaxUncommittedBytes, cfg.MaxCacheBytes = s.MaxUncommittedBytes, s.MaxCacheBytes
	cfg.MaxApplyBytes, cfg.ApplyDelay = s.MaxApplyBytes, s.ApplyDelay
	cfg.CompactBytes = int(s.CompactBytes)
	cfg.LeaseReads, cfg.MaxClockDrift = s.LeaseReads, s.MaxClockDrift
	cfg.Snapshots = node.SnapshotLimits(s.ElectionTimeout)
	if s.SnapshotChunkBytes > 0 {
		cfg.Snapshots.ChunkBytes, cfg.Snapshots.Window = s.SnapshotChunkBytes, s.SnapshotWindow
	}
	cfg.Limits = limits(s)
	if c.plan.Sharded() {
		c.shard(&cfg, number)
	}
	return cfg
}

// shard gives a node its part in a cluster with partitions. The founders know each other, the spare nodes
// know the founders.
func (c *Cluster) shard(cfg *node.Config, number int) {
	h := c.plan.Sharding
	cfg.Members = slices.DeleteFunc(cfg.Members, func(m node.Member) bool { return m.ID > env.NodeID(c.plan.Nodes) })
	cfg.Join = number > c.plan.Nodes
	cfg.Sharding = node.Sharding{
		Partitions: h.Partitions, Replicas: h.Replicas, ReportEvery: h.ReportEvery, QuiesceAfter: h.QuiesceAfter,
		Driver: placement.DriverConfig{
			ReportEvery: h.ReportEvery, DeadAfter: h.DeadAfter, FlapDamping: h.FlapDamping, MaxMoves: h.MaxMoves, MaxMovesPerNode: h.MaxMoves,
			ExpectFor: h.ExpectFor,
		},
	}
	if number <= len(h.Weights) {
		cfg.Sharding.Weight = h.Weights[number-1]
	}
	if number <= len(h.Zones) {
		cfg.Sharding.Zone = h.Zones[number-1]
	}
}

// Address is where a node serves.
func Address(number int) string { return fmt.Sprintf("node-%d:1", number) }

func limits(s *plan.Settings) machine.Limits {
	l := machine.DefaultLimits()
	l.SessionTTL, l.SessionWindow, l.MaxSessions = s.SessionTTL, s.SessionWindow, s.MaxSessions
	return l
}
