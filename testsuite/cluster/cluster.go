package cluster

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// clusterID is the identity of every simulated cluster.
const clusterID = 0x484f4c44

// tailBytes is how much of its log a restarted node has in memory at once.
const tailBytes = 4 << 10

// Watcher sees what nodes do.
type Watcher interface {
	// Recovered is called after a node started from its disk, before its first turn.
	Recovered(m *Member)
	// AfterTurn is called after each turn of a node.
	AfterTurn(m *Member)
	// Answering is called before a node tells a client that the write in the entry
	// at index is applied.
	Answering(m *Member, client env.NodeID, index uint64)
	// Sending is called before a node's message leaves it.
	Sending(m *Member, to env.NodeID, payload []byte)
}

// Cluster is the nodes of one world.
type Cluster struct {
	World   *netsim.World
	plan    *plan.Plan
	watcher Watcher
	// members are the nodes' current or last incarnations, by number minus 1.
	members []*Member
	procs   []*netsim.Process
}

// Member is one incarnation of a node. It is the program that netsim drives.
type Member struct {
	*node.Node
	// Number is the node's number and id.
	Number  int
	Process *netsim.Process
	// Incarnation counts the node's starts from 1.
	Incarnation uint64
	cluster     *Cluster
	log         *wal.Log
	outbox      []clientReplies
}

// New adds the plan's nodes to a world; they are down.
func New(w *netsim.World, p *plan.Plan, watcher Watcher) *Cluster {
	c := &Cluster{World: w, plan: p, watcher: watcher, members: make([]*Member, p.Nodes)}
	for i := 1; i <= p.Nodes; i++ {
		number := i
		c.procs = append(c.procs, w.AddProcess(env.NodeID(i), func(h env.Host, disk *netsim.Disk) (env.Program, error) {
			return c.boot(number, h, disk)
		}))
	}
	return c
}

// Start starts all nodes.
func (c *Cluster) Start() error {
	for _, p := range c.procs {
		if err := p.Start(); err != nil {
			return fmt.Errorf("node %d: %w", p.ID(), err)
		}
	}
	return nil
}

// Process is the machine of a node.
func (c *Cluster) Process(number int) *netsim.Process { return c.procs[number-1] }

// Member is the current or last incarnation of a node, nil before its first start.
func (c *Cluster) Member(number int) *Member { return c.members[number-1] }

// Alive is the incarnation of a node that runs and serves, or nil.
func (c *Cluster) Alive(number int) *Member {
	m := c.members[number-1]
	if m == nil || !c.procs[number-1].Alive() || m.Failed() != nil {
		return nil
	}
	return m
}

// Leader is the number of the node that leads in the highest term, 0 if none does.
func (c *Cluster) Leader() int {
	leader, term := 0, uint64(0)
	for i := range c.members {
		m := c.Alive(i + 1)
		if m == nil {
			continue
		}
		if r := m.Replica(node.TheGroup).Raft(); r.Role() == raft.Leader && r.Term() > term {
			leader, term = i+1, r.Term()
		}
	}
	return leader
}

// boot starts one incarnation (CLU-1).
func (c *Cluster) boot(number int, h env.Host, disk *netsim.Disk) (env.Program, error) {
	s := &c.plan.Settings
	log, recovery, err := wal.Open(wal.Options{
		FS: disk, Dir: "wal", SegmentBytes: s.SegmentBytes,
		Cluster: clusterID, Node: env.NodeID(number), TailBytes: min(s.MaxCacheBytes, tailBytes),
	})
	if err != nil {
		return nil, err
	}
	engine, err := storage.OpenMemory(disk, "engine", storage.MemoryOptions{FlushEvery: s.FlushEvery})
	if err != nil {
		return nil, err
	}
	proc := c.procs[number-1]
	m := &Member{Number: number, Process: proc, Incarnation: proc.Incarnation(), cluster: c, log: log}
	m.Node, err = node.New(c.config(number), node.Deps{
		Host: &host{Host: h, member: m}, Log: log, Recovery: recovery, Engine: engine,
		Seed: netsim.Derive(c.plan.Seed, "node", uint64(number), proc.Incarnation()),
	})
	if err != nil {
		return nil, err
	}
	c.members[number-1] = m
	c.watcher.Recovered(m)
	return m, nil
}

func (c *Cluster) config(number int) node.Config {
	s := &c.plan.Settings
	cfg := node.DefaultConfig()
	cfg.ID, cfg.Cluster, cfg.ClusterName = env.NodeID(number), clusterID, "simulation"
	for i := 1; i <= c.plan.Nodes; i++ {
		cfg.Members = append(cfg.Members, node.Member{ID: env.NodeID(i)})
	}
	cfg.HeartbeatInterval, cfg.ElectionTimeout = s.Heartbeat, s.ElectionTimeout
	cfg.PreVote, cfg.CheckQuorum = !s.NoPreVote, !s.NoCheckQuorum
	cfg.MaxAppendBytes, cfg.MaxInflightAppends = s.MaxAppendBytes, s.MaxInflightAppends
	cfg.MaxUncommittedBytes, cfg.MaxCacheBytes = s.MaxUncommittedBytes, s.MaxCacheBytes
	cfg.MaxApplyBytes = s.MaxApplyBytes
	cfg.Limits = limits(s)
	return cfg
}

func limits(s *plan.Settings) machine.Limits {
	l := machine.DefaultLimits()
	l.SessionTTL, l.SessionWindow, l.MaxSessions = s.SessionTTL, s.SessionWindow, s.MaxSessions
	return l
}
