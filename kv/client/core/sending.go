package core

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// maxRedirects bounds the attempts of an operation that follow each other without
// a pause.
const maxRedirects = 3

// dispatch sends the operation if it can be sent, else puts it where it waits.
func (c *Core) dispatch(now env.Instant, o *op) {
	g := o.group
	if o.seq != 0 && o.session != g.sess.id {
		if o.unsettled() > 0 {
			c.giveUp(now, o, ReasonSessionLost, "")
			return
		}
		o.session, o.seq = 0, 0 // certainly not applied: it may start anew (CORE-3)
	}
	if o.numbered() && o.seq == 0 {
		if !g.sess.admits() {
			c.hold(o, waiting)
			c.needSession(now, g)
			return
		}
		o.session, o.seq = g.sess.id, g.sess.number()
	}
	ep := c.pick(now, o)
	if ep < 0 {
		c.hold(o, parked)
		return
	}
	c.send(now, o, ep)
}

// hold puts the operation into a list where only its deadline wakes it.
func (c *Core) hold(o *op, p place) {
	c.put(o, p)
	c.setWake(o, o.giveUpAt())
}

func (c *Core) send(now env.Instant, o *op, ep int) {
	o.cur = attempt{id: c.newID(o.slot), ep: ep, sent: now, session: o.session}
	e := &c.endpoints[ep]
	e.used = now
	if e.asked == 0 {
		e.asked = now
	}
	o.attempts++
	o.shun, o.seeking = 0, false
	c.put(o, inFlight)
	timeout := now.Add(c.patience(o))
	if o.deadline != 0 && (o.deadline < timeout || !o.own() && !o.read && o.spec.NoSession) {
		// What cannot be sent again is better waited for until its deadline.
		timeout = o.deadline
	}
	c.setWake(o, timeout)
	c.out.Sends = append(c.out.Sends, Send{Endpoint: ep, Request: c.request(o)})
}

// patience is how long the next attempt may stay unanswered. It doubles with each that
// did: a cluster that is slower than the timeout must not get more copies of a
// request than it can work off, or it never catches up.
func (c *Core) patience(o *op) time.Duration {
	return min(c.cfg.AttemptTimeout<<min(o.silences, 20), c.cfg.MaxAttemptTimeout)
}

// backOff makes the operation wait before its next attempt. seeking says that
// finding a leader ends the pause.
func (c *Core) backOff(now env.Instant, o *op, seeking bool) {
	if o.role == roleOpenSession && o.group.waiting.n == 0 || o.role == roleTable && !c.wantsTable() {
		c.drop(o) // nobody needs the session, or the table, any more
		return
	}
	if o.seq != 0 && o.session != o.group.sess.id {
		c.dispatch(now, o) // decides what becomes of a write whose session is gone
		return
	}
	if o.retries > 0 && !o.own() {
		c.routes.failing = true
	}
	at := now.Add(c.pause(o))
	o.retries++
	o.redirects = 0
	o.seeking = seeking
	c.put(o, backingOff)
	c.setWake(o, min(at, o.giveUpAt()))
}

// again sends the operation to another endpoint at once if it was not done too
// often, else after a pause.
func (c *Core) again(now env.Instant, o *op) {
	if o.redirects >= maxRedirects {
		c.backOff(now, o, true)
		return
	}
	o.redirects++
	c.dispatch(now, o)
}
