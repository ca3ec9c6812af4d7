package live

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// operatorTime bounds what an operator's command may take.
const operatorTime = time.Minute

// operate runs `holdfast cluster …` as an operator would.
func (c *Cluster) operate(ctx context.Context, args ...string) error {
	args = append(append([]string{"cluster"}, args...), "--endpoints", strings.Join(c.Endpoints(), ","), "--wait", operatorTime.String())
	exit, err := Exec(ctx, "", c.cfg.Binary, args...)
	if err == nil && exit.Code != 0 {
		err = fmt.Errorf("live: holdfast %s: %s", strings.Join(args, " "), exit)
	}
	return err
}

// Grow starts the node with the lowest id that is no member, with its data if it was one, and adds it. It returns when the node is
// a voter.
func (c *Cluster) Grow(ctx context.Context) error {
	var n *node
	for _, m := range c.nodes {
		if n == nil && m.outside {
			n = m
		}
	}
	if n == nil {
		return fmt.Errorf("live: all %d nodes are members", len(c.nodes))
	}
	if err := c.Start(ctx, n.id, "--join", strings.Join(c.Endpoints(), ",")); err != nil {
		return err
	}
	if err := c.operate(ctx, "add", fmt.Sprintf("%d=%s", n.id, n.public)); err != nil {
		return fmt.Errorf("%w\nthe end of the new node's log:\n%s", err, c.Tail(n.id))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n.outside = false
	c.took[counterAdded]++
	return nil
}

// Remove removes a member, and then ends it in order.
func (c *Cluster) Remove(ctx context.Context, id uint64) error {
	if err := c.operate(ctx, "remove", fmt.Sprint(id)); err != nil {
		return err
	}
	c.mu.Lock()
	c.node(id).outside = true
	c.took[counterRemoved]++
	c.mu.Unlock()
	return c.Stop(ctx, id)
}

// Wipe ends a node with SIGKILL and empties its disk.
func (c *Cluster) Wipe(ctx context.Context, id uint64) error {
	s, err := c.Status(ctx, id)
	if err != nil {
		return err
	}
	if err := c.Kill9(ctx, id); err != nil {
		return err
	}
	if err := os.RemoveAll(c.Data(id)); err != nil {
		return fmt.Errorf("live: emptying the disk of node %d: %w", id, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.node(id)
	n.wiped, n.replica = true, theGroup(s).GetReplica()
	return nil
}

// HandOver has the leadership handed over, by the leader's own choice; another node must lead in a later term.
func (c *Cluster) HandOver(ctx context.Context, leader, term uint64) error {
	if err := c.operate(ctx, "transfer-leader"); err != nil {
		return err
	}
	next, _, err := c.Leader(ctx, term)
	if err != nil {
		return err
	}
	if next == leader {
		return fmt.Errorf("live: node %d still leads after a transfer", leader)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took[counterHanded]++
	return nil
}

// settled waits until no change of the members is under way and each member that is up is a voter; those
// that lost their disk must be so under a new replica id.
func (c *Cluster) settled(ctx context.Context) error {
	return await(ctx, "all members that are up to be voters", func() (bool, error) {
		leader, _, err := c.Leader(ctx, 0)
		if err != nil {
			return false, err
		}
		s, err := c.Status(ctx, leader)
		if err != nil {
			return false, err
		}
		g := theGroup(s)
		if g.GetRole() != roleLeader || g.Joint || g.ConfigIndex > g.Commit {
			return false, fmt.Errorf("a change is under way: %v", g)
		}
		voters := make(map[uint64]*kvpb.GroupMember)
		for _, m := range g.Configuration {
			if m.Role == kvpb.MemberRole_VOTER {
				voters[m.Node] = m
			}
		}
		for _, id := range c.Up() {
			if voters[id] == nil {
				return false, fmt.Errorf("node %d is no voter: %v", id, g)
			}
			if !c.replaced(voters[id]) {
				return false, fmt.Errorf("node %d lost its disk and has its old replica: %v", id, g)
			}
		}
		return true, nil
	})
}

// replaced tells whether a member that lost its disk has a new replica, and notes it the first time.
func (c *Cluster) replaced(m *kvpb.GroupMember) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.node(m.Node)
	if !n.wiped {
		return true
	}
	if m.Replica == n.replica {
		return false
	}
	n.wiped = false
	c.took[counterWiped]++
	return true
}
