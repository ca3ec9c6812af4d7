package core

import (
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// session is the one that numbered writes use. id 0 means there is none.
type session struct {
	id uint64
	// next is the number that the next write gets; acked is the highest number up
	// to which all have completed (CORE-4).
	next, acked uint64
	// done marks completed numbers above acked, by number modulo the window.
	done []bool
	// used is when the session was last known to be refreshed.
	used env.Instant
	// opening and keeping are the core's own operations, if under way.
	opening, keeping *op
}

// admits tells whether another number may be given out (CORE-5).
func (s *session) admits() bool {
	return s.id != 0 && s.next <= s.acked+uint64(len(s.done))
}

// complete notes that a number is never sent again.
func (s *session) complete(seq uint64) {
	n := uint64(len(s.done))
	s.done[seq%n] = true
	for s.done[(s.acked+1)%n] {
		s.acked++
		s.done[s.acked%n] = false
	}
}

// begin starts to use a session that was opened.
func (s *session) begin(id uint64, now env.Instant) {
	s.id, s.next, s.acked, s.used = id, 1, 0, now
	clear(s.done)
}

// needSession opens a session if there is none.
func (c *Core) needSession(now env.Instant) {
	if c.sess.id != 0 || c.sess.opening != nil {
		return
	}
	o := c.newOp(roleOpenSession)
	c.sess.opening = o
	c.dispatch(now, o)
}

// keepSession refreshes the session if it is due.
func (c *Core) keepSession(now env.Instant) {
	if now < c.keepAliveAt() {
		return
	}
	o := c.newOp(roleKeepAlive)
	o.session = c.sess.id
	c.sess.keeping = o
	c.dispatch(now, o)
}

func (c *Core) keepAliveAt() env.Instant {
	if c.sess.id == 0 || c.sess.keeping != nil || c.closed {
		return env.Never
	}
	return c.sess.used.Add(c.cfg.KeepAlive)
}

// loseSession gives up a session that the servers do not know. Writes that wait
// for another attempt either were certainly not applied and get a new session,
// or end Unknown. Writes in flight are judged when their answers come.
func (c *Core) loseSession(now env.Instant, id uint64) {
	if id == 0 || c.sess.id != id {
		return
	}
	c.sess.id = 0
	if k := c.sess.keeping; k != nil {
		c.drop(k)
	}
	for _, p := range [...]place{parked, backingOff} {
		for o := c.lists[p].head; o != nil; {
			next := o.next
			if o.seq != 0 && o.session == id {
				c.dispatch(now, o)
			}
			o = next
		}
	}
}

// ownDone ends one of the core's own operations with an answer.
func (c *Core) ownDone(now env.Instant, o *op, resp *kvpb.Response) {
	role := o.role
	ok := resp.Code == kvpb.Code_OK
	c.drop(o)
	switch {
	case role == roleKeepAlive && ok:
		c.sess.used = now
	case role == roleOpenSession && ok && resp.Session != 0:
		c.sess.begin(resp.Session, now)
	case role == roleOpenSession:
		message := resp.Message
		if ok {
			message = "the server opened a session without a name"
		}
		for w := c.lists[waiting].head; w != nil; w = c.lists[waiting].head {
			c.giveUp(now, w, ReasonInvalid, "no session could be opened: "+message)
		}
	}
}

// drop forgets one of the core's own operations.
func (c *Core) drop(o *op) {
	switch o.role {
	case roleOpenSession:
		c.sess.opening = nil
	case roleKeepAlive:
		c.sess.keeping = nil
	}
	c.release(o)
}
