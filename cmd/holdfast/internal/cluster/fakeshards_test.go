package cluster

import (
	"context"
	"slices"
	"testing"

	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
)

// fakeShards are the partitions of a fake cluster, whose leader drives the placement. Each time it is asked, one group gets
// on by a step.
type fakeShards struct {
	version  uint64
	replicas int
	nodes    []*kvpb.PlacedNode
	groups   []*kvpb.PlacedGroup
	// managed are the requests that were recorded, as they came.
	managed []*kvpb.ManageNodeRequest
	// refuse says why a request is not recorded, before anything else does.
	refuse func(*kvpb.ManageNodeRequest) string
	// still: nothing gets on.
	still bool
	// asked is called each time that the driver is asked.
	asked func()
}

// newFakeShards is a fake cluster of n nodes with four partitions of up to three copies.
func newFakeShards(t *testing.T, n uint64) *fakeCluster {
	c := newFakeCluster(t, n)
	s := &fakeShards{version: 5, replicas: 3}
	c.shards = s
	for id := uint64(1); id <= n; id++ {
		s.nodes = append(s.nodes, &kvpb.PlacedNode{Node: id, Address: c.nodes[id].address, State: "up", Weight: 100, Alive: true})
	}
	for group := uint64(1); group <= 5; group++ {
		g := &kvpb.PlacedGroup{Group: group, Epoch: 1, Phase: "ok"}
		if group == 5 {
			g.Group, g.Metadata = placement.MetaGroup, true
		}
		for i := range min(3, n) {
			g.Wanted = append(g.Wanted, (group-1+i)%n+1)
		}
		g.Holds, g.Leader = slices.Clone(g.Wanted), g.Wanted[0]
		if g.Metadata {
			g.Leader = c.leader
		}
		s.groups = append(s.groups, g)
	}
	return c
}

func (s *fakeShards) node(id uint64) *kvpb.PlacedNode {
	if i := slices.IndexFunc(s.nodes, func(n *kvpb.PlacedNode) bool { return n.Node == id }); i >= 0 {
		return s.nodes[i]
	}
	return nil
}

// holds tells whether a group is, or is to be, on a node.
func (s *fakeShards) holds(id uint64) bool {
	return slices.ContainsFunc(s.groups, func(g *kvpb.PlacedGroup) bool { return slices.Contains(g.Wanted, id) || slices.Contains(g.Holds, id) })
}

// step has the first group that is not as it is to be get on.
func (s *fakeShards) step() {
	for _, g := range s.groups {
		g.Phase, g.BytesDone, g.BytesTotal, g.Copies = "ok", 0, 0, 0
		for i, id := range g.Wanted {
			if s.node(id).State == "up" {
				continue
			}
			g.Phase, g.BytesDone, g.BytesTotal, g.Copies = "catching up", 1<<20, 4<<20, 1
			if g.Epoch++; !s.replace(g, i) {
				g.Wanted = slices.Delete(g.Wanted, i, i+1)
			}
			return
		}
		if !slices.Equal(g.Holds, g.Wanted) {
			g.Phase = "cleaning"
			g.Holds = slices.Clone(g.Wanted)
			if !g.Metadata {
				g.Leader = g.Holds[0]
			}
			return
		}
	}
}

// replace puts another node in the place of one that is to hold a group, if there is one.
func (s *fakeShards) replace(g *kvpb.PlacedGroup, at int) bool {
	for _, n := range s.nodes {
		if n.State == "up" && !slices.Contains(g.Wanted, n.Node) {
			g.Wanted[at] = n.Node
			return true
		}
	}
	return false
}

