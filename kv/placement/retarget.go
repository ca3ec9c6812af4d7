package placement

import (
	"cmp"
	"fmt"
	"slices"
)

// urgency orders what is to be done. Lower is first.
type urgency int

const (
	// broken: a movement that is under way leads to a node that is dead, drained or removed.
	broken urgency = iota
	// lacking: a replica is dead, or there are fewer than there should be.
	lacking
	// draining: a replica is on a node that is to be emptied.
	draining
	// balance: the placement is not the goal.
	balance
	// leading: only the preferred leader is another one.
	leading
	// idle: there is nothing to be done.
	idle
)

// String says why, for logs.
func (u urgency) String() string {
	return [...]string{
		"the movement before cannot end", "too few replicas", "a node is drained", "balance", "balance of leaders", "nothing",
	}[u]
}

// course is what the choice of a group's next wanted nodes rests on.
type course struct {
	b    *board
	p    *Partition
	goal []uint64
	// voters are those whose vote counts and that live, absent those that do not live.
	voters, absent []uint64
	// free tells whether a node may get one more replica now.
	free func(node uint64) bool
}

// classify returns how urgent it is to give the group other nodes; idle also where that must
// wait (PLACE-5).
func (b *board) classify(p *Partition, goal []uint64) urgency {
	if goal == nil || b.leader(p.Group) == nil {
		return idle // without a leader nothing that is wanted can come about
	}
	worst := 0
	for _, id := range without(p.Replicas, goal) {
		worst = max(worst, b.nodes[id].badness())
	}
	if !b.reached(p) {
		if worst > 0 {
			return broken
		}
		return idle
	}
	switch {
	case worst >= 2 || len(goal) > len(p.Replicas):
		return lacking
	case worst == 1:
		return draining
	case !sameSet(goal, p.Replicas):
		return balance
	case goal[0] != p.Replicas[0]:
		return leading
	}
	return idle
}

// next returns the nodes that are to be wanted next, nil if nothing can be done now. It is the goal, or a
// step towards it: first the group grows, then what is too much goes, then nodes are exchanged, as many
// as may fail together (PLACE-6).
func (c *course) next() []uint64 {
	nodes := slices.Clone(c.p.Replicas)
	adds := slices.DeleteFunc(without(c.goal, nodes), func(id uint64) bool {
		return !c.b.nodes[id].steady || !c.free(id)
	})
	drops := without(nodes, c.goal)
	slices.SortStableFunc(drops, func(x, y uint64) int {
		return cmp.Compare(c.b.nodes[y].badness(), c.b.nodes[x].badness())
	})
	if missing := len(c.goal) - len(nodes); missing > 0 && missing <= len(adds) {
		nodes = append(nodes, adds[:missing]...) // all at once: of two voters none may fail
	} else {
		excess := min(max(-missing, 0), len(drops))
		nodes = without(nodes, drops[:excess])
		nodes = c.exchange(nodes, drops[excess:], adds)
	}
	nodes = c.inOrder(nodes)
	if same := sameSet(nodes, c.p.Replicas); same && nodes[0] == c.p.Replicas[0] || !c.sound(nodes) {
		return nil
	} else if same && (!sameSet(nodes, c.goal) || !c.b.nodes[nodes[0]].steady) {
		return nil // the leader follows the replicas
	}
	return nodes
}

// exchange replaces nodes one by one, as long as the group could lose all that are new to it, and those that are
// dead; one may come in any case.
func (c *course) exchange(nodes, drops, adds []uint64) []uint64 {
	for _, drop := range drops {
		if len(adds) == 0 {
			break
		}
		rest := without(nodes, []uint64{drop})
		i := c.pick(rest, adds)
		if next := append(rest, adds[i]); c.fresh(next) <= max(c.fresh(nodes), 1, (len(next)-1)/2-c.lame(next)) {
			nodes = next
			adds = slices.Delete(slices.Clone(adds), i, i+1)
		}
	}
	return nodes
}

// pick returns which node fits to the rest: the first one of another zone, if there is one.
func (c *course) pick(rest, adds []uint64) int {
	taken := c.b.zones(rest)
	for i, id := range adds {
		if taken[c.b.zone(id)] == 0 {
			return i
		}
	}
	return 0
}

// fresh counts the nodes on which the group has no voter, lame those whose voter is dead.
func (c *course) fresh(nodes []uint64) int { return len(without(without(nodes, c.voters), c.absent)) }

func (c *course) lame(nodes []uint64) int { return len(nodes) - len(without(nodes, c.absent)) }

// sound tells whether a majority of the nodes was heard of lately.
func (c *course) sound(nodes []uint64) bool {
	recent := 0
	for _, id := range nodes {
		if c.b.nodes[id].recent {
			recent++
		}
	}
	return recent > len(nodes)/2
}

// inOrder puts first what the goal puts first, then the others as they were.
func (c *course) inOrder(nodes []uint64) []uint64 {
	ordered := slices.DeleteFunc(slices.Clone(c.goal), func(id uint64) bool { return !slices.Contains(nodes, id) })
	return append(ordered, without(nodes, c.goal)...)
}

// note says what is done to the group, for logs.
func (c *course) note(nodes []uint64, why urgency) string {
	return fmt.Sprintf("%s goes from nodes %v to %v: %v", groupName(c.p.Group), c.p.Replicas, nodes, why)
}
