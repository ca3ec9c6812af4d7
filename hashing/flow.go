package hashing

import (
	"fmt"
	"math"
)

// arc leads to a vertex. The arc with index e has its reverse at e^1, whose room is what
// flows through e. cost is per unit; the reverse has it negated.
type arc struct {
	to, room, cost int32
}

// network finds a maximum flow of least cost, by the primal-dual method of Ford and
// Fulkerson with the blocking flows of Dinic. Where several flows are as good, the arcs
// that were added first to a vertex are preferred, by the greedy way in which
// blocking flows are found.
//
// Invariants:
//
//	FLOW-1  Every arc with room has a reduced cost, cost + potential[from] - potential[to], of at
//	        least 0. So the flow is the cheapest of its size, at any time.
//	FLOW-2  potential[t] is the cost of the cheapest way from s to t, potential[s] is 0.
//	FLOW-3  Each raise of potentials raises potential[t], so their number is bounded by the cost of
//	        the dearest way.
type network struct {
	arcs      []arc
	first     []int32 // by vertex: where its arcs begin in out; one more at the end
	out       []int32 // indexes of arcs by the vertex they leave, in the order they were added
	potential []int
	level     []int32 // by vertex: arcs from s, -1 if it was not reached
	next      []int32 // by vertex: the arc in out to try next
	queue     []int32
}

func newNetwork(vertices, arcs int) *network {
	return &network{
		arcs:      make([]arc, 0, 2*arcs),
		first:     make([]int32, vertices+1),
		potential: make([]int, vertices), level: make([]int32, vertices), next: make([]int32, vertices),
		queue: make([]int32, 0, vertices),
	}
}

// add adds an arc and returns its index. Arcs without room need not be added: the
// index is -1 then.
func (n *network) add(from, to, room, cost int) int {
	if room == 0 {
		return -1
	}
	if room < 0 || cost < 0 {
		panic(fmt.Sprintf("hashing: FLOW-1: an arc with room %d and cost %d", room, cost))
	}
	n.arcs = append(n.arcs, arc{int32(to), int32(room), int32(cost)}, arc{int32(from), 0, int32(-cost)})
	return len(n.arcs) - 2
}

// full tells whether an arc is used up.
func (n *network) full(e int) bool { return e >= 0 && n.arcs[e].room == 0 }

// index sorts the arcs by the vertex they leave.
func (n *network) index() {
	for e := range n.arcs {
		n.first[n.arcs[e^1].to+1]++
	}
	for v := range n.next {
		n.first[v+1] += n.first[v]
		n.next[v] = n.first[v]
	}
	n.out = make([]int32, len(n.arcs))
	for e := range n.arcs {
		from := n.arcs[e^1].to
		n.out[n.next[from]] = int32(e)
		n.next[from]++
	}
}

// solve fills the network and returns the size and cost of the flow.
func (n *network) solve(s, t int) (size, cost int) {
	n.index()
	for {
		if !n.reach(int32(s), int32(t)) {
			if !n.raise() {
				return size, cost
			}
			continue
		}
		copy(n.next, n.first)
		pushed := int(n.push(int32(s), int32(t), math.MaxInt32))
		size += pushed
		cost += pushed * n.potential[t]
	}
}

func (n *network) reduced(from int32, a arc) int {
	return int(a.cost) + n.potential[from] - n.potential[a.to]
}

// reach numbers the vertices by their distance from s over arcs with room and no reduced
// cost, as far as t is, and tells whether t was reached.
func (n *network) reach(s, t int32) bool {
	for v := range n.level {
		n.level[v] = -1
	}
	n.level[s] = 0
	n.queue = append(n.queue[:0], s)
	for i := 0; i < len(n.queue); i++ {
		v := n.queue[i]
		if n.level[t] >= 0 && n.level[v] >= n.level[t] {
			break
		}
		for _, e := range n.out[n.first[v]:n.first[v+1]] {
			if a := n.arcs[e]; a.room > 0 && n.level[a.to] < 0 && n.reduced(v, a) == 0 {
				n.level[a.to] = n.level[v] + 1
				n.queue = append(n.queue, a.to)
			}
		}
	}
	return n.level[t] >= 0
}

// raise opens at least one way on from the vertices that were reached, by the least
// rise of the others. False if no arc leads there.
func (n *network) raise() bool {
	least := math.MaxInt
	for _, v := range n.queue {
		for _, e := range n.out[n.first[v]:n.first[v+1]] {
			if a := n.arcs[e]; a.room > 0 && n.level[a.to] < 0 {
				least = min(least, n.reduced(v, a))
			}
		}
	}
	if least == math.MaxInt {
		return false
	}
	for v := range n.potential {
		if n.level[v] < 0 {
			n.potential[v] += least
		}
	}
	return true
}

// push sends up to most units from v to t, over arcs to the next level without reduced
// cost, and returns how many it could.
func (n *network) push(v, t, most int32) int32 {
	if v == t {
		return most
	}
	if n.level[v] >= n.level[t] {
		return 0
	}
	var pushed int32
	for ; n.next[v] < n.first[v+1]; n.next[v]++ {
		e := n.out[n.next[v]]
		a := n.arcs[e]
		if a.room == 0 || n.level[a.to] != n.level[v]+1 || n.reduced(v, a) != 0 {
			continue
		}
		d := n.push(a.to, t, min(most-pushed, a.room))
		n.arcs[e].room -= d
		n.arcs[e^1].room += d
		if pushed += d; pushed == most {
			break
		}
	}
	return pushed
}
