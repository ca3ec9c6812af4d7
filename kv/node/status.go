package node

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// Status tells what the node knows of itself and its groups.
func (n *Node) Status() *kvpb.NodeStatus {
	s := &kvpb.NodeStatus{
		Node: uint64(n.cfg.ID), Cluster: n.cfg.Cluster, ClusterName: n.cfg.ClusterName, Version: n.cfg.Version,
		UptimeMs: uint64(n.host.Now().Sub(n.started) / time.Millisecond), Store: n.deps.Recovery.Store,
	}
	if n.failure != nil {
		s.Failure = n.failure.Error()
	}
	if n.Rejoining() {
		s.Health, s.HealthReason = kvpb.Health_REJOINING, n.cfg.Damage
	}
	s.Members = n.members()
	s.Sharded, s.TableVersion, s.Refused = n.cfg.sharded(), n.agent.version(), n.agent.refused
	for r := range n.Replicas() {
		s.Groups = append(s.Groups, n.groupStatus(r))
	}
	return s
}

// members are those of the configuration, or, where there is none, the nodes known at the start.
func (n *Node) members() (members []*kvpb.Member) {
	if n.cfg.sharded() {
		return n.agent.members()
	}
	if r := n.Replica(TheGroup); r != nil {
		for _, m := range r.Raft().Configuration().Members {
			address := n.addressOf(r, raft.ReplicaID(m.ID))
			members = append(members, &kvpb.Member{
				Node: raft.ReplicaID(m.ID).Node(), PeerAddress: address, ClientAddress: address,
			})
		}
	}
	if len(members) > 0 {
		return members
	}
	for _, m := range n.cfg.Members {
		members = append(members, &kvpb.Member{
			Node: uint64(m.ID), PeerAddress: m.PeerAddress, ClientAddress: m.ClientAddress,
		})
	}
	return members
}

func (n *Node) groupStatus(r *replica.Replica) *kvpb.GroupStatus {
	core := r.Raft()
	st := core.Status()
	config := core.Configuration()
	applied, hash := r.Applied()
	g := &kvpb.GroupStatus{
		Group: uint64(r.Group()), Role: st.Role.String(), Term: st.Term, LeaderNode: st.Leader.Node(),
		Commit: st.Commit, Applied: applied, Durable: st.Durable, Last: st.LastIndex,
		Hash: hash, Sessions: uint64(r.Sessions()), ConfigIndex: core.ConfigIndex(), Joint: config.Joint(),
		TransferringTo: core.Transferring().Node(), SnapIndex: core.FirstIndex() - 1, First: core.FirstIndex(),
		LogBytes: uint64(r.LogBytes()), Lease: st.Lease, Removed: st.Removed, Replica: uint64(r.ID()), Generation: config.Generation,
	}
	for i := range config.Members {
		m := groupMember(&config.Members[i])
		g.Configuration = append(g.Configuration, m)
		if m.Role != kvpb.MemberRole_LEARNER {
			g.Voters = append(g.Voters, m.Node)
		}
	}
	for _, p := range st.Peers {
		g.Peers = append(g.Peers, &kvpb.PeerProgress{
			Node: p.ID.Node(), Replica: uint64(p.ID), State: p.State.String(), Match: p.Match, Next: p.Next,
			Inflight: uint64(p.Inflight), SinceHeardMs: uint64(p.SinceHeard / time.Millisecond),
			NeedsSnapshot: p.NeedsSnapshot, CaughtUp: core.CaughtUp(p.ID),
		})
	}
	for _, t := range r.Transfers() {
		g.Snapshots = append(g.Snapshots, &kvpb.SnapshotProgress{
			Peer: t.Peer.Node(), Sending: t.Sending, Index: t.Mark.Index, Term: t.Mark.Term, Bytes: t.Bytes, Chunks: t.Chunks,
			Resumed: t.Resumed,
		})
	}
	return g
}

func groupMember(m *confchange.Member) *kvpb.GroupMember {
	id := raft.ReplicaID(m.ID)
	out := &kvpb.GroupMember{
		Node: id.Node(), Replica: m.ID, Generation: id.Generation(), Address: m.Info, Role: kvpb.MemberRole_VOTER,
		Promote: m.Promote, Priority: uint32(m.Priority), Store: m.Store, AlsoOutgoing: m.Voter && m.Outgoing,
		ThenLearner: m.Outgoing && m.Learner,
	}
	switch {
	case m.Voter:
	case m.Outgoing:
		out.Role = kvpb.MemberRole_OUTGOING
	default:
		out.Role = kvpb.MemberRole_LEARNER
	}
	return out
}

// pendingTransfer is an operator who waits for another leader.
type pendingTransfer struct {
	replica *replica.Replica
	// to is the node that was asked for, 0 for any.
	to    env.NodeID
	reply func(*kvpb.TransferLeaderResponse)
	until env.Instant
}

// maxTransfers bounds the operators who wait for another leader.
const maxTransfers = 64

// settleTransfers answers the operators whose transfer has ended, well or not. It returns when
// to look again at the latest.
func (n *Node) settleTransfers(now env.Instant) env.Instant {
	next := env.Never
	rest := n.transfers[:0]
	for _, t := range n.transfers {
		core := t.replica.Raft()
		leader := core.Leader()
		switch {
		case core.Role() != raft.Leader && leader != 0 && (t.to == 0 || env.NodeID(leader.Node()) == t.to):
			t.reply(&kvpb.TransferLeaderResponse{
				Code: kvpb.Code_OK, LeaderNode: leader.Node(), LeaderAddress: n.addressOf(t.replica, leader),
			})
		case core.Role() != raft.Leader && leader != 0:
			t.reply(&kvpb.TransferLeaderResponse{
				Code: kvpb.Code_UNAVAILABLE, LeaderNode: leader.Node(), LeaderAddress: n.addressOf(t.replica, leader),
				Message: fmt.Sprintf("node %d took over instead; try again", leader.Node()),
			})
		case core.Role() == raft.Leader && core.Transferring() == 0, now >= t.until, n.stopped, t.replica.Stopped():
			t.reply(&kvpb.TransferLeaderResponse{
				Code: kvpb.Code_UNAVAILABLE, Message: "the transfer was given up: the other node did not take over in time; try again",
			})
		default:
			rest = append(rest, t)
			next = min(next, t.until)
		}
	}
	clear(n.transfers[len(rest):])
	n.transfers = rest
	return next
}
