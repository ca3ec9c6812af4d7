package node

import (
	"errors"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/raft"
)

// ManageNode changes what a node of the cluster is to hold, and answers when that is recorded. It is safe to
// ask again.
func (n *Node) ManageNode(req *kvpb.ManageNodeRequest, reply func(*kvpb.ManageNodeResponse)) {
	resp := &kvpb.ManageNodeResponse{}
	switch d := &n.agent.drive; {
	case n.stopped:
		resp.Code, resp.Message = kvpb.Code_UNAVAILABLE, n.stopMessage()
	case !n.cfg.sharded():
		resp.Code, resp.Message = kvpb.Code_INVALID, "this cluster has no partitions: change its members with `holdfast cluster add` and `remove`"
	case d.driver == nil || d.records == nil:
		resp.Code, resp.Message = kvpb.Code_NOT_LEADER, errNotDriver.Error()
		resp.LeaderNode, resp.LeaderAddress = n.driverHint()
	default:
		d.want(wish{decide: n.managed(req), done: func(err error) {
			resp.Code = kvpb.Code_OK
			switch {
			case err == nil:
			case errors.Is(err, placement.ErrRefused):
				resp.Code, resp.Message = kvpb.Code_INVALID, err.Error()
			case errors.Is(err, errNotDriver):
				resp.Code, resp.Message = kvpb.Code_NOT_LEADER, err.Error()
				resp.LeaderNode, resp.LeaderAddress = n.driverHint()
			default:
				resp.Code, resp.Message = kvpb.Code_OVERLOADED, err.Error()
			}
			reply(resp)
		}})
		return
	}
	reply(resp)
}

// managed is the command that a request stands for.
func (n *Node) managed(req *kvpb.ManageNodeRequest) func(*placement.State) (placement.Txn, error) {
	return func(s *placement.State) (placement.Txn, error) {
		switch req.Action {
		case kvpb.NodeAction_DRAIN:
			return placement.Drain(s, req.Node)
		case kvpb.NodeAction_UNDRAIN:
			return placement.Undrain(s, req.Node)
		case kvpb.NodeAction_RETIRE:
			return placement.Remove(s, req.Node, req.Force, n.agent.drive.driver.Evidence(n.host.Now(), s, req.Node))
		case kvpb.NodeAction_SET_WEIGHT:
			return placement.SetWeight(s, req.Node, req.Weight)
		case kvpb.NodeAction_SET_ZONE:
			return placement.SetZone(s, req.Node, req.Zone)
		}
		return placement.Txn{}, errUnknownAction
	}
}

var errUnknownAction = errors.Join(placement.ErrRefused, errors.New("the action is not known: a newer program asked for it"))

// driverHint is where the driver is, as far as this node knows.
func (n *Node) driverHint() (uint64, string) {
	driver := n.agent.leaderOf(placement.MetaGroup)
	if driver == 0 {
		driver = n.agent.driverNode
	}
	if driver == 0 || driver == n.cfg.ID {
		return 0, ""
	}
	return uint64(driver), n.addressOfNode(driver)
}

// Placement tells where partitions are and are to be.
func (n *Node) Placement(_ *kvpb.PlacementRequest, reply func(*kvpb.PlacementResponse)) {
	a := &n.agent
	resp := &kvpb.PlacementResponse{Code: kvpb.Code_UNAVAILABLE}
	resp.LeaderNode, resp.LeaderAddress = n.driverHint()
	switch {
	case n.stopped:
		resp.Message = n.stopMessage()
	case !n.cfg.sharded():
		resp.Message = "this cluster has no partitions: it is one group; see its status"
	case a.table == nil:
		resp.Message = a.absent()
	default:
		resp.Code = kvpb.Code_OK
		a.place(resp)
	}
	reply(resp)
}

// place fills in what the table says, and what the driver knows if it is here.
func (a *agent) place(resp *kvpb.PlacementResponse) {
	t := a.table
	resp.TableVersion, resp.Partitions, resp.Replicas = t.Version, uint32(t.Cluster.Partitions), uint32(t.Cluster.Replicas)
	nodes := map[uint64]*kvpb.PlacedNode{}
	for i := range t.Nodes {
		x := &t.Nodes[i]
		p := &kvpb.PlacedNode{Node: x.ID, Address: x.Address, State: x.State.String(), Weight: x.Weight, Zone: x.Zone, Store: x.Store}
		nodes[x.ID] = p
		resp.Nodes = append(resp.Nodes, p)
	}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		leader := uint64(a.leaderOf(raft.GroupID(p.Group)))
		resp.Groups = append(resp.Groups, &kvpb.PlacedGroup{
			Group: p.Group, Metadata: p.Group == placement.MetaGroup, Epoch: p.Epoch, Wanted: p.Replicas, Leader: leader,
		})
		if p.Group == placement.MetaGroup {
			continue
		}
		for _, id := range p.Replicas {
			nodes[id].Wanted++
		}
		if x := nodes[leader]; x != nil {
			x.Led++
		}
	}
	if a.drive.driver != nil {
		resp.Driver = true
		a.progress(a.node.host.Now(), resp, nodes)
	}
}

// progress fills in what the driver knows.
func (a *agent) progress(now env.Instant, resp *kvpb.PlacementResponse, nodes map[uint64]*kvpb.PlacedNode) {
	progress := a.drive.driver.Progress(now, a.table)
	for i := range progress.Groups {
		g := &progress.Groups[i]
		for _, out := range resp.Groups {
			if out.Group != g.Group {
				continue
			}
			out.Phase, out.Holds, out.BytesDone, out.BytesTotal = g.Phase.String(), g.Voters, g.Done, g.Bytes
			out.Copies = uint32(g.Copies)
			if out.Metadata {
				continue
			}
			for _, id := range g.Voters {
				if x := nodes[id]; x != nil {
					x.Held++
				}
			}
		}
	}
	for i := range progress.Nodes {
		p := &progress.Nodes[i]
		if x := nodes[p.ID]; x != nil {
			x.Alive, x.Dead, x.SilentMs = p.Heard && !p.Dead, p.Dead, uint64(p.Silent/time.Millisecond)
		}
	}
	resp.LeftMs = uint64(max(progress.Left, 0) / time.Millisecond)
}
