package core

import (
	"fmt"
	"strings"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// routes are what is known of the way from keys to groups.
type routes struct {
	// table is the newest one that was seen. known: there is one, or the cluster has none.
	table
	known bool
	// only is the group of all keys, if the cluster is not sharded; else groups has those in use by
	// partition number - 1.
	only   *group
	groups []*group

	// asking is the question for a table, if it is under way, and asked when the last one began.
	asking *op
	asked  env.Instant
	// robin is the endpoint to ask next. It has its own turns: in step with those of operations it
	// might ask the same one for ever.
	robin int
	// heard is a higher version that a refusal told of, 0 for none, and from the endpoint it came
	// from, -1 for none.
	heard uint64
	from  int
	// failing: operations did not get on since the last question, so the table may be old.
	failing bool
	// conflict says why two tables cannot be of one cluster (CORE-13).
	conflict string
}

// unknownKind is how a server that knows no routing tables refuses to be asked for one.
var unknownKind = fmt.Sprintf("request kind %d is not known", kvpb.RequestKind_TABLE)

// sharded tells whether keys are of different groups.
func (c *Core) sharded() bool { return c.routes.partitions > 0 }

// needTable asks for the routing table.
func (c *Core) needTable(now env.Instant) {
	if c.routes.asking != nil {
		return
	}
	o := c.newOp(roleTable)
	c.routes.asking, c.routes.asked, c.routes.failing = o, now, false
	c.dispatch(now, o)
}

// wantsTable tells whether there is still somebody to ask for.
func (c *Core) wantsTable() bool {
	return c.lists[unrouted].n > 0 || c.routes.known && c.active > 0
}

// tableAt is when the table is to be asked for again (CORE-12).
func (c *Core) tableAt() env.Instant {
	r := &c.routes
	switch {
	case !r.known || r.asking != nil || c.closed:
	case r.heard > r.version:
		return r.asked.Add(c.cfg.RetryBackoffMax)
	case r.failing && c.sharded():
		return r.asked.Add(silenceFactor * c.cfg.AttemptTimeout)
	}
	return env.Never
}

// renewTable asks for the table again if it is due.
func (c *Core) renewTable(now env.Instant) {
	switch {
	case now < c.tableAt():
	case c.active == 0:
		c.routes.heard, c.routes.failing = 0, false // nobody needs it: later refusals tell again
	default:
		c.needTable(now)
	}
}

// hear notes what version of the table a refusal told of.
func (c *Core) hear(ep int, resp *kvpb.Response) {
	r := &c.routes
	if c.cfg.Sharded && resp.TableVersion > max(r.version, r.heard) {
		r.heard, r.from = resp.TableVersion, ep
	}
}

// tableAnswered handles an answer to the question for the table.
func (c *Core) tableAnswered(now env.Instant, o *op, ep int, resp *kvpb.Response, current bool) {
	message := resp.Message
	switch {
	case resp.Code == kvpb.Code_OK:
		var t table
		if t, message = readTable(resp.Table); message == "" {
			c.drop(o)
			c.adopt(now, ep, &t)
			return
		}
	case resp.Code == kvpb.Code_INVALID && strings.Contains(resp.Message, unknownKind) && !c.routes.known:
		c.drop(o)
		c.adopt(now, ep, &table{})
		return
	}
	if !current {
		return
	}
	o.lastCode, o.lastMessage, o.lastEndpoint, o.shun = resp.Code, message, ep, ep+1
	c.again(now, o)
}

// adopt goes on with a table, unless the present one is newer.
func (c *Core) adopt(now env.Instant, ep int, t *table) {
	r := &c.routes
	r.heard, r.from = 0, -1
	first := !r.known
	switch {
	case first && t.partitions == 0:
		r.only = c.newGroup(c.cfg.Partition, now)
	case first:
		r.groups = make([]*group, t.partitions)
	default:
		if how := t.contradicts(&r.table); how != "" {
			c.conflict(now, ep, how)
			return
		}
		if t.version < r.version {
			return // of a node that lags behind
		}
		t.keepNewer(&r.table)
	}
	newer := t.version > r.version
	r.table, r.known = *t, true
	c.aims++
	if c.sharded() {
		c.follow(now, newer)
	}
	for o := c.lists[unrouted].head; o != nil; o = c.lists[unrouted].head {
		c.route(now, o)
	}
}

// follow looks anew where everything is.
func (c *Core) follow(now env.Instant, newer bool) {
	for i := range c.endpoints {
		e := &c.endpoints[i]
		e.unlisted = e.learned && !c.routes.listed[e.address]
	}
	for _, g := range c.groups {
		before := g.leader
		c.guessLeader(now, g)
		if newer || g.leader != before {
			c.leaderFound(now, g)
		}
	}
}

// conflict ends everything: operations may have gone to a cluster that is not theirs.
func (c *Core) conflict(now env.Instant, ep int, how string) {
	c.routes.conflict = fmt.Sprintf("endpoint %d", ep)
	if e := &c.endpoints[ep]; e.address != "" {
		c.routes.conflict = fmt.Sprintf("the node at %s", e.address)
	}
	c.routes.conflict += fmt.Sprintf(" has a routing table with %s: use the endpoints of one cluster only", how)
	c.endAll(now, ReasonWrongCluster, c.routes.conflict)
	for _, g := range c.groups {
		g.sess.id = 0
		c.schedule(g)
	}
}
