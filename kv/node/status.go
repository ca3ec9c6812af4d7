package node

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/replica"
)

// Status tells what the node knows of itself and its groups.
func (n *Node) Status() *kvpb.NodeStatus {
	s := &kvpb.NodeStatus{
		Node: uint64(n.cfg.ID), Cluster: n.cfg.Cluster, ClusterName: n.cfg.ClusterName, Version: n.cfg.Version,
		UptimeMs: uint64(n.host.Now().Sub(n.started) / time.Millisecond),
	}
	if n.failure != nil {
		s.Failure = n.failure.Error()
	}
	for _, m := range n.cfg.Members {
		s.Members = append(s.Members, &kvpb.Member{
			Node: uint64(m.ID), PeerAddress: m.PeerAddress, ClientAddress: m.ClientAddress,
		})
	}
	for _, r := range n.replicas {
		s.Groups = append(s.Groups, groupStatus(r))
	}
	return s
}

func groupStatus(r *replica.Replica) *kvpb.GroupStatus {
	st := r.Raft().Status()
	applied, hash := r.Applied()
	g := &kvpb.GroupStatus{
		Group: uint64(r.Group()), Role: st.Role.String(), Term: st.Term, LeaderNode: uint64(st.Leader),
		Commit: st.Commit, Applied: applied, Durable: st.Durable, Last: st.LastIndex,
		Hash: hash, Sessions: uint64(r.Sessions()),
	}
	for _, v := range r.Raft().Voters() {
		g.Voters = append(g.Voters, uint64(v))
	}
	for _, p := range st.Peers {
		g.Peers = append(g.Peers, &kvpb.PeerProgress{
			Node: uint64(p.ID), State: p.State.String(), Match: p.Match, Next: p.Next,
			Inflight: uint64(p.Inflight),
		})
	}
	return g
}
