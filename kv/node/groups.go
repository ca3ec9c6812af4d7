package node

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
)

// group is what the node has of one Raft group: at most one replica, or what is left of one.
type group struct {
	id raft.GroupID
	// replica is nil where there is none, or not yet.
	replica *replica.Replica
	// newest is the newest replica of the group that the log knows, 0 if none; it only grows (NODE-5).
	newest raft.ReplicaID
	// beginning is the replica whose beginning is on its way to the log, 0 if there is none.
	beginning raft.ReplicaID
	// doomed is the replica that is to be destroyed (destroy.go), 0 if there is none.
	doomed raft.ReplicaID
	// erasing is set from the writing of a tombstone until the engine's data is gone.
	erasing bool

	// asleep is set while the replica sleeps, and reliesOn are the nodes that it does so on the word of (vigil.go).
	asleep   bool
	reliesOn []env.NodeID

	// counted is how much of what the replica applied the next flush counts (flush.go).
	counted int

	// bytes is about what the engine has of the replica, 0 if that is not known (sizes.go).
	bytes uint64

	// ready is set while the group waits for its part of the turn (NODE-10).
	ready bool
	// deadline is when the replica next wants a Tick; heapAt its place in the heap.
	deadline env.Instant
	heapAt   int
}

// groups are the groups of a node. A turn costs what the groups that have something to do cost,
// not what all cost: of the thousands that a node may have most are idle.
type groups struct {
	// all is ascending.
	all  []*group
	byID map[raft.GroupID]*group
	// ready are those that have been handed something since their last part of a turn.
	ready, turning []*group
	due            dueHeap
}

func newGroups() groups { return groups{byID: make(map[raft.GroupID]*group)} }

// get returns the group, nil if the node never heard of it.
func (gs *groups) get(id raft.GroupID) *group { return gs.byID[id] }

// add returns the group, which is made if need be.
func (gs *groups) add(id raft.GroupID) *group {
	if g := gs.byID[id]; g != nil {
		return g
	}
	g := &group{id: id, deadline: env.Never}
	gs.byID[id] = g
	at, _ := slices.BinarySearchFunc(gs.all, id, func(g *group, id raft.GroupID) int { return cmp.Compare(g.id, id) })
	gs.all = slices.Insert(gs.all, at, g)
	g.heapAt = len(gs.due)
	heap.Push(&gs.due, g)
	return g
}

// touch has the group take part in the next turn.
func (gs *groups) touch(g *group) {
	if !g.ready {
		g.ready = true
		gs.ready = append(gs.ready, g)
	}
}

// take returns the groups that take part in this turn. What is touched from now on takes part in the next.
func (gs *groups) take() []*group {
	gs.ready, gs.turning = gs.turning[:0], gs.ready
	for _, g := range gs.turning {
		g.ready = false
	}
	return gs.turning
}

// schedule notes when the group wants a Tick.
func (gs *groups) schedule(g *group) {
	at := env.Never
	if g.replica != nil {
		at = g.replica.Deadline()
	}
	if at != g.deadline {
		g.deadline = at
		heap.Fix(&gs.due, g.heapAt)
	}
}

// postpone takes the group's deadline away until its part of the turn gives it another one.
func (gs *groups) postpone(g *group) {
	g.deadline = env.Never
	heap.Fix(&gs.due, g.heapAt)
}

// deadline is that of the group that is due first.
func (gs *groups) deadline() env.Instant {
	if len(gs.due) == 0 {
		return env.Never
	}
	return gs.due[0].deadline
}

// dueHeap orders groups by deadline, then by id, so that equal deadlines are met in an order that does not
// depend on history.
type dueHeap []*group

func (h dueHeap) Len() int { return len(h) }

func (h dueHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].deadline, h[j].deadline), cmp.Compare(h[i].id, h[j].id)) < 0
}

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapAt, h[j].heapAt = i, j
}

// Push implements heap.Interface.
func (h *dueHeap) Push(x any) { *h = append(*h, x.(*group)) }

// Pop implements heap.Interface; nothing ever leaves the heap.
func (h *dueHeap) Pop() any { panic("node: a group left the heap of deadlines") }
