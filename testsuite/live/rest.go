package live

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
)

var _ target.Restful = (*Holdfast)(nil)

// restPause is the time between two looks: each asks all nodes.
const restPause = 100 * time.Millisecond

// counterRest counts the placements that were compared at rest.
const counterRest = "placements at rest compared"

// confirmations is how often in a row the same must be found wrong at rest. In between each node has told the driver how it is, so
// that a driver that says all the time that all is well knows better.
const confirmations = 3

// Rest implements target.Restful: it waits until the partitions are where they are to be, as their driver says, and asks the
// nodes whether that is so. A cluster that cannot come to rest, since too few nodes may hold partitions or some are down, is left
// alone.
func (h *Holdfast) Rest(ctx context.Context) (verdict.Case, error) {
	var c verdict.Case
	if h.cfg.Partitions == 0 {
		return c, nil
	}
	var wrong *verdict.Violation
	times, last, cannot := 0, time.Now(), false
	err := await(ctx, "all partitions to be where they are to be, and their nodes to say so", func() (bool, error) {
		select {
		case <-time.After(restPause):
		case <-ctx.Done():
			return false, ctx.Err()
		}
		seen, err := h.look(ctx, last)
		if err != nil {
			return false, err
		}
		if cannot = !seen.restful(h.Up()); cannot {
			return true, nil
		}
		if err := seen.moving(); err != nil {
			return false, err
		}
		last = time.Now()
		found := seen.compare()
		if found == nil {
			wrong = nil
			return true, nil
		}
		if wrong == nil || wrong.Message != found.Message {
			times = 0
		}
		wrong = found
		times++
		return times == confirmations, fmt.Errorf("%s", found.Message)
	})
	switch {
	case err != nil:
		return c, err
	case cannot:
		return c, nil
	case wrong != nil:
		wrong.At = time.Now().UnixNano()
		c.Violations = append(c.Violations, *wrong)
	}
	c.Evidence.Add(counterRest, 1)
	return c, nil
}

// resting is what the driver and the nodes said: before and after are the driver's words, statuses the nodes' in between.
type resting struct {
	before, after *kvpb.PlacementResponse
	statuses      map[uint64]*kvpb.NodeStatus
	// since is for how long the nodes have been asked to report anew.
	since time.Duration
}