func (s *fakeShards) manage(req *kvpb.ManageNodeRequest) string {
	if s.refuse != nil {
		if why := s.refuse(req); why != "" {
			return why
		}
	}
	n := s.node(req.Node)
	switch {
	case n == nil:
		return "refused: there is no node of that id"
	case req.Action == kvpb.NodeAction_RETIRE && n.State == "removed":
		return ""
	case n.State == "removed":
		return "refused: the node was removed"
	case req.Action == kvpb.NodeAction_RETIRE && req.Force && n.Alive:
		return "refused: the node is not known to be dead"
	case req.Action == kvpb.NodeAction_RETIRE && !req.Force && (n.State != "draining" || s.holds(req.Node)):
		return "refused: the node is in use: drain it first"
	}
	s.managed = append(s.managed, req)
	switch req.Action {
	case kvpb.NodeAction_DRAIN:
		n.State = "draining"
	case kvpb.NodeAction_UNDRAIN:
		n.State = "up"
	case kvpb.NodeAction_RETIRE:
		n.State, n.Address = "removed", ""
	case kvpb.NodeAction_SET_WEIGHT:
		n.Weight = req.Weight
	case kvpb.NodeAction_SET_ZONE:
		n.Zone = req.Zone
	}
	s.version++
	return ""
}

func (n *fakeNode) ManageNode(_ context.Context, req *kvpb.ManageNodeRequest) (*kvpb.ManageNodeResponse, error) {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if node, address, elsewhere := n.where(); elsewhere {
		return &kvpb.ManageNodeResponse{Code: kvpb.Code_NOT_LEADER, LeaderNode: node, LeaderAddress: address}, nil
	}
	n.c.asks++
	if why := n.c.shards.manage(req); why != "" {
		return &kvpb.ManageNodeResponse{Code: kvpb.Code_INVALID, Message: why}, nil
	}
	return &kvpb.ManageNodeResponse{Code: kvpb.Code_OK}, nil
}

func (n *fakeNode) Placement(context.Context, *kvpb.PlacementRequest) (*kvpb.PlacementResponse, error) {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	s := n.c.shards
	if n.placement != nil {
		return n.placement, nil
	}
	if s == nil {
		return &kvpb.PlacementResponse{Code: kvpb.Code_UNAVAILABLE, Message: "this cluster has no partitions"}, nil
	}
	resp := &kvpb.PlacementResponse{Code: kvpb.Code_OK, TableVersion: s.version, Partitions: uint32(len(s.groups) - 1), Replicas: uint32(s.replicas)}
	node, address, elsewhere := n.where()
	if resp.LeaderNode, resp.LeaderAddress = node, address; !elsewhere {
		resp.Driver, resp.LeftMs = true, 12_000
		if !s.still {
			s.step()
		}
		if s.asked != nil {
			s.asked()
		}
	}
	for _, g := range s.groups {
		out := &kvpb.PlacedGroup{Group: g.Group, Metadata: g.Metadata, Epoch: g.Epoch, Wanted: slices.Clone(g.Wanted), Leader: g.Leader}
		if resp.Driver {
			out.Holds, out.Phase, out.BytesDone, out.BytesTotal, out.Copies = slices.Clone(g.Holds), g.Phase, g.BytesDone, g.BytesTotal, g.Copies
		}
		resp.Groups = append(resp.Groups, out)
	}
	for _, x := range s.nodes {
		resp.Nodes = append(resp.Nodes, s.counted(x, resp.Driver))
	}
	return resp, nil
}

// counted is a node with what it holds.
func (s *fakeShards) counted(x *kvpb.PlacedNode, driver bool) *kvpb.PlacedNode {
	out := &kvpb.PlacedNode{Node: x.Node, Address: x.Address, State: x.State, Weight: x.Weight, Zone: x.Zone}
	for _, g := range s.groups[:len(s.groups)-1] {
		if slices.Contains(g.Wanted, x.Node) {
			out.Wanted++
		}
		if slices.Contains(g.Holds, x.Node) && driver {
			out.Held++
		}
		if g.Leader == x.Node {
			out.Led++
		}
	}
	if driver {
		out.Alive, out.Dead, out.SilentMs = x.Alive, !x.Alive, x.SilentMs
	}
	return out
}
