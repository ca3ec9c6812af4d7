package cluster

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/boot"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/placement"
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
	// Answering is called before a node tells a client that the write in the group's entry
	// at index is applied.
	Answering(m *Member, group raft.GroupID, index uint64)
	// Sending is called before a node's message leaves it.
	Sending(m *Member, to env.NodeID, channel env.Channel, payload []byte)
	// Reading is called when a linearizable read of a group reaches a node, and what it returns when the
	// node answers it.
	Reading(m *Member, group raft.GroupID) (served func())
}

// Cluster is the nodes of one world.
type Cluster struct {
	World   *netsim.World
	plan    *plan.Plan
	watcher Watcher
	// members are the nodes' current or last incarnations, by number minus 1.
	members []*Member
	procs   []*netsim.Process
	// wiped are the nodes that lost their disk since they last started.
	wiped map[int]bool
	// quirked counts the quirks that happened.
	quirked map[Quirk]int64
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
	data        *boot.Data
	outbox      []clientReplies
}

// New adds the plan's nodes to a world, the spare ones behind the others; they are down.
func New(w *netsim.World, p *plan.Plan, watcher Watcher) *Cluster {
	size := p.Nodes + p.Spares
	c := &Cluster{World: w, plan: p, watcher: watcher, members: make([]*Member, size), wiped: make(map[int]bool), quirked: make(map[Quirk]int64)}
	for i := 1; i <= size; i++ {
		number := i
		c.procs = append(c.procs, w.AddProcess(env.NodeID(i), func(h env.Host, disk *netsim.Disk) (env.Program, error) {
			return c.boot(number, h, disk)
		}))
		if busy := p.Quirks.LoopBusy; busy > 0 {
			c.procs[i-1].SlowLoop(busy)
		}
	}
	return c
}

// Start starts all nodes; in a cluster with partitions the founders, the others when they join.
func (c *Cluster) Start() error {
	for i, p := range c.procs {
		if c.plan.Sharded() && i >= c.plan.Nodes {
			break
		}
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

// Leader is the number of the node that leads in the highest term, 0 if none does. In a cluster with partitions it is
// that of the metadata group.
func (c *Cluster) Leader() int {
	if c.plan.Sharded() {
		return c.LeaderOf(placement.MetaGroup)
	}
	return c.LeaderOf(node.TheGroup)
}

// LeaderOf is the number of the node that leads a group in the highest term, 0 if none does.
func (c *Cluster) LeaderOf(group raft.GroupID) int {
	leader, term := 0, uint64(0)
	for i := range c.members {
		m := c.Alive(i + 1)
		if m == nil || m.Replica(group) == nil || m.Replica(group).Stopped() {
			continue
		}
		if r := m.Replica(group).Raft(); r.Role() == raft.Leader && r.Term() > term {
			leader, term = i+1, r.Term()
		}
	}
	return leader
}

// Groups are those that the plan's cluster has, the metadata group first.
func (c *Cluster) Groups() []raft.GroupID { return GroupsOf(c.plan) }

// GroupsOf are the groups of a plan's cluster, the metadata group first.
func GroupsOf(p *plan.Plan) []raft.GroupID {
	if !p.Sharded() {
		return []raft.GroupID{node.TheGroup}
	}
	groups := []raft.GroupID{placement.MetaGroup}
	for g := 1; g <= p.Sharding.Partitions; g++ {
		groups = append(groups, raft.GroupID(g))
	}
	return groups
}

// Plan is the plan that the cluster is of.
func (c *Cluster) Plan() *plan.Plan { return c.plan }

// Size is the number of nodes, spare ones included.
func (c *Cluster) Size() int { return len(c.procs) }

// Store is the number of the log that a running node has, 0 if it does not run.
func (c *Cluster) Store(number int) uint64 {
	if m := c.Alive(number); m != nil {
		return m.data.Recovery.Store
	}
	return 0
}
