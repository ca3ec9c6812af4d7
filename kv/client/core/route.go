package core

import (
	"fmt"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/env"
)

// route finds the group that an operation is for, and sends it there.
func (c *Core) route(now env.Instant, o *op) {
	if !c.routes.known {
		c.hold(o, unrouted)
		c.needTable(now)
		return
	}
	if k := o.spec.Kind; k == MultiGet || k == MultiPut {
		c.splitUp(now, o)
		return
	}
	message := ""
	switch o.spec.Kind {
	case Scan:
		o.group, message = c.scanGroup(now, o)
	case Batch:
		o.group, message = c.batchGroup(now, o)
	default:
		o.group = c.groupOf(now, o.spec.Key)
	}
	if message != "" {
		c.giveUp(now, o, ReasonInvalid, message)
		return
	}
	c.dispatch(now, o)
}

// groupOf returns the group that a key is of (CORE-11).
func (c *Core) groupOf(now env.Instant, key []byte) *group {
	if r := &c.routes; c.sharded() {
		return c.partition(now, hashing.Partition(r.seed, r.partitions, key))
	}
	return c.routes.only
}

// batchGroup returns the group of all items, or what is wrong with them.
func (c *Core) batchGroup(now env.Instant, o *op) (*group, string) {
	items := o.spec.Items
	g := c.groupOf(now, items[0].Key)
	for i := 1; i < len(items); i++ {
		if other := c.groupOf(now, items[i].Key); other != g {
			return nil, fmt.Sprintf("items 0 and %d are of different partitions (%d and %d), and a batch is atomic, so it must be of one: "+
				"split it, or use a multi-get or multi-put, which are not atomic", i, g.id, other.id)
		}
	}
	return g, ""
}
