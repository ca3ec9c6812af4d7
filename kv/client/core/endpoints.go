package core

import (
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// silenceFactor times the attempt timeout is how long an endpoint that let a
// request time out is only asked when no other can be.
const silenceFactor = 4

// endpoint is what is known of one server.
type endpoint struct {
	address   string
	node      uint64
	connected bool
	// asked is when the first request since the last answer was sent, 0 if there was none.
	asked env.Instant
	// shunUntil is when it may be chosen again without need.
	shunUntil env.Instant

	// learned: a hint or the routing table named it, not the configuration.
	learned bool
	// unlisted: it was learned, and the routing table does not name it (any more).
	unlisted bool
	// used is when something was last sent there, or it was dialled.
	used env.Instant
	// gone: it was hung up. vacant: the shell has done so, and the number may be used again.
	gone, vacant bool
}

// find returns the endpoint with this address, or else with this node; -1 if there is none.
func (c *Core) find(address string, node uint64) int {
	if address != "" {
		for i := range c.endpoints {
			if c.endpoints[i].address == address {
				return i
			}
		}
	}
	if node != 0 {
		for i := range c.endpoints {
			e := &c.endpoints[i]
			// In a sharded cluster addresses are known: an endpoint that is not connected is
			// where the node used to be.
			if e.node == node && (e.connected || address == "" || !c.sharded()) {
				return i
			}
		}
	}
	return -1
}

// reach returns the endpoint of a node. An unknown address becomes an endpoint, if there is
// room; -1 if there is none.
func (c *Core) reach(now env.Instant, address string, node uint64) int {
	if ep := c.find(address, node); ep >= 0 {
		return ep
	}
	if address == "" || !c.byAddress {
		return -1
	}
	ep := c.room(now)
	if ep < 0 {
		return -1
	}
	c.endpoints[ep] = endpoint{address: address, node: node, learned: true, unlisted: c.sharded() && !c.routes.listed[address], used: now}
	c.out.Dials = append(c.out.Dials, Dial{Endpoint: ep, Address: address})
	if c.sharded() {
		c.idleAt = min(c.idleAt, now.Add(c.cfg.EndpointIdle))
	}
	return ep
}

// room returns a number for a new endpoint, -1 if there is none at the moment. Then the
// endpoint that was not used for longest makes room, for later.
func (c *Core) room(now env.Instant) int {
	for i := range c.endpoints {
		if c.endpoints[i].vacant {
			return i
		}
	}
	if n := len(c.endpoints); n < c.cfg.MaxEndpoints {
		c.endpoints = append(c.endpoints, endpoint{})
		return n
	}
	if c.sharded() && c.evictAt <= now {
		c.evictAt = now.Add(c.cfg.AttemptTimeout)
		c.evict(now)
	}
	return -1
}

// evict hangs up the endpoint that was not used for longest, one at a time.
func (c *Core) evict(now env.Instant) {
	oldest := -1
	for ep := range c.endpoints {
		e := &c.endpoints[ep]
		if e.gone {
			return
		}
		if c.idle(now, ep, c.cfg.AttemptTimeout) && (oldest < 0 || e.used < c.endpoints[oldest].used) {
			oldest = ep
		}
	}
	if oldest >= 0 {
		c.hangUp(oldest)
	}
}

// idle tells whether the endpoint was learned, and sent nothing for so long.
func (c *Core) idle(now env.Instant, ep int, long time.Duration) bool {
	e := &c.endpoints[ep]
	if !e.learned || e.gone || now < e.used.Add(long) {
		return false
	}
	for o := c.lists[inFlight].head; o != nil; o = o.next {
		if o.cur.ep == ep {
			return false
		}
	}
	return true
}

// hangUpIdle hangs up the endpoints that were idle for long. If they are needed again they are
// dialled again.
func (c *Core) hangUpIdle(now env.Instant) {
	if now < c.idleAt {
		return
	}
	c.idleAt = env.Never
	for ep := range c.endpoints {
		e := &c.endpoints[ep]
		switch {
		case !e.learned || e.gone:
		case c.idle(now, ep, c.cfg.EndpointIdle):
			c.hangUp(ep)
		default:
			at := e.used.Add(c.cfg.EndpointIdle)
			if at <= now { // something is in flight there
				at = now.Add(c.cfg.EndpointIdle)
			}
			c.idleAt = min(c.idleAt, at)
		}
	}
}

func (c *Core) hangUp(ep int) {
	c.endpoints[ep] = endpoint{gone: true}
	c.aims++
	for _, g := range c.groups {
		g.forget(ep)
	}
	c.out.Hangups = append(c.out.Hangups, ep)
}

// Closed says that the shell hung up the endpoint and nothing more comes from it.
// Its number may then be dialled again.
func (c *Core) Closed(now env.Instant, ep int) {
	e := &c.endpoints[ep]
	if !e.gone || e.vacant || c.closed {
		return
	}
	e.vacant = true
	c.aims++
	c.unpark(now) // there is room for an endpoint that they need
	c.advance(now)
}

// unpark looks anew at the operations that found no endpoint connected.
func (c *Core) unpark(now env.Instant) {
	for n := c.lists[parked].n; n > 0 && c.lists[parked].n > 0; n-- {
		c.dispatch(now, c.lists[parked].head)
	}
}

// Connected says that requests can be sent to the endpoint.
func (c *Core) Connected(now env.Instant, ep int) {
	e := &c.endpoints[ep]
	if e.connected || e.gone || c.closed {
		return
	}
	e.connected = true
	e.shunUntil, e.used = 0, now
	c.aims++
	for _, g := range c.groups {
		g.judge(ep, 0)
	}
	c.unpark(now)
	for _, g := range c.groups {
		if g.leader.ep == ep || slices.Contains(g.replicas, ep) && !c.leaderConnected(g) {
			c.leaderFound(now, g)
		}
	}
	c.advance(now)
}

// Disconnected says that the link to the endpoint broke. notSent names requests
// that certainly did not leave; all others sent there may have been executed.
func (c *Core) Disconnected(now env.Instant, ep int, notSent []uint64) {
	c.endpoints[ep].connected, c.endpoints[ep].asked = false, 0
	c.aims++
	c.deposed(ep)
	c.notSent(now, notSent)
	for o := c.lists[inFlight].head; o != nil; {
		next := o.next
		if o.cur.ep == ep {
			o.expire()
			c.unanswered(now, o, ReasonDisconnected)
		}
		o = next
	}
	c.advance(now)
}

// NotSent says that these requests were not sent, though the link lives: too many
// wait for it.
func (c *Core) NotSent(now env.Instant, ids []uint64) {
	c.notSent(now, ids)
	c.advance(now)
}

func (c *Core) notSent(now env.Instant, ids []uint64) {
	for _, id := range ids {
		o := c.lookup(id)
		if o == nil {
			continue
		}
		if _, current, ok := o.take(id); ok && current {
			c.again(now, o)
		}
	}
}
