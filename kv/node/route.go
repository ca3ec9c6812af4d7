package node

import (
	"fmt"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/raft"
)

// route finds the replica that a request is for, and refuses the request if there is none here, or if
// a key is not of that partition: where a key belongs never changes, and a write elsewhere
// would never be found again.
func (n *Node) route(q *request) bool {
	if !n.cfg.sharded() {
		return n.routeToTheGroup(q)
	}
	t := n.agent.table
	if t == nil {
		q.refuse(kvpb.Code_UNAVAILABLE, n.agent.absent())
		return false
	}
	partition := q.req.Partition
	if partition == 0 {
		if len(q.req.Ops) == 0 || q.req.Ops[0] == nil || q.req.Session != 0 {
			q.refuse(kvpb.Code_INVALID, fmt.Sprintf("the request names no partition: the cluster has %d", t.Cluster.Partitions))
			return false
		}
		partition = uint64(hashing.Partition(t.Cluster.Seed, t.Cluster.Partitions, q.req.Ops[0].Key))
	}
	if partition > uint64(t.Cluster.Partitions) {
		q.refuse(kvpb.Code_INVALID, fmt.Sprintf("there is no partition %d: the cluster has %d", partition, t.Cluster.Partitions))
		return false
	}
	for _, op := range q.req.Ops {
		if op == nil {
			continue // checkRequest says so
		}
		if is := hashing.Partition(t.Cluster.Seed, t.Cluster.Partitions, op.Key); uint64(is) != partition {
			q.refuse(kvpb.Code_INVALID, fmt.Sprintf("key %q is of partition %d, not of partition %d: the keys of a request must be of one "+
				"partition, found with the cluster's table", op.Key, is, partition))
			return false
		}
	}
	if q.replica = n.Replica(raft.GroupID(partition)); q.replica == nil || q.replica.Stopped() {
		q.replica = nil
		n.elsewhere(q, raft.GroupID(partition))
		return false
	}
	return true
}

// elsewhere refuses a request for a partition that the node does not have, and says who has it.
func (n *Node) elsewhere(q *request, g raft.GroupID) {
	resp := &kvpb.Response{Code: kvpb.Code_WRONG_PARTITION, Partition: uint64(g), TableVersion: n.agent.version(), Message: n.absent(g)}
	leader := n.agent.leaderOf(g)
	if p := n.agent.table.Partition(uint64(g)); leader == 0 && p != nil {
		leader = env.NodeID(p.Replicas[0])
	}
	if leader != n.cfg.ID {
		resp.LeaderNode, resp.LeaderAddress = uint64(leader), n.addressOfNode(leader)
	}
	q.respond(resp)
}

func (n *Node) routeToTheGroup(q *request) bool {
	if q.replica = n.Replica(raft.GroupID(q.req.Partition)); q.replica != nil {
		return true
	}
	code := kvpb.Code_WRONG_PARTITION
	if q.req.Partition == 0 || raft.GroupID(q.req.Partition) == TheGroup {
		code = kvpb.Code_UNAVAILABLE
	}
	q.refuse(code, n.absent(raft.GroupID(q.req.Partition)))
	return false
}

// answerTable answers with the routing table.
func (n *Node) answerTable(q *request) {
	switch t := n.agent.routingTable(); {
	case !n.cfg.sharded():
		q.respond(&kvpb.Response{Code: kvpb.Code_OK, Table: &kvpb.RoutingTable{}})
	case t == nil:
		q.refuse(kvpb.Code_UNAVAILABLE, n.agent.absent())
	default:
		q.respond(&kvpb.Response{Code: kvpb.Code_OK, Table: t})
	}
}
