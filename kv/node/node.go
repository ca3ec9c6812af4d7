package node

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
)

// Node is one node. It implements env.Program.
type Node struct {
	cfg  Config
	host env.Host
	deps Deps

	// replicas is ascending in group id.
	replicas []*replica.Replica
	commit   groupCommit

	// armed is the instant the host was last asked to call Tick at.
	armed   env.Instant
	started env.Instant
	// rejected counts payloads that were dropped unread (NODE-4).
	rejected uint64
	stopped  bool
	failure  error
}

var _ env.Program = (*Node)(nil)

// New starts a node from what recovery found in its log and engine. Its first
// Turn must follow.
func New(cfg Config, deps Deps) (*Node, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, host: deps.Host, deps: deps, armed: env.Never, started: deps.Host.Now()}
	n.commit.init(n)
	restored := raft.Restored{}
	for i := range deps.Recovery.Groups {
		g := &deps.Recovery.Groups[i]
		if g.Group != TheGroup {
			return nil, fmt.Errorf("the log holds partition %d, which this version does not know: start the version that wrote it", g.Group)
		}
		restored = g.Restored
	}
	m, err := machine.Open(TheGroup, deps.Engine, cfg.Limits)
	if err != nil {
		return nil, fmt.Errorf("partition %d: opening its state: %w", TheGroup, err)
	}
	r, err := replica.New(cfg.replicaConfig(deps.Seed), restored, m, deps.Log, n, n.started)
	if err != nil {
		return nil, err
	}
	n.replicas = []*replica.Replica{r}
	return n, nil
}

// Replica returns the replica of a group, nil if there is none here. Group 0 stands
// for the only one.
func (n *Node) Replica(g raft.GroupID) *replica.Replica {
	for _, r := range n.replicas {
		if r.Group() == g || g == 0 {
			return r
		}
	}
	return nil
}

// ID is the node's id.
func (n *Node) ID() env.NodeID { return n.cfg.ID }

// Failed is why the node stopped serving by itself; nil while it serves.
func (n *Node) Failed() error { return n.failure }

// Stop refuses all further requests and messages and ends the pending ones honestly.
func (n *Node) Stop() {
	n.stopped = true
	for _, r := range n.replicas {
		r.Stop()
	}
}

// Fail stops the node because it cannot keep its promises any longer (NODE-2).
func (n *Node) Fail(err error) {
	if n.failure != nil {
		return
	}
	n.failure = err
	n.Stop()
}

// Receive hands in one payload from another node.
func (n *Node) Receive(from env.NodeID, payload []byte) {
	if n.stopped {
		return
	}
	d, err := decode(payload)
	if err != nil {
		n.rejected++
		return
	}
	group := d.raft.Group
	if d.kind == kindHash {
		group = d.hash.group
	}
	r := n.Replica(group)
	if r == nil || group == 0 {
		n.rejected++
		return
	}
	switch d.kind {
	case kindRaft:
		if d.raft.From != raft.ReplicaID(from) {
			n.rejected++
			return
		}
		r.Receive(n.host.Now(), d.raft)
	case kindHash:
		r.PeerHash(raft.ReplicaID(from), d.hash.index, d.hash.hash)
	}
}

// Tick lets time pass.
func (n *Node) Tick() {
	n.armed = env.Never
	if n.stopped {
		return
	}
	now := n.host.Now()
	for _, r := range n.replicas {
		if r.Deadline() <= now {
			r.Tick(now)
		}
	}
}

// Turn ends a turn of the event loop.
func (n *Node) Turn() {
	if n.stopped {
		return
	}
	now := n.host.Now()
	deadline := env.Never
	for _, r := range n.replicas {
		r.Turn(now)
		deadline = min(deadline, r.Deadline())
	}
	if n.stopped {
		return
	}
	n.commit.start()
	// A deadline that moved back is met by the Tick that is already due earlier;
	// so leader contact, which only pushes deadlines back, costs no timer.
	if deadline < n.armed {
		n.armed = deadline
		n.host.Arm(deadline)
	}
}

// Send implements replica.Node.
func (n *Node) Send(m *raft.Message) {
	if n.stopped {
		return
	}
	size := 64
	for i := range m.Entries {
		size += m.Entries[i].Size()
	}
	n.host.Send(env.NodeID(m.To), env.ChannelControl, appendRaft(make([]byte, 0, size), m))
}

// SendHash implements replica.Node.
func (n *Node) SendHash(g raft.GroupID, index, hash uint64) {
	if n.stopped {
		return
	}
	for _, m := range n.cfg.Members {
		if m.ID != n.cfg.ID {
			n.host.Send(m.ID, env.ChannelControl, appendHash(nil, hashReport{group: g, index: index, hash: hash}))
		}
	}
}

// Submit implements replica.Node.
func (n *Node) Submit(lane env.Lane, job env.Job) { n.host.Submit(lane, job) }
