package core

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
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
	// unfitUntil is the same for what any endpoint may answer: it refused such a read.
	unfitUntil env.Instant
}

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

// pick chooses the endpoint for the operation's next attempt, -1 if none is connected.
func (c *Core) pick(now env.Instant, o *op) int {
	shun := o.shun - 1
	anywhere := o.anywhere()
	if !anywhere {
		if l := c.leader.ep; l >= 0 && l != shun && c.endpoints[l].connected {
			return l
		}
	}
	n := len(c.endpoints)
	best, bestRank := -1, 3
	for i := range n {
		ep := (c.robin + i) % n
		e := &c.endpoints[ep]
		if !e.connected {
			continue
		}
		rank := 0
		if e.shunUntil > now || anywhere && e.unfitUntil > now {
			rank = 1
		}
		if ep == shun {
			rank = 2
		}
		if rank < bestRank {
			best, bestRank = ep, rank
		}
	}
	if best >= 0 {
		c.robin = (best + 1) % n
	}
	return best
}

// leads notes that the endpoint answered a request as only a leader does.
func (c *Core) leads(now env.Instant, ep int, sent env.Instant) {
	if c.leader.confirmed && (c.leader.ep == ep || sent < c.leader.since) {
		// Known, or the answer to a request from before the present leader was
		// confirmed, perhaps by its predecessor.
		return
	}
	c.leader = leadership{ep: ep, confirmed: true, since: now}
	c.leaderFound(now)
}

// learnRefusal draws conclusions about who leads from a negative answer to a request
// that only a leader executes.
func (c *Core) learnRefusal(now env.Instant, ep int, sent env.Instant, resp *kvpb.Response) {
	switch resp.Code {
	case kvpb.Code_SESSION_UNKNOWN, kvpb.Code_SEQUENCE_TOO_OLD, kvpb.Code_WINDOW_FULL:
		c.leads(now, ep, sent) // these are decided where the log is applied
		return
	case kvpb.Code_NOT_LEADER, kvpb.Code_WRONG_PARTITION, kvpb.Code_UNAVAILABLE:
	default:
		return
	}
	if c.leader.ep == ep && (!c.leader.confirmed || sent >= c.leader.since) {
		c.leader = nobody
	}
	if c.leader.confirmed {
		return
	}
	if hint := c.hinted(resp); hint >= 0 && hint != ep {
		c.leader = leadership{ep: hint}
	}
}

// hinted returns the endpoint that the answer says leads, -1 if it does not say. An
// unknown address becomes an endpoint.
func (c *Core) hinted(resp *kvpb.Response) int {
	if resp.LeaderAddress != "" {
		for i := range c.endpoints {
			if c.endpoints[i].address == resp.LeaderAddress {
				return i
			}
		}
	}
	if resp.LeaderNode != 0 {
		for i := range c.endpoints {
			if c.endpoints[i].node == resp.LeaderNode {
				return i
			}
		}
	}
	if resp.LeaderAddress == "" || !c.byAddress || len(c.endpoints) >= c.cfg.MaxEndpoints {
		return -1
	}
	ep := len(c.endpoints)
	c.endpoints = append(c.endpoints, endpoint{address: resp.LeaderAddress, node: resp.LeaderNode})
	c.out.Dials = append(c.out.Dials, Dial{Endpoint: ep, Address: resp.LeaderAddress})
	return ep
}

// leaderFound lets the operations that looked for a leader go there now.
func (c *Core) leaderFound(now env.Instant) {
	for o := c.lists[backingOff].head; o != nil; {
		next := o.next
		if o.seeking {
			o.redirects, o.shun = 0, 0
			c.dispatch(now, o)
		}
		o = next
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
	if c.leader.ep == ep {
		c.leader = nobody
	}
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
