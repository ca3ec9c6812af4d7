package placement

import "slices"

// MetaVoters is how many voters the metadata group is to have in a cluster of so many Up nodes: an odd
// number, so that one more would not only be one more that can be missed.
func MetaVoters(up int) int {
	switch {
	case up >= 5:
		return 5
	case up >= 3:
		return 3
	}
	return 1
}

// metaGoal returns who is to be in the metadata group. Those that are in it and live stay, up to the size; the rest
// comes from the zones that have fewest. A member makes room for another one only if there is a
// zone more then.
func (b *board) metaGoal(p *Partition) []uint64 {
	_, up := b.s.inService()
	if up < b.d.cfg.Expect && b.now.Sub(b.d.began) < b.d.cfg.ExpectFor {
		return p.Replicas // with those that are late it is to be as large as it is, or larger
	}
	size := MetaVoters(up)
	var nodes []uint64
	for _, id := range p.Replicas {
		if b.nodes[id].inRing() {
			nodes = append(nodes, id)
		}
	}
	for len(nodes) > size {
		nodes = b.dropOne(nodes)
	}
	for len(nodes) < size {
		id := b.candidate(nodes)
		if id == 0 {
			break
		}
		nodes = append(nodes, id)
	}
	nodes = b.spread(nodes)
	nodes = b.keepDead(p, nodes, size)
	if n := len(nodes); n > 1 && n%2 == 0 {
		nodes = b.dropOne(nodes)
	}
	if len(nodes) == 0 {
		return nil
	}
	return nodes
}

// zone names what a node fails together with: its zone, or itself alone.
type zone struct {
	name  string
	alone uint64
}

func (b *board) zone(id uint64) zone {
	if x := b.nodes[id]; x.Node != nil && x.Zone != "" {
		return zone{name: x.Zone}
	}
	return zone{alone: id}
}

// zones counts the nodes of each zone.
func (b *board) zones(nodes []uint64) map[zone]int {
	count := make(map[zone]int)
	for _, id := range nodes {
		count[b.zone(id)]++
	}
	return count
}

// dropOne leaves out the last one of those whose zone has most, but for the first node.
func (b *board) dropOne(nodes []uint64) []uint64 {
	count := b.zones(nodes)
	drop := len(nodes) - 1
	for i := drop; i > 0; i-- {
		if count[b.zone(nodes[i])] > count[b.zone(nodes[drop])] {
			drop = i
		}
	}
	return slices.Delete(slices.Clone(nodes), drop, drop+1)
}

// candidate returns a node to be added: a steady one of a zone that has fewest, of those the lowest id; 0 if
// there is none.
func (b *board) candidate(nodes []uint64) (best uint64) {
	count := b.zones(nodes)
	for i := range b.s.Nodes {
		n := &b.s.Nodes[i]
		if !b.nodes[n.ID].steady || slices.Contains(nodes, n.ID) {
			continue
		}
		if best == 0 || count[b.zone(n.ID)] < count[b.zone(best)] {
			best = n.ID
		}
	}
	return best
}

// spread exchanges nodes whose zone has several for those of zones that have none. Each exchange
// gains a zone, so there are few, and at rest none.
func (b *board) spread(nodes []uint64) []uint64 {
	for {
		id := b.candidate(nodes)
		if id == 0 || b.zones(nodes)[b.zone(id)] > 0 {
			return nodes
		}
		rest := b.dropOne(nodes)
		if len(rest) == 0 || len(b.zones(rest)) < len(b.zones(nodes)) {
			return nodes
		}
		nodes = append(rest, id)
	}
}
