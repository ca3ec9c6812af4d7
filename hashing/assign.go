package hashing

import (
	"fmt"
	"slices"
)

// assign chooses the members of each partition, by a maximum flow of replicas from nodes to
// partitions at the least price, and counts the copies to be made.
//
//	source -> node -> (zone of partition) -> partition -> sink
//
// Lower bounds need no treatment of their own: what a node must have comes from the source
// directly, what it may have beyond that by way of one vertex, extra, through which only the
// replicas beyond all lower bounds fit. All room of the source and of the sink must be used
// to place all replicas. The lower bounds of zones are met the same way at the sink.
//
// That the flow fills all room: giving partition i the fraction share/Partitions of every node
// is a flow within the bounds, and where fractions do, whole numbers do.
//
// Members are in the order of held, then in the order of the walk.
func (t *task) assign() (members [][]int, moves int) {
	const source, sink, extra, node = 0, 1, 2, 3
	parts, n := t.cfg.Partitions, len(t.nodes)
	partition := node + n
	seat := func(i, _ int) int { return partition + i } // where a node's replica goes
	vertices, zoned := partition+parts, len(t.zones) < n
	if zoned { // else each zone is a node, and has at most one of a partition anyway
		perZone := vertices
		seat = func(i, of int) int { return perZone + i*len(t.zones) + t.zoneOf[of] }
		vertices += parts * len(t.zones)
	}

	net := newNetwork(vertices, 2*n+1+parts*(n+1+2*len(t.zones)))
	beyond, perPartition := parts*t.replicas, t.replicas
	for i, s := range t.shares {
		net.add(source, node+i, s.low, 0)
		net.add(extra, node+i, s.high-s.low, 0)
		beyond -= s.low
	}
	net.add(source, extra, beyond, 0)
	first := len(net.arcs)
	asks := t.asks()
	for k, i := range asks {
		of := k / parts
		net.add(node+of, seat(int(i), of), 1, t.price(int(i), of))
	}
	if zoned {
		for z, zone := range t.zones {
			for i := range parts {
				v := seat(i, zone.nodes[0])
				net.add(v, sink, zone.low, 0)
				net.add(v, partition+i, zone.high-zone.low, 0)
			}
			perPartition -= t.zones[z].low
		}
	}
	for i := range parts {
		net.add(partition+i, sink, perPartition, 0)
	}

	size, _ := net.solve(source, sink)
	if size != parts*t.replicas {
		panic(fmt.Sprintf("hashing: RING-4: only %d of %d replicas could be placed", size, parts*t.replicas))
	}
	chosen := make([]bool, parts*n)
	for k, i := range asks {
		chosen[int(i)*n+k/parts] = net.full(first + 2*k)
	}
	return t.list(chosen)
}

// price is what a replica of the partition with index i on a node costs. Of a placement with
// m moves and l leaders that stay, with P partitions and R replicas, the sum is
// m(P+2) + PR-m-l = m(P+1) + PR-l. l is at most P, so a move less is worth all leaders.
func (t *task) price(i, of int) int {
	switch {
	case t.leading[i] == of:
		return 0
	case slices.Contains(t.held[i], of):
		return 1
	default:
		return t.cfg.Partitions + 2
	}
}

// asks returns for each node, one after the other, the partitions in the order in which it
// takes them: those first that meet it early on their walks.
func (t *task) asks() []int32 {
	n, parts := len(t.nodes), t.cfg.Partitions
	out := make([]int32, n*parts)
	next := make([]int, n)
	for rank := range n {
		for i := range parts {
			of := t.walks[i*n+rank]
			out[int(of)*parts+next[of]] = int32(i)
			next[of]++
		}
	}
	return out
}

// list orders the chosen nodes of each partition, and counts those that are new.
func (t *task) list(chosen []bool) (members [][]int, moves int) {
	n := len(t.nodes)
	members = make([][]int, t.cfg.Partitions)
	for i := range members {
		list := make([]int, 0, t.replicas)
		for _, of := range t.held[i] {
			if chosen[i*n+of] {
				list = append(list, of)
			}
		}
		for _, of := range t.walk(i) {
			if chosen[i*n+int(of)] && !slices.Contains(list, int(of)) {
				list = append(list, int(of))
				moves++
			}
		}
		members[i] = list
	}
	return members, moves
}
