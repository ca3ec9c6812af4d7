package core

import (
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// idleKeepAlives is how often the session of a partition is refreshed without a write
// between. Then it is closed: a client that once wrote everywhere does not keep a session
// in every partition for ever.
const idleKeepAlives = 5

// session is the one that a group's numbered writes use. id 0 means there is none.
type session struct {
	id uint64
	// next is the number that the next write gets; acked is the highest number up
	// to which all have completed (CORE-4).
	next, acked uint64
	// done marks completed numbers above acked, by number modulo the window.
	done   []bool
	window int
	// used is when the session was last known to be refreshed, and kept how often it was kept
	// alive since its last write.
	used env.Instant
	kept int
	// opening and keeping are the core's own operations, if under way.
	opening, keeping *op
}

// admits tells whether another number may be given out (CORE-5).
func (s *session) admits() bool {
	return s.id != 0 && s.next <= s.acked+uint64(s.window)
}

// number gives out the next number.
func (s *session) number() uint64 {
	s.kept = 0
	s.next++
	return s.next - 1
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
	s.id, s.next, s.acked, s.used, s.kept = id, 1, 0, now, 0
	if s.done == nil {
		s.done = make([]bool, s.window)
	}
	clear(s.done)
}

// needSession opens a session if there is none.
func (c *Core) needSession(now env.Instant, g *group) {
	if g.sess.id != 0 || g.sess.opening != nil {
		return
	}
	o := c.newOp(roleOpenSession)
	o.group = g
	g.sess.opening = o
	c.dispatch(now, o)
}

// keepSessions refreshes the sessions that are due, and closes those that are idle.
func (c *Core) keepSessions(now env.Instant) {
	for len(c.duties) > 0 && c.duties[0].dueAt <= now {
		g := c.duties[0]
		if c.sharded() && g.sess.kept >= idleKeepAlives && g.sess.acked+1 == g.sess.next {
			c.closeSession(g)
			continue
		}
		o := c.newOp(roleKeepAlive)
		o.group, o.session = g, g.sess.id
		g.sess.keeping = o
		c.schedule(g)
		c.dispatch(now, o)
	}
}

// closeSession forgets a session without open numbers. That a server is told is only a courtesy.
func (c *Core) closeSession(g *group) {
	if l := g.leader.ep; g.sess.id != 0 && l >= 0 && c.endpoints[l].connected {
		c.out.Sends = append(c.out.Sends, Send{Endpoint: l, Request: &kvpb.Request{
			Id: c.newID(slotMask), Kind: kvpb.RequestKind_CLOSE_SESSION, Partition: g.id, Session: g.sess.id,
		}})
	}
	g.sess.id, g.sess.done = 0, nil
	c.schedule(g)
}

func (c *Core) keepAliveAt(g *group) env.Instant {
	if g.sess.id == 0 || g.sess.keeping != nil || c.closed {
		return env.Never
	}
	return g.sess.used.Add(c.cfg.KeepAlive - c.stagger(g))
}

// loseSession gives up a session that the servers do not know. Writes that wait
// for another attempt either were certainly not applied and get a new session,
// or end Unknown. Writes in flight are judged when their answers come.
func (c *Core) loseSession(now env.Instant, g *group, id uint64) {
	if id == 0 || g.sess.id != id {
		return
	}
	g.sess.id = 0
	if k := g.sess.keeping; k != nil {
		c.drop(k)
	}
	c.schedule(g)
	c.touch(g)
	for _, l := range [...]*list{&c.lists[parked], &g.resting} {
		for o := l.head; o != nil; {
			next := o.next
			if o.group == g && o.seq != 0 && o.session == id {
				c.dispatch(now, o)
			}
			o = next
		}
	}
}

// ownDone ends one of the core's own operations with an answer.
func (c *Core) ownDone(now env.Instant, o *op, resp *kvpb.Response) {
	role, g := o.role, o.group
	ok := resp.Code == kvpb.Code_OK
	c.drop(o)
	switch {
	case role == roleKeepAlive && ok:
		g.sess.used = now
		g.sess.kept++
	case role == roleOpenSession && ok && resp.Session != 0:
		g.sess.begin(resp.Session, now)
	case role == roleOpenSession:
		message := resp.Message
		if ok {
			message = "the server opened a session without a name"
		}
		for w := g.waiting.head; w != nil; w = g.waiting.head {
			c.giveUp(now, w, ReasonInvalid, "no session could be opened: "+message)
		}
	}
	c.schedule(g)
}

// drop forgets one of the core's own operations.
func (c *Core) drop(o *op) {
	g := o.group
	switch o.role {
	case roleOpenSession:
		g.sess.opening = nil
	case roleKeepAlive:
		g.sess.keeping = nil
		c.schedule(g)
	case roleTable:
		c.routes.asking = nil
	}
	if g != nil {
		c.touch(g)
	}
	c.release(o)
}
