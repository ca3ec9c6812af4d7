package grpcio

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Protocol is the version of the messages between nodes.
const Protocol = 1

// greeting is the Hello this node opens a stream to another one with.
func (p *Peers) greeting(to env.NodeID) *kvpb.Hello {
	return &kvpb.Hello{Protocol: Protocol, Cluster: p.cfg.Cluster, From: uint64(p.cfg.Self), To: uint64(to)}
}

// judge says why a Hello is refused; "" accepts it.
func (p *Peers) judge(h *kvpb.Hello) string {
	switch {
	case h == nil:
		return "the stream did not begin with a Hello"
	case h.Protocol != Protocol:
		return fmt.Sprintf("node %d speaks protocol %d, you speak %d: run versions that fit together", p.cfg.Self, Protocol, h.Protocol)
	case h.Cluster != p.cfg.Cluster:
		return fmt.Sprintf("node %d is of cluster %016x, you are of cluster %016x: check the cluster's name and the addresses of the members",
			p.cfg.Self, p.cfg.Cluster, h.Cluster)
	case h.To != uint64(p.cfg.Self):
		return fmt.Sprintf("this is node %d, you asked for node %d: check the addresses of the members", p.cfg.Self, h.To)
	case h.From == uint64(p.cfg.Self):
		return fmt.Sprintf("you say you are node %d, but that is this node: give each node an id of its own", h.From)
	case p.peers[env.NodeID(h.From)] == nil:
		return fmt.Sprintf("node %d is not in the member list of node %d: give all nodes the same list", h.From, p.cfg.Self)
	}
	return ""
}
