package grpcio

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Protocol is the version of the messages between nodes.
const Protocol = 2

// greeting is the Hello this node opens a stream to another one with.
func (p *Peers) greeting(to env.NodeID, channel env.Channel) *kvpb.Hello {
	return &kvpb.Hello{
		Protocol: Protocol, Cluster: p.cfg.Cluster, From: uint64(p.cfg.Self), To: uint64(to),
		Address: p.cfg.Address, Store: p.store.Load(), Channel: uint32(channel), FoundersHash: p.founders.Load(),
	}
}

// SetFounders says which nodes the cluster began with, for the Hellos to come; from any goroutine. A node that
// joined later knows of none and does not call it.
func (p *Peers) SetFounders(ids []env.NodeID) {
	if len(ids) == 0 {
		return
	}
	buf := make([]byte, 0, 8*len(ids))
	for _, id := range slices.Sorted(slices.Values(ids)) {
		buf = binary.BigEndian.AppendUint64(buf, uint64(id))
	}
	// 0 is taken.
	p.founders.Store(max(xxhash.Sum64(buf), 1))
}

// judge says why a Hello is refused; "" accepts it. Who is not known as a peer is accepted: it may be
// joining, or this node has not learned of it yet, and consensus decides what its messages mean.
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
	case h.From == 0 || h.From > 1<<32-1:
		return fmt.Sprintf("you say you are node %d: ids are from 1 to 4294967295", h.From)
	case h.FoundersHash != 0 && p.founders.Load() != 0 && h.FoundersHash != p.founders.Load():
		// They would begin with different configurations and could elect two leaders.
		return fmt.Sprintf("node %d was started for a cluster that begins with other nodes than node %d: all nodes of a new cluster "+
			"must be started with the same ids in --peers", h.From, p.cfg.Self)
	case h.Channel >= uint32(env.NumChannels):
		return fmt.Sprintf("there is no channel %d", h.Channel)
	}
	return ""
}
