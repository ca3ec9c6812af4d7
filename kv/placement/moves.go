package placement

import (
	"cmp"
	"slices"
)

// moves are the partitions that are being moved, and what nodes have to do with them (PLACE-4).
type moves struct {
	cfg   *DriverConfig
	count int
	// busy counts, for each node, the partitions that it gets or sends.
	busy map[uint64]int
}

// holds tells whether the partition's movement takes a place among the MaxMoves.
func (b *board) holds(p *Partition) bool {
	switch {
	case p.Group == MetaGroup || b.reached(p):
		return false
	case p.Epoch == 1 && b.leader(p.Group) == nil:
		return false // it is being created: there is nothing to copy
	}
	// One that nobody leads copies nothing, and must not hold up the others for ever. But a driver that is
	// new has only not heard of the leader yet.
	return !b.leaderless(p.Group)
}

// stuck tells whether the partition's movement cannot end as it is: a node that is to get a replica is dead or gone.
func (b *board) stuck(p *Partition) bool {
	v := b.leader(p.Group)
	return v != nil && slices.ContainsFunc(without(p.Replicas, b.voters(v, p)), func(id uint64) bool {
		return !b.nodes[id].live()
	})
}

// moving counts what is under way. What is stuck keeps its place, but keeps no node busy: else two such movements could wait
// for each other's nodes for ever (SHARD-18).
func (b *board) moving() *moves {
	m := &moves{cfg: &b.d.cfg, busy: make(map[uint64]int)}
	for i := range b.s.Partitions {
		if p := &b.s.Partitions[i]; b.holds(p) {
			m.count++
			if !b.stuck(p) {
				m.work(b.participants(p, p.Replicas), 1)
			}
		}
	}
	return m
}

// participants are the nodes that have work when the group gets these nodes: its leader, and those that have no
// voter of it yet.
func (b *board) participants(p *Partition, nodes []uint64) []uint64 {
	v := b.leader(p.Group)
	if v == nil {
		return nil
	}
	all := without(nodes, b.voters(v, p))
	if len(all) > 0 && !slices.Contains(all, v.node) {
		all = append(all, v.node)
	}
	return all
}

func (m *moves) work(nodes []uint64, n int) {
	for _, id := range nodes {
		m.busy[id] += n
	}
}

func (m *moves) free(node uint64) bool { return m.busy[node] < m.cfg.MaxMovesPerNode }

// task is a group that should get other nodes.
type task struct {
	p    *Partition
	goal []uint64
	why  urgency
}

// tasks returns the groups that should get other nodes now, the most urgent first.
func (b *board) tasks() (tasks []task) {
	for i := range b.s.Partitions {
		p := &b.s.Partitions[i]
		goal := b.d.goalOf(b, p)
		if why := b.classify(p, goal); why != idle {
			tasks = append(tasks, task{p, goal, why})
		}
	}
	slices.SortStableFunc(tasks, func(x, y task) int {
		return cmp.Or(-compareBool(x.p.Group == MetaGroup, y.p.Group == MetaGroup), cmp.Compare(x.why, y.why))
	})
	return tasks
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// retarget returns a transaction that gives some groups other nodes.
func (d *Driver) retarget(b *board) Txn {
	t := b.s.change(b.s.Cluster)
	m := b.moving()
	for _, x := range b.tasks() {
		if t.full() {
			break
		}
		if nodes := m.start(b, x); nodes != nil {
			c := course{p: x.p}
			t.putPartition(x.p.with(nodes), c.note(nodes, x.why))
		}
	}
	if len(t.Notes) == 0 {
		return Txn{}
	}
	return *t
}

// start chooses the nodes that a group gets next and counts the movement; nil if it has to wait.
func (m *moves) start(b *board, x task) []uint64 {
	v := b.leader(x.p.Group)
	c := course{b: b, p: x.p, goal: x.goal, voters: b.voters(v, x.p), absent: b.absent(v, x.p)}
	c.free = func(id uint64) bool {
		return x.p.Group == MetaGroup || slices.Contains(c.voters, id) || m.free(id)
	}
	if x.p.Group == MetaGroup {
		return c.next()
	}
	held := b.holds(x.p)
	var before []uint64
	if held && !b.stuck(x.p) {
		before = b.participants(x.p, x.p.Replicas)
	}
	if !held && m.count >= m.cfg.MaxMoves {
		return nil
	}
	m.work(before, -1)
	nodes := c.next()
	work := b.participants(x.p, nodes)
	if nodes == nil || len(work) > 0 && !m.free(v.node) {
		m.work(before, 1)
		return nil
	}
	m.work(work, 1)
	if !held {
		m.count++
	}
	return nodes
}

// orElse returns the first list, or the second one if there is no first.
func orElse(a, b []uint64) []uint64 {
	if a != nil {
		return a
	}
	return b
}
