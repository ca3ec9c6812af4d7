package node

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
)

// rejoinPause lies between two requests of a node that lost its data.
const rejoinPause = time.Second

// OnMembersChanged has fn told the addresses of the other members: now, and whenever they change.
func (n *Node) OnMembersChanged(fn func(map[env.NodeID]string)) {
	n.setPeers = fn
	n.tellPeers()
	for r := range n.Replicas() {
		n.ConfigChanged(r)
	}
}

// tellPeers tells the transport where the nodes are that the table names.
func (n *Node) tellPeers() {
	if n.setPeers == nil || !n.cfg.sharded() {
		return
	}
	peers := n.agent.addresses()
	delete(peers, n.cfg.ID)
	n.setPeers(peers)
}

// ConfigChanged implements replica.Node: the transport learns where the members are, unless the table says
// so.
func (n *Node) ConfigChanged(r *replica.Replica) {
	if n.cfg.sharded() {
		return
	}
	config := r.Raft().Configuration()
	if len(config.Members) == 0 || n.setPeers == nil {
		return
	}
	peers := make(map[env.NodeID]string, len(config.Members))
	for i := range config.Members {
		m := &config.Members[i]
		if node := env.NodeID(raft.ReplicaID(m.ID).Node()); node != n.cfg.ID {
			peers[node] = n.addressOf(r, raft.ReplicaID(m.ID))
		}
	}
	n.setPeers(peers)
}

// addressOf is where the replica's node is, "" if that is not known.
func (n *Node) addressOf(r *replica.Replica, id raft.ReplicaID) string {
	config := r.Raft().Configuration()
	if m, ok := config.Member(uint64(id)); ok && m.Info != "" {
		return m.Info
	}
	return n.addressOfNode(env.NodeID(id.Node()))
}

// addressOfNode is where a node is, "" if that is not known.
func (n *Node) addressOfNode(id env.NodeID) string {
	if t := n.agent.table; t != nil {
		if x := t.Node(uint64(id)); x != nil {
			return x.Address
		}
	}
	return n.configured(id)
}

// configured is the address of a node that this one was started with.
func (n *Node) configured(id env.NodeID) string {
	for i := range n.cfg.Members {
		if m := &n.cfg.Members[i]; m.ID == id {
			return m.ClientAddress
		}
	}
	return ""
}

// writeAddresses has a leader put into the configuration the addresses that are missing there, as in
// a new cluster's: a node that is added later learns them only so.
func (n *Node) writeAddresses(now env.Instant, r *replica.Replica) {
	if now < n.addressNext || r.Raft().Role() != raft.Leader || n.cfg.sharded() {
		return
	}
	n.addressNext = now.Add(rejoinPause)
	r.SetAddresses(now, n.configured)
}

// askBack has a node that lost its data ask the others to replace its replica by a new
// one, until they have done so for good.
func (n *Node) askBack(now env.Instant) {
	if now < n.askNext {
		return
	}
	n.askNext = now.Add(rejoinPause)
	for i := range n.cfg.Members {
		if m := &n.cfg.Members[i]; m.ID != n.cfg.ID {
			n.askNode(m.ID)
		}
	}
}

// askNode asks one node for a replica in the log that this node has. In a cluster with partitions that
// is one of the metadata group: the configuration that it begins with names no logs, so the table does not tell its
// leader whether a founder lost the one that it began in.
func (n *Node) askNode(id env.NodeID) {
	group := TheGroup
	if n.cfg.sharded() {
		group = placement.MetaGroup
	}
	n.host.Send(id, env.ChannelControl, appendRejoin(nil, rejoin{
		group: group, node: n.cfg.ID, store: n.deps.Recovery.Store, address: n.cfg.Address,
	}))
}

// correctStore answers a leader that has added a replica of this node for a log which is not here: it was lost, or
// another one took its place, before the replica came to be. The leader replaces it by one for the log that is
// here, or would wait for it for ever (NODE-9).
func (n *Node) correctStore(now env.Instant, from env.NodeID, m *raft.Message) {
	mine := !n.cfg.sharded() && m.Group == TheGroup && env.NodeID(m.To.Node()) == n.cfg.ID
	if !mine || m.Join == 0 || m.Join == n.deps.Recovery.Store || now < n.askNext {
		return
	}
	if r := n.Replica(m.Group); r != nil && m.To.Generation() <= r.ID().Generation() {
		return
	}
	n.askNext = now.Add(rejoinPause)
	n.askNode(from)
}
