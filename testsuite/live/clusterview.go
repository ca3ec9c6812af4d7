package live

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

const (
	// askTime bounds one question for a status.
	askTime = 2 * time.Second
	// tailBytes is how much of a node's log is shown.
	tailBytes = 3000
)

// Ids are those of all members.
func (c *Cluster) Ids() []uint64 {
	return c.those(func(n *node) bool { return !n.outside })
}

// Endpoints are the addresses of all members.
func (c *Cluster) Endpoints() []string {
	var out []string
	for _, n := range c.nodes {
		if !n.outside {
			out = append(out, n.address)
		}
	}
	return out
}

// Up are the members that run and are not paused.
func (c *Cluster) Up() []uint64 {
	return c.those(func(n *node) bool { return n.proc != nil && !n.paused && !n.outside })
}

// Down are the members that do not run.
func (c *Cluster) Down() []uint64 {
	return c.those(func(n *node) bool { return n.proc == nil && !n.outside })
}

// Paused are the nodes that are paused.
func (c *Cluster) Paused() []uint64 {
	return c.those(func(n *node) bool { return n.paused })
}

// crashed are the nodes that ended without having been told to. It is not to be
// called while a node is being ended.
func (c *Cluster) crashed() []uint64 {
	return c.those(func(n *node) bool { return n.proc != nil && n.proc.ended() })
}

// counts are the faults and changes that took effect, by the names of their counters.
func (c *Cluster) counts() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.took)
}

func (c *Cluster) those(are func(*node) bool) []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []uint64
	for _, n := range c.nodes {
		if are(n) {
			ids = append(ids, n.id)
		}
	}
	return ids
}

// Leader waits until a node leads in a term after the given one, and returns it with
// its term.
func (c *Cluster) Leader(ctx context.Context, after uint64) (leader, term uint64, err error) {
	what := fmt.Sprintf("a leader of a term after %d", after)
	err = await(ctx, what, func() (bool, error) {
		var last error
		for _, id := range c.Up() {
			s, err := c.Status(ctx, id)
			if err != nil {
				last = err
				continue
			}
			if g := theGroup(s); g.GetRole() == roleLeader && g.GetTerm() > max(after, term) {
				leader, term = id, g.GetTerm()
			}
		}
		return leader != 0, last
	})
	return leader, term, err
}

// CaughtUp waits until each member that is up is a voter, and has applied what the leader has committed
// by then.
func (c *Cluster) CaughtUp(ctx context.Context) error {
	if err := c.settled(ctx); err != nil {
		return err
	}
	leader, _, err := c.Leader(ctx, 0)
	if err != nil {
		return err
	}
	s, err := c.Status(ctx, leader)
	if err != nil {
		return err
	}
	commit := theGroup(s).GetCommit()
	for _, id := range c.Up() {
		err := await(ctx, fmt.Sprintf("node %d to apply entry %d", id, commit), func() (bool, error) {
			s, err := c.Status(ctx, id)
			if err != nil {
				return false, err
			}
			applied := theGroup(s).GetApplied()
			return applied >= commit, fmt.Errorf("it has applied %d: %v", applied, s)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const roleLeader = "leader"

// theGroup is the status of the only group.
func theGroup(s *kvpb.NodeStatus) *kvpb.GroupStatus {
	if len(s.GetGroups()) == 0 {
		return nil
	}
	return s.Groups[0]
}

// Log is the path of what a node wrote to its outputs, in all its starts.
func (c *Cluster) Log(id uint64) string { return c.node(id).log }

// Tail is the end of a node's log.
func (c *Cluster) Tail(id uint64) string {
	data, err := os.ReadFile(c.Log(id))
	if err != nil {
		return err.Error()
	}
	return string(data[max(len(data)-tailBytes, 0):])
}

// Tails are the ends of all logs, for a person who looks for what went wrong.
func (c *Cluster) Tails() string {
	var b strings.Builder
	for _, id := range c.Ids() {
		fmt.Fprintf(&b, "--- node %d, %s\n%s\n", id, c.Log(id), c.Tail(id))
	}
	return b.String()
}

// resident is how many bytes of a running node are in memory, 0 where the system does not tell.
func (c *Cluster) resident(id uint64) (int64, error) {
	p := c.process(id)
	if p == nil {
		return 0, fmt.Errorf("live: node %d does not run", id)
	}
	return residentBytes(p.cmd.Process.Pid)
}
