package placement

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/hashing"
)

// goal is the placement that the driver works towards. It is kept until what it was made from changes, so that
// the way there is gone to its end; and should it be computed anew on the way, what is left of it
// is no longer than before, since hashing.Place moves as little as is possible.
type goal struct {
	ring []hashing.Node
	rows hashing.Placement
}

// aim brings the goal up to date: the placement for all nodes that are Up and not dead.
func (d *Driver) aim(b *board) {
	var ring []hashing.Node
	for i := range b.s.Nodes {
		n := &b.s.Nodes[i]
		if b.nodes[n.ID].inRing() {
			ring = append(ring, hashing.Node{ID: n.ID, Weight: n.Weight, Zone: n.Zone})
		}
	}
	if slices.Equal(ring, d.goal.ring) {
		return
	}
	d.goal = goal{ring: ring}
	if len(ring) == 0 {
		return
	}
	current := make(hashing.Placement, b.s.Cluster.Partitions)
	for i := range b.s.Partitions {
		if p := &b.s.Partitions[i]; p.Group != MetaGroup {
			current[p.Group-1] = p.Replicas
		}
	}
	rows, err := hashing.Place(b.s.Cluster.hashing(), ring, current)
	if err != nil {
		panic(fmt.Sprintf("placement: PLACE-2: a valid table cannot be placed: %v", err))
	}
	d.goal.rows = rows
}

// goalOf returns the nodes that a group with a record is to be on in the end, the preferred leader first; nil where
// that is not known.
func (d *Driver) goalOf(b *board, p *Partition) []uint64 {
	if p.Group == MetaGroup {
		return b.metaGoal(p)
	}
	if d.goal.rows == nil {
		return nil
	}
	row := d.goal.rows[p.Group-1]
	return b.keepDead(p, row, b.s.Cluster.Replicas)
}

// leastKept is how many replicas a group keeps at least though nodes are dead: what a node has that was silent for long is a copy
// all the same, and comes back with it more often than not. Only another copy may replace it.
const leastKept = 3

// keepDead adds dead voters to nodes that live, if there are too few of those: up to leastKept; and one where it costs
// nothing, since with an even number of others it does not raise the majority. So a cluster of three nodes
// with three replicas does not throw those away whose nodes are down for long; but of five with two dead ones three
// are made, of which one more may die. A node that died before it became a voter is not kept: the group would
// wait for its copy.
func (b *board) keepDead(p *Partition, nodes []uint64, most int) []uint64 {
	v := b.leader(p.Group)
	if v == nil {
		return nodes
	}
	nodes = slices.Clone(nodes)
	candidates := slices.Clone(p.Replicas)
	for i := range v.members {
		candidates = append(candidates, v.members[i].Node()) // its place may be another's already, who died as well
	}
	for _, id := range candidates {
		if len(nodes) >= most || len(nodes) >= leastKept && len(nodes)%2 == 1 {
			break
		}
		x := b.nodes[id]
		if x.Node == nil || !x.dead || x.State != Up || slices.Contains(nodes, id) {
			continue
		}
		if m, _ := b.member(v, p, id); m.Voter {
			nodes = append(nodes, id)
		}
	}
	return b.keepDraining(p, nodes, candidates, most)
}

// keepDraining adds nodes that are to be emptied, as long as there are fewer than leastKept others and further nodes
// that are only dead at the moment: emptying a node waits for them.
func (b *board) keepDraining(p *Partition, nodes, candidates []uint64, most int) []uint64 {
	_, up := b.s.inService()
	for _, id := range candidates {
		if len(nodes) >= min(most, leastKept, up) {
			break
		}
		if x := b.nodes[id]; x.live() && x.State == Draining && slices.Contains(p.Replicas, id) && !slices.Contains(nodes, id) {
			nodes = append(nodes, id)
		}
	}
	return nodes
}

// create returns a transaction that makes records of partitions that have none. Each begins on nodes that all were
// heard of lately, in the logs that they have: nothing is copied, so the bounds of moves do not count.
func (d *Driver) create(b *board) Txn {
	if len(d.goal.ring) < min(d.cfg.Expect, b.s.Cluster.Replicas) && b.now.Sub(d.began) < d.cfg.ExpectFor {
		return Txn{}
	}
	t := b.s.change(b.s.Cluster)
	for i, row := range d.goal.rows {
		group := uint64(i + 1)
		if b.s.Partition(group) != nil || t.full() {
			continue
		}
		p := Partition{Group: group, Epoch: 1, Replicas: row}
		for _, id := range row {
			if !b.nodes[id].recent {
				break
			}
			p.Initial = append(p.Initial, Replica{Node: id, Store: b.nodes[id].Store})
		}
		if len(p.Initial) == len(row) {
			t.putPartition(p, fmt.Sprintf("%s begins on nodes %v", groupName(group), row))
		}
	}
	if len(t.Notes) == 0 {
		return Txn{}
	}
	return *t
}
