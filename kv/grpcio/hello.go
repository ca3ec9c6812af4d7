package grpcio

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Protocol is the version of the messages between nodes.
const Protocol = 1

// greeting is the Hello this node opens a stream to another one with.
func (p *Peers) greeting(to env.NodeID) *kvpb.Hello {
	return &kvpb.Hello{
		Protocol: Protocol, Cluster: p.cfg.Cluster, From: uint64(p.cfg.Self), To: uint64(to), MembersHash: p.membersHash,
	}
}

// membersHash is the fingerprint of a member list in a Hello, whatever the order of
// the list; 0 is that of no list.
func membersHash(members []env.NodeID) uint64 {
	if len(members) == 0 {
		return 0
	}
	members = slices.Sorted(slices.Values(members))
	buf := make([]byte, 0, 8*len(members))
	for _, id := range members {
		buf = binary.BigEndian.AppendUint64(buf, uint64(id))
	}
	// 0 is taken.
	return max(xxhash.Sum64(buf), 1)
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
		return fmt.Sprintf("node %d is not in the member list of node %d: all nodes must be started with the same --peers", h.From, p.cfg.Self)
	case h.MembersHash != 0 && p.membersHash != 0 && h.MembersHash != p.membersHash:
		// Nodes that count different majorities could elect two leaders.
		return fmt.Sprintf("the member list of node %d has other node ids than that of node %d, which has %s: "+
			"all nodes must be started with the same --peers", h.From, p.cfg.Self, listIDs(p.cfg.Members))
	}
	return ""
}

// listIDs writes a member list for a person.
func listIDs(members []env.NodeID) string {
	var text []string
	for _, id := range slices.Sorted(slices.Values(members)) {
		text = append(text, fmt.Sprint(id))
	}
	return strings.Join(text, ", ")
}