// look asks the driver, the nodes, and the driver again. Another driver, or another table, is an error.
func (h *Holdfast) look(ctx context.Context, last time.Time) (*resting, error) {
	r := &resting{statuses: map[uint64]*kvpb.NodeStatus{}, since: time.Since(last)}
	first, before, err := h.driver(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range h.Up() {
		if r.statuses[id], err = h.Status(ctx, id); err != nil {
			return nil, err
		}
	}
	second, after, err := h.driver(ctx)
	if err != nil {
		return nil, err
	}
	if first != second || before.TableVersion != after.TableVersion {
		return nil, fmt.Errorf("node %d drove table %d, then node %d table %d", first, before.TableVersion, second, after.TableVersion)
	}
	r.before, r.after = before, after
	return r, nil
}

// restful tells whether the cluster can come to rest: all its nodes run, and enough of them may hold partitions.
func (r *resting) restful(up []uint64) bool {
	useful := 0
	for _, n := range r.after.Nodes {
		if n.State == stateRemoved {
			continue
		}
		if !slices.Contains(up, n.Node) {
			return false
		}
		if n.State == stateUp {
			useful++
		}
	}
	return useful >= int(r.after.Replicas)
}

// States of nodes in a table, as they are said.
const (
	stateUp      = "up"
	stateRemoved = "removed"
)

// moving says what is not at rest yet, by the driver's own words.
func (r *resting) moving() error {
	for _, p := range []*kvpb.PlacementResponse{r.before, r.after} {
		if err := settled(p); err != nil {
			return err
		}
		for _, g := range p.Groups {
			if r.leaderOf(g.Group) == nil {
				return fmt.Errorf("group %d: no node that was asked leads it", g.Group)
			}
		}
	}
	for _, n := range r.before.Nodes {
		if n.State != stateRemoved && (!n.Alive || time.Duration(n.SilentMs)*time.Millisecond > r.since) {
			return fmt.Errorf("node %d has not told the driver anew how it is", n.Node)
		}
	}
	return nil
}

// compare says what is not as the table has it, nil if all is.
func (r *resting) compare() *verdict.Violation {
	for _, g := range r.after.Groups {
		if v := r.group(g); v != nil {
			return v
		}
	}
	return nil
}

func (r *resting) group(g *kvpb.PlacedGroup) *verdict.Violation {
	wrong := func(aspect, format string, args ...any) *verdict.Violation {
		return verdict.Violationf(oraclePlacement, aspect, "at rest, group %d (epoch %d, to be on nodes %v): "+format,
			append([]any{g.Group, g.Epoch, g.Wanted}, args...)...).On(g.Group, 0)
	}
	if twice(g.Wanted) {
		return wrong("one-node-twice", "a node is to hold it twice")
	}
	for _, n := range r.after.Nodes {
		if n.State == stateRemoved && slices.Contains(g.Wanted, n.Node) {
			return wrong("on-a-removed-node", "node %d is removed", n.Node)
		}
	}
	for _, id := range r.nodes() {
		s := groupOf(r.statuses[id], g.Group)
		wanted := slices.Contains(g.Wanted, id)
		switch {
		case wanted && s == nil:
			return wrong("not-as-planned", "node %d has no replica", id)
		case !wanted && s != nil && !g.Metadata:
			return wrong("not-as-planned", "node %d still has replica %d", id, s.Replica)
		}
	}
	return r.members(g, wrong)
}

// members holds the configuration of a group, as its leader has it, to the table.
func (r *resting) members(g *kvpb.PlacedGroup, wrong func(aspect, format string, args ...any) *verdict.Violation) *verdict.Violation {
	var members, voters []uint64
	for _, m := range r.leaderOf(g.Group).Configuration {
		members = append(members, m.Node)
		if m.Role == kvpb.MemberRole_VOTER {
			voters = append(voters, m.Node)
		}
	}
	for _, n := range r.after.Nodes {
		if n.State == stateRemoved && slices.Contains(members, n.Node) {
			return wrong("on-a-removed-node", "node %d is removed, and a member of %v", n.Node, members)
		}
	}
	if twice(members) {
		return wrong("one-node-twice", "its members are on nodes %v", members)
	}
	for _, id := range g.Wanted {
		if !slices.Contains(voters, id) {
			return wrong("not-as-planned", "node %d is no voter: they are %v", id, voters)
		}
	}
	// A founder that was never heard of may stay in the metadata group.
	if !g.Metadata && len(members) != len(g.Wanted) {
		return wrong("not-as-planned", "its members are on nodes %v", members)
	}
	return nil
}

// leaderOf is what the leader of the newest term says of a group, nil if nobody led it as the nodes were asked.
func (r *resting) leaderOf(group uint64) (leader *kvpb.GroupStatus) {
	for _, id := range r.nodes() {
		if s := groupOf(r.statuses[id], group); s != nil && s.Role == roleLeader && (leader == nil || s.Term > leader.Term) {
			leader = s
		}
	}
	return leader
}

// nodes are those that were asked, ascending.
func (r *resting) nodes() (ids []uint64) {
	for id := range r.statuses {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func groupOf(s *kvpb.NodeStatus, group uint64) *kvpb.GroupStatus {
	for _, g := range s.GetGroups() {
		if g.Group == group && g.Replica != 0 && !g.Removed {
			return g
		}
	}
	return nil
}

func twice(ids []uint64) bool {
	ids = slices.Sorted(slices.Values(ids))
	return len(slices.Compact(ids)) < len(ids)
}
