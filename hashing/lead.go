package hashing

import (
	"fmt"
	"slices"
)

// lead chooses the leader of each partition among its members: a maximum flow as in assign,
// in which a partition that keeps its leader costs nothing and a change costs 1.
//
// A node's share is that of its weight. Where the members do not allow every node to
// have it rounded down or up, some have one less or one more, and one such node is dearer
// than all changes together. More than one is never needed (doc.go has the proof of RING-6).
func (t *task) lead(members [][]int) []int {
	const source, sink, extra, node = 0, 1, 2, 3
	parts, n := t.cfg.Partitions, len(t.nodes)
	partition := node + n
	dear := parts + 1

	net := newNetwork(partition+parts, 4*n+1+parts*(t.replicas+1))
	sum, beyond := 0, parts
	for _, of := range t.nodes {
		sum += int(of.Weight)
	}
	for i, of := range t.nodes {
		share := level{parts, sum}.share(int(of.Weight), parts)
		least := max(0, share.low-1)
		net.add(source, node+i, least, 0)
		net.add(extra, node+i, share.low-least, 0)
		net.add(extra, node+i, share.high-share.low, dear)
		net.add(extra, node+i, 1, 2*dear)
		beyond -= least
	}
	net.add(source, extra, beyond, 0)
	arcs := make([][]int, parts) // by partition and place in members
	for i := range arcs {
		arcs[i] = make([]int, t.replicas)
	}
	for k, i := range t.asks() {
		of := k / parts
		place := slices.Index(members[i], of)
		if place < 0 {
			continue
		}
		cost := 1
		if t.leading[i] == of {
			cost = 0
		}
		arcs[i][place] = net.add(node+of, partition+int(i), 1, cost)
	}
	for i := range parts {
		net.add(partition+i, sink, 1, 0)
	}

	if size, _ := net.solve(source, sink); size != parts {
		panic(fmt.Sprintf("hashing: RING-6: only %d of %d partitions could be led", size, parts))
	}
	leaders := make([]int, parts)
	for i, list := range members {
		leaders[i] = list[slices.IndexFunc(arcs[i], net.full)]
	}
	return leaders
}
