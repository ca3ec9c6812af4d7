package core

import (
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// leadership is the belief who leads.
type leadership struct {
	// ep is the endpoint, -1 for unknown.
	ep int
	// confirmed says that it answered as a leader does, since when; else
	// it is a hint.
	confirmed bool
	since     env.Instant
}

// nobody is the belief of not knowing a leader.
var nobody = leadership{ep: -1}

// worst is above all ranks of endpoints.
const worst = 9

// pick chooses the endpoint for the operation's next attempt, -1 if none is connected: the
// one that leads if it is known, else the best in turn.
func (c *Core) pick(now env.Instant, o *op) int {
	g := o.group
	if g == nil {
		if from := c.routes.from; o.attempts == 0 && from >= 0 && c.endpoints[from].connected {
			return from
		}
		return c.inTurn(now, o, nil, &c.routes.robin)
	}
	c.aim(now, g, o.anywhere() || !c.leaderConnected(g))
	if l := g.leader.ep; !o.anywhere() && l >= 0 && l != o.shun-1 && c.endpoints[l].connected {
		return l
	}
	return c.inTurn(now, o, g.replicas, &c.robin)
}

// inTurn chooses among the replicas of the operation's group, and then among all others, of
// which robin is the next in turn.
func (c *Core) inTurn(now env.Instant, o *op, replicas []int, robin *int) int {
	best, bestRank, next := -1, worst, 0
	n := len(replicas)
	for i := range n {
		at := (o.group.robin + i) % n
		if rank := c.rank(now, o, replicas[at], true); rank < bestRank {
			best, bestRank, next = replicas[at], rank, (at+1)%n
		}
	}
	replica := best >= 0
	n = len(c.endpoints)
	for i := range n {
		ep := (*robin + i) % n
		if rank := c.rank(now, o, ep, false); rank < bestRank && !slices.Contains(replicas, ep) {
			best, bestRank, replica = ep, rank, false
		}
	}
	switch {
	case replica:
		o.group.robin = next
	case best >= 0:
		*robin = (best + 1) % n
	}
	return best
}

// rank says how good an endpoint is for the operation, 0 is best: a replica, one that lately
// was silent or refused, another endpoint, one that just refused this operation, one that the
// routing table does not name any more.
func (c *Core) rank(now env.Instant, o *op, ep int, replica bool) int {
	e := &c.endpoints[ep]
	bad := 0
	switch {
	case !e.connected:
		return worst
	case ep == o.shun-1:
		bad = 2
	case e.shunUntil > now || o.anywhere() && !o.group.fit(now, ep):
		bad = 1
	}
	switch {
	case replica:
		return [...]int{0, 1, 4}[bad]
	case e.unlisted:
		return 6 + bad
	}
	return [...]int{2, 3, 5}[bad]
}

// leads notes that the endpoint answered a request as only a leader does.
func (c *Core) leads(now env.Instant, g *group, ep int, sent env.Instant) {
	if g.leader.confirmed && (g.leader.ep == ep || sent < g.leader.since) || c.endpoints[ep].gone {
		// Known, or the answer to a request from before the present leader was
		// confirmed, perhaps by its predecessor.
		return
	}
	g.leader = leadership{ep: ep, confirmed: true, since: now}
	c.leaderFound(now, g)
}

// learnRefusal draws conclusions about who leads from a negative answer to a request
// that only a leader executes.
func (c *Core) learnRefusal(now env.Instant, g *group, ep int, sent env.Instant, resp *kvpb.Response) {
	switch resp.Code {
	case kvpb.Code_SESSION_UNKNOWN, kvpb.Code_SEQUENCE_TOO_OLD, kvpb.Code_WINDOW_FULL:
		c.leads(now, g, ep, sent) // these are decided where the log is applied
		return
	case kvpb.Code_NOT_LEADER, kvpb.Code_WRONG_PARTITION, kvpb.Code_UNAVAILABLE:
	default:
		return
	}
	if g.leader.ep == ep && (!g.leader.confirmed || sent >= g.leader.since) {
		g.leader = nobody
	}
	if g.leader.confirmed {
		return
	}
	if hint := c.hinted(now, resp); hint >= 0 && hint != ep {
		g.leader = leadership{ep: hint}
	}
}

// hinted returns the endpoint that the answer says leads, -1 if it does not say. An
// unknown address becomes an endpoint.
func (c *Core) hinted(now env.Instant, resp *kvpb.Response) int {
	address := resp.LeaderAddress
	if address == "" {
		address = c.routes.nodes[resp.LeaderNode]
	}
	return c.reach(now, address, resp.LeaderNode)
}

// guessLeader believes the routing table if nothing better is known.
func (c *Core) guessLeader(now env.Instant, g *group) {
	if node := c.routes.places[g.id-1].leader; node != 0 && g.leader == nobody {
		if ep := c.reach(now, c.routes.nodes[node], node); ep >= 0 {
			g.leader = leadership{ep: ep}
		}
	}
}

// aim finds the endpoints of a group's replicas, if they may have changed. dial says that those
// without one are to get one.
func (c *Core) aim(now env.Instant, g *group, dial bool) {
	if !c.sharded() || g.aimed == c.aims && (g.complete || !dial) {
		return
	}
	g.aimed, g.complete, g.replicas = c.aims, true, g.replicas[:0]
	for _, node := range c.routes.places[g.id-1].replicas {
		address := c.routes.nodes[node]
		ep := c.find(address, node)
		if ep < 0 && dial {
			ep = c.reach(now, address, node)
		}
		switch {
		case ep < 0:
			g.complete = false
		case !slices.Contains(g.replicas, ep):
			g.replicas = append(g.replicas, ep)
		}
	}
}

// leaderConnected tells whether a leader is believed in that can be asked.
func (c *Core) leaderConnected(g *group) bool {
	return g.leader.ep >= 0 && c.endpoints[g.leader.ep].connected
}

// leaderFound lets the operations that looked for a leader go there now.
func (c *Core) leaderFound(now env.Instant, g *group) {
	for o := g.resting.head; o != nil; {
		next := o.next
		if o.seeking {
			o.redirects, o.shun = 0, 0
			c.dispatch(now, o)
		}
		o = next
	}
}

// deposed forgets that an endpoint leads anything.
func (c *Core) deposed(ep int) {
	for _, g := range c.groups {
		if g.leader.ep == ep {
			g.leader = nobody
		}
	}
}

// suspect looks at an endpoint that an operation has no answer from, and avoids it
// if it answered nothing at all for an attempt timeout. It reports whether it does.
func (c *Core) suspect(now env.Instant, ep int) bool {
	e := &c.endpoints[ep]
	if e.asked == 0 || now.Sub(e.asked) < c.cfg.AttemptTimeout {
		return false // it lives: only this request or its answer is slow or lost
	}
	e.shunUntil = now.Add(silenceFactor * c.cfg.AttemptTimeout)
	c.deposed(ep)
	return true
}

// pause returns how long the operation waits before its next attempt.
func (c *Core) pause(o *op) time.Duration {
	d := c.cfg.RetryBackoffMax
	if o.retries < 20 {
		d = min(d, c.cfg.RetryBackoffMin<<o.retries)
	}
	if d <= 1 {
		return d
	}
	half := int64(d) / 2
	return time.Duration(half + c.rng.Int64N(half+1))
}
