package node

import (
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
)

// ChangeMembers brings the membership of a partition a step nearer to what is asked, and
// answers at once whether it is reached. It is safe to ask again.
func (n *Node) ChangeMembers(req *kvpb.ChangeMembersRequest, reply func(*kvpb.ChangeMembersResponse)) {
	resp := &kvpb.ChangeMembersResponse{}
	defer reply(resp)
	r := n.Replica(raft.GroupID(req.Partition))
	if n.stopped || r == nil {
		resp.Code, resp.Message = kvpb.Code_UNAVAILABLE, n.absent(raft.GroupID(req.Partition))
		return
	}
	change, message := memberChange(req)
	if n.cfg.sharded() {
		message = "the members of a partition follow from the nodes of the cluster: nodes join by themselves, and are drained and removed " +
			"with `holdfast cluster drain` and `remove`"
	}
	if message != "" {
		resp.Code, resp.Message = kvpb.Code_INVALID, message
		return
	}
	done, err := n.use(r).Change(n.host.Now(), change)
	resp.Done, resp.ConfigIndex = done, r.Raft().ConfigIndex()
	switch {
	case err == nil:
		resp.Code = kvpb.Code_OK
	case errors.Is(err, raft.ErrNotLeader):
		resp.Code = kvpb.Code_NOT_LEADER
		resp.LeaderNode, resp.LeaderAddress, resp.Message = n.leaderHint(r)
	case errors.Is(err, replica.ErrRefused):
		resp.Code, resp.Message = kvpb.Code_INVALID, err.Error()
	default:
		resp.Code, resp.Message = kvpb.Code_OVERLOADED, err.Error()
	}
}

// memberChange translates a request; message says what is wrong with it.
func memberChange(req *kvpb.ChangeMembersRequest) (ch replica.Change, message string) {
	var node uint64
	switch c := req.Change.(type) {
	case *kvpb.ChangeMembersRequest_Add:
		node = c.Add.Node
		ch = replica.Change{
			Kind: replica.AddNode, Address: c.Add.Address, Store: c.Add.Store, Learner: c.Add.AsLearner,
			Priority: uint8(min(c.Add.Priority, 255)),
		}
	case *kvpb.ChangeMembersRequest_Remove:
		node, ch.Kind = c.Remove.Node, replica.RemoveNode
	case *kvpb.ChangeMembersRequest_Promote:
		node, ch.Kind = c.Promote.Node, replica.PromoteNode
	case *kvpb.ChangeMembersRequest_Demote:
		node, ch.Kind = c.Demote.Node, replica.DemoteNode
	case *kvpb.ChangeMembersRequest_SetPriority:
		node, ch.Kind, ch.Priority = c.SetPriority.Node, replica.SetPriority, uint8(min(c.SetPriority.Priority, 255))
	default:
		return ch, "the request names no change"
	}
	ch.Node = env.NodeID(node)
	if node == 0 || node > maxNodeID {
		return ch, fmt.Sprintf("node %d is not a node id: they are 1 to %d", node, uint64(maxNodeID))
	}
	return ch, ""
}

// TransferLeader asks for another leader of a partition. It answers when there is one, or when the
// attempt was given up.
func (n *Node) TransferLeader(req *kvpb.TransferLeaderRequest, reply func(*kvpb.TransferLeaderResponse)) {
	r := n.Replica(raft.GroupID(req.Partition))
	if n.stopped || r == nil {
		reply(&kvpb.TransferLeaderResponse{Code: kvpb.Code_UNAVAILABLE, Message: n.absent(raft.GroupID(req.Partition))})
		return
	}
	now := n.host.Now()
	if r.Raft().Role() == raft.Leader && req.ToNode == uint64(n.cfg.ID) {
		reply(&kvpb.TransferLeaderResponse{Code: kvpb.Code_OK, LeaderNode: req.ToNode, LeaderAddress: n.addressOf(r, r.ID())})
		return
	}
	if len(n.transfers) >= maxTransfers {
		reply(&kvpb.TransferLeaderResponse{Code: kvpb.Code_OVERLOADED, Message: "too many wait for another leader already; try again"})
		return
	}
	resp := &kvpb.TransferLeaderResponse{LeaderNode: r.Raft().Leader().Node()}
	switch err := n.use(r).Transfer(now, env.NodeID(req.ToNode)); {
	case err == nil:
		until := now.Add(handOverPatience * n.cfg.ElectionTimeout)
		n.transfers = append(n.transfers, pendingTransfer{replica: r, to: env.NodeID(req.ToNode), reply: reply, until: until})
		return
	case errors.Is(err, raft.ErrNotLeader):
		resp.Code = kvpb.Code_NOT_LEADER
		resp.LeaderNode, resp.LeaderAddress, resp.Message = n.leaderHint(r)
	case errors.Is(err, raft.ErrTransferring):
		resp.Code, resp.Message = kvpb.Code_OVERLOADED, err.Error()
	default:
		resp.Code, resp.Message = kvpb.Code_INVALID, err.Error()
	}
	reply(resp)
}

// HandOver gives away what this node leads and calls done when it leads nothing any more, or
// when that could not be had within a few election timeouts.
func (n *Node) HandOver(done func()) {
	now := n.host.Now()
	waiting := false
	for r := range n.Replicas() {
		waiting = n.use(r).HandOver(now) || waiting
	}
	if n.stopped || !waiting {
		done()
		return
	}
	n.handOver = append(n.handOver, handOver{done: done, until: now.Add(handOverPatience * n.cfg.ElectionTimeout)})
}

// handOverPatience times ElectionTimeout is how long a node that stops waits for another leader.
const handOverPatience = 4

type handOver struct {
	done  func()
	until env.Instant
}

// settleHandOver ends the wait of those who asked for a hand-over, if it is over. It returns when to
// look again at the latest.
func (n *Node) settleHandOver(now env.Instant) env.Instant {
	next := env.Never
	if len(n.handOver) == 0 {
		return next
	}
	leads := false
	for r := range n.Replicas() {
		leads = leads || r.Raft().Role() == raft.Leader
	}
	rest := n.handOver[:0]
	for _, h := range n.handOver {
		if leads && now < h.until {
			rest = append(rest, h)
			next = min(next, h.until)
			continue
		}
		h.done()
	}
	clear(n.handOver[len(rest):])
	n.handOver = rest
	return next
}

// leaderHint tells where to go instead.
func (n *Node) leaderHint(r *replica.Replica) (node uint64, address, message string) {
	leader := r.Raft().Leader()
	if leader == 0 || leader == r.ID() {
		return 0, "", fmt.Sprintf("node %d does not know a leader of partition %d at the moment: try again", n.cfg.ID, r.Group())
	}
	address = n.addressOf(r, leader)
	return leader.Node(), address, fmt.Sprintf("node %d does not lead partition %d, node %d at %s does", n.cfg.ID, r.Group(), leader.Node(), address)
}

// absent says for people why a partition is not served here.
func (n *Node) absent(g raft.GroupID) string {
	switch {
	case n.stopped:
		return n.stopMessage()
	case g != 0 && (n.cfg.sharded() || g != TheGroup):
		return fmt.Sprintf("node %d has no replica of partition %d", n.cfg.ID, g)
	case n.cfg.Start == StartRejoin:
		return fmt.Sprintf("node %d lost its data and waits for the other nodes to take it back", n.cfg.ID)
	}
	return fmt.Sprintf("node %d is not a member of the cluster yet: add it with \"holdfast cluster add\"", n.cfg.ID)
}
