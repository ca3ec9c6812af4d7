package core

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// maxRedirects bounds the attempts of an operation that follow each other without
// a pause.
const maxRedirects = 3

// dispatch sends the operation if it can be sent, else puts it where it waits.
func (c *Core) dispatch(now env.Instant, o *op) {
	if o.seq != 0 && o.session != c.sess.id {
		if o.unsettled() > 0 {
			c.giveUp(now, o, ReasonSessionLost, "")
			return
		}
		o.session, o.seq = 0, 0 // certainly not applied: it may start anew (CORE-3)
	}
	if o.numbered() && o.seq == 0 {
		if !c.sess.admits() {
			c.hold(o, waiting)
			c.needSession(now)
			return
		}
		o.session, o.seq = c.sess.id, c.sess.next
		c.sess.next++
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
	if e := &c.endpoints[ep]; e.asked == 0 {
		e.asked = now
	}
	o.attempts++
	o.shun, o.seeking = 0, false
	c.put(o, inFlight)
	timeout := now.Add(c.patience(o))
	if o.deadline != 0 && (o.deadline < timeout || o.role == roleUser && !o.read && o.spec.NoSession) {
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
	if o.role == roleOpenSession && c.lists[waiting].n == 0 {
		c.drop(o) // nobody needs the session any more
		return
	}
	if o.seq != 0 && o.session != c.sess.id {
		c.dispatch(now, o) // decides what becomes of a write whose session is gone
		return
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

// message is a request and its first operation in one allocation.
type message struct {
	req kvpb.Request
	op  kvpb.Op
	ops [1]*kvpb.Op
}

// request builds the wire form of the operation's present attempt.
func (c *Core) request(o *op) *kvpb.Request {
	m := &message{}
	r := &m.req
	r.Id, r.Partition = o.cur.id, c.cfg.Partition
	switch {
	case o.role == roleOpenSession:
		r.Kind = kvpb.RequestKind_OPEN_SESSION
		return r
	case o.role == roleKeepAlive:
		r.Kind, r.Session, r.Acked = kvpb.RequestKind_KEEP_ALIVE, o.session, c.sess.acked
		return r
	case o.read:
		r.Kind, r.Stale, r.Follower = kvpb.RequestKind_READ, o.spec.Stale, o.spec.Follower
	default:
		r.Kind = kvpb.RequestKind_WRITE
		if o.seq != 0 {
			r.Session, r.Seq, r.Acked = o.session, o.seq, c.sess.acked
		}
	}
	if o.spec.Kind != Batch {
		s := &o.spec
		fillOp(&m.op, s.Kind, s.Key, s.Value, s.ExpectVersion, s.ExpectValue)
		m.ops[0] = &m.op
		r.Ops = m.ops[:]
		return r
	}
	ops := make([]kvpb.Op, len(o.spec.Items))
	r.Ops = make([]*kvpb.Op, len(ops))
	for i := range ops {
		it := &o.spec.Items[i]
		fillOp(&ops[i], it.Kind, it.Key, it.Value, it.ExpectVersion, it.ExpectValue)
		r.Ops[i] = &ops[i]
	}
	return r
}

func fillOp(p *kvpb.Op, kind Kind, key, value []byte, expectVersion uint64, expectValue []byte) {
	p.Key = key
	switch kind {
	case Get:
		p.Kind = kvpb.OpKind_GET
		return
	case Erase:
		p.Kind = kvpb.OpKind_ERASE
		return
	case CASVersion:
		p.Cond, p.CondVersion = kvpb.Condition_VERSION_IS, expectVersion
	case CASValue:
		p.Cond, p.CondValue = kvpb.Condition_VALUE_IS, expectValue
	case PutIfAbsent:
		p.Cond = kvpb.Condition_ABSENT
	}
	p.Kind, p.Value = kvpb.OpKind_PUT, value
}
