package core

import (
	"container/heap"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// duties is a heap of the groups whose sessions want something at some time, by that time,
// then by number so that the order is a function of the calls alone.
type duties []*group

func (d duties) Len() int { return len(d) }

func (d duties) Less(i, j int) bool {
	if d[i].dueAt != d[j].dueAt {
		return d[i].dueAt < d[j].dueAt
	}
	return d[i].id < d[j].id
}

func (d duties) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].duty, d[j].duty = i, j
}

// Push and Pop are called by container/heap only.
func (d *duties) Push(x any) {
	g := x.(*group)
	g.duty = len(*d)
	*d = append(*d, g)
}

func (d *duties) Pop() any {
	last := len(*d) - 1
	g := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	g.duty = -1
	return g
}

// schedule puts the group where it belongs after its session has changed.
func (c *Core) schedule(g *group) {
	at := c.keepAliveAt(g)
	switch {
	case at == env.Never && g.duty >= 0:
		heap.Remove(&c.duties, g.duty)
	case at == env.Never:
	case g.duty < 0:
		g.dueAt = at
		heap.Push(&c.duties, g)
	case g.dueAt != at:
		g.dueAt = at
		heap.Fix(&c.duties, g.duty)
	}
}

// stagger is by how much the keep-alives of a group come early: up to a quarter, spread over
// the partitions.
func (c *Core) stagger(g *group) time.Duration {
	if !c.sharded() {
		return 0
	}
	const golden = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	return c.cfg.KeepAlive / 1024 * time.Duration(g.id*golden>>56)
}
