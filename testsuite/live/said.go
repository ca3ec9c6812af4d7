package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// word is what a node said last, in which of its starts, and when.
type word struct {
	start  int
	at     time.Time
	status *kvpb.NodeStatus
}

// Said tells of each node that was ever a member what it said last, a line for each.
func (w *Watch) Said() (lines []string) {
	c := w.cluster
	running, paused, members := c.those(func(n *node) bool { return n.proc != nil }), c.Paused(), c.Ids()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range c.nodes {
		last, heard := w.last[n.id]
		if !heard && !slices.Contains(members, n.id) {
			continue
		}
		state := ""
		switch {
		case !slices.Contains(running, n.id):
			state = " (down)"
		case slices.Contains(paused, n.id):
			state = " (paused)"
		}
		said := "it never answered"
		if heard {
			said = fmt.Sprintf("%s ago, in its start %d: %s", time.Since(last.at).Round(10*time.Millisecond), last.start, inWords(last.status))
		}
		lines = append(lines, fmt.Sprintf("node %d%s: %s", n.id, state, said))
	}
	return lines
}

// inWords is a node's status for people.
func inWords(s *kvpb.NodeStatus) string {
	var parts []string
	if s.Failure != "" {
		parts = append(parts, "stopped serving: "+s.Failure)
	}
	for _, g := range s.Groups {
		if g.Replica == 0 {
			continue
		}
		name := ""
		if s.Sharded {
			name = fmt.Sprintf("group %d ", g.Group)
		}
		leader := "knows no leader"
		if g.LeaderNode != 0 {
			leader = fmt.Sprintf("leader node %d", g.LeaderNode)
		}
		parts = append(parts, fmt.Sprintf("%s%s of term %d, %s, commit %d, applied %d", name, g.Role, g.Term, leader, g.Commit, g.Applied))
	}
	if len(parts) == 0 {
		return "it has no replica"
	}
	return strings.Join(parts, "; ")
}
