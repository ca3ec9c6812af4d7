package live

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Placement asks the running nodes until the one that drives the placement answers.
func (c *Cluster) Placement(ctx context.Context) (*kvpb.PlacementResponse, error) {
	_, resp, err := c.driver(ctx)
	return resp, err
}

// driver also tells which node drives the placement.
func (c *Cluster) driver(ctx context.Context) (uint64, *kvpb.PlacementResponse, error) {
	last := errors.New("no node runs")
	for _, id := range c.Up() {
		resp, _, err := c.askPlacement(ctx, id)
		if err == nil && resp.Driver {
			return id, resp, nil
		}
		last = fmt.Errorf("node %d does not drive the placement: %v %v", id, resp, err)
	}
	return 0, nil, last
}

// askPlacement asks one node for its table, and tells by its number which start of it answered.
func (c *Cluster) askPlacement(ctx context.Context, id uint64) (*kvpb.PlacementResponse, int, error) {
	conn, start, err := c.reach(id)
	if err != nil {
		return nil, start, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	resp, err := kvpb.NewClusterClient(conn).Placement(ctx, &kvpb.PlacementRequest{})
	if err != nil {
		return nil, start, fmt.Errorf("live: placement by node %d: %w", id, err)
	}
	return resp, start, nil
}

// AtRest waits until all partitions are where they are to be, on the nodes given and no others.
func (c *Cluster) AtRest(ctx context.Context, on ...uint64) error {
	wanted := map[uint64]bool{}
	for _, id := range on {
		wanted[id] = true
	}
	return await(ctx, fmt.Sprintf("all partitions to be on nodes %v", on), func() (bool, error) {
		p, err := c.Placement(ctx)
		if err != nil {
			return false, err
		}
		if err := settled(p); err != nil {
			return false, err
		}
		used := map[uint64]bool{}
		for _, g := range p.Groups {
			for _, id := range append(g.Wanted, g.Holds...) {
				if used[id] = true; !wanted[id] {
					return false, fmt.Errorf("group %d is on node %d", g.Group, id)
				}
			}
		}
		if len(used) != len(wanted) {
			return false, fmt.Errorf("the partitions are on nodes %v", used)
		}
		return true, nil
	})
}

// settled says which partition is not made yet, or not where it is to be, by the driver's own words.
func settled(p *kvpb.PlacementResponse) error {
	if len(p.Groups) != int(p.Partitions)+1 {
		return fmt.Errorf("%d of %d partitions are made", len(p.Groups)-1, p.Partitions)
	}
	for _, g := range p.Groups {
		if g.Phase != "ok" {
			return fmt.Errorf("group %d: %s, wanted on %v, held by %v", g.Group, g.Phase, g.Wanted, g.Holds)
		}
	}
	return nil
}

// Enlist starts a node that joins by itself.
func (c *Cluster) Enlist(ctx context.Context, id uint64) error {
	if err := c.Start(ctx, id, "--join", strings.Join(c.Endpoints(), ",")); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node(id).outside = false
	c.took[counterAdded]++
	return nil
}
