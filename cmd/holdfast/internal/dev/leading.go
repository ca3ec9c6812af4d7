package dev

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// HandOver asks the leader of a cluster of one group to hand over to a node, 0 for the best of the others.
func (c *Cluster) HandOver(ctx context.Context, from, to env.NodeID) (*kvpb.TransferLeaderResponse, error) {
	conn, err := grpc.NewClient(grpcio.Target(c.members[from]), grpcio.DialOptions(nil)...)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return kvpb.NewClusterClient(conn).TransferLeader(ctx, &kvpb.TransferLeaderRequest{ToNode: uint64(to)})
}

// AwaitLeader returns when all groups have leaders, or false when ctx ends before.
func (c *Cluster) AwaitLeader(ctx context.Context) bool {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		if c.led(ctx) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
}

// led tells whether each group is led by a node that runs.
func (c *Cluster) led(ctx context.Context) bool {
	led := map[uint64]bool{}
	for _, id := range c.IDs() {
		st, err := c.Status(ctx, id)
		if err != nil {
			continue
		}
		for _, g := range st.GetGroups() {
			if g.LeaderNode == uint64(id) {
				led[g.Group] = true
			}
		}
	}
	// One more than the partitions is the metadata group; a cluster of one group has only that.
	return len(led) >= c.mark.Partitions+1
}

// leader is the node that leads most groups, of those that lead as many the first; 0 if none leads any. In a cluster of one group
// it is the one that leads in the latest term.
func (c *Cluster) leader(ctx context.Context) env.NodeID {
	type claim struct {
		node env.NodeID
		term uint64
	}
	claims := map[uint64]claim{}
	for _, id := range c.IDs() {
		st, err := c.Status(ctx, id)
		if err != nil {
			continue
		}
		for _, g := range st.GetGroups() {
			if g.LeaderNode == uint64(id) && g.Term > claims[g.Group].term {
				claims[g.Group] = claim{id, g.Term}
			}
		}
	}
	leads := map[env.NodeID]int{}
	for _, x := range claims {
		leads[x.node]++
	}
	var most env.NodeID
	for _, id := range c.IDs() {
		if leads[id] > leads[most] {
			most = id
		}
	}
	return most
}
