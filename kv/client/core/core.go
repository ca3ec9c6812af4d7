package core

import (
	"math/rand/v2"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Core is the client's decisions. See the package comment for its contract.
type Core struct {
	cfg       Config
	byAddress bool
	rng       *rand.Rand
	closed    bool

	slots   []*op
	free    []*op
	counter uint64
	lists   [numPlaces]list
	timers  timers
	active  int

	endpoints []endpoint
	leader    leadership
	robin     int

	sess session

	out, spare Output
	submitted  uint64
	completed  uint64
}

// New returns a Core without connections. It panics if Config.Check fails.
func New(cfg Config, now env.Instant) *Core {
	cfg, err := cfg.prepared()
	if err != nil {
		panic(err.Error())
	}
	c := &Core{
		cfg:       cfg,
		byAddress: len(cfg.Addresses) > 0,
		rng:       rand.New(rand.NewPCG(cfg.Seed, 0x686f6c6466617374)),
		endpoints: make([]endpoint, cfg.Endpoints),
		leader:    nobody,
		sess:      session{done: make([]bool, cfg.SessionWindow), used: now},
	}
	for i, a := range cfg.Addresses {
		c.endpoints[i].address = a
	}
	c.robin = int(c.rng.Int64N(int64(cfg.Endpoints))) // clients do not all start at the same endpoint
	return c
}

// Submit starts an operation. Its Completion comes with this or a later Output.
func (c *Core) Submit(now env.Instant, spec Op) OpID {
	c.submitted++
	reason, message := Reason(0), ""
	switch {
	case c.closed:
		reason = ReasonClosed
	case spec.Deadline != 0 && spec.Deadline <= now:
		reason = ReasonDeadline
	default:
		if message = c.validate(&spec); message != "" {
			reason = ReasonInvalid
		} else if c.active >= c.cfg.MaxOutstanding && c.lists[queued].n >= c.cfg.MaxQueued {
			reason = ReasonOverloaded
		}
	}
	if reason != 0 {
		id := OpID(c.newID(slotMask))
		c.completed++
		c.out.Done = append(c.out.Done, Completion{
			Op: id, Tag: spec.Tag, Outcome: Failed,
			Err: &Error{Kind: spec.Kind, Outcome: Failed, Reason: reason, Message: message, LastEndpoint: -1},
		})
		return id
	}
	o := c.newOp(roleUser)
	id := o.id // the operation may end, and its struct be reused, before this returns
	o.spec, o.read, o.deadline = spec, spec.isRead(), spec.Deadline
	if c.active >= c.cfg.MaxOutstanding {
		c.hold(o, queued)
		return id
	}
	c.activate(now, o)
	return id
}

func (c *Core) activate(now env.Instant, o *op) {
	o.active = true
	c.active++
	c.dispatch(now, o)
}

// advance gives way to what waits for what the last call made possible.
func (c *Core) advance(now env.Instant) {
	for {
		switch {
		case c.lists[waiting].n > 0 && c.sess.admits():
			c.dispatch(now, c.lists[waiting].head)
		case c.lists[queued].n > 0 && c.active < c.cfg.MaxOutstanding:
			c.activate(now, c.lists[queued].head)
		default:
			if c.lists[waiting].n > 0 {
				c.needSession(now) // the one that they had been waiting for may be gone
			}
			return
		}
	}
}

// Cancel makes the operation complete with what is known now: Failed if it was
// certainly not applied, else Unknown. Nothing happens if it has completed.
func (c *Core) Cancel(now env.Instant, id OpID) {
	o := c.lookup(uint64(id))
	if o == nil || o.id != id || o.role != roleUser {
		return
	}
	c.giveUp(now, o, ReasonCanceled, "")
	c.advance(now)
}

// Close completes all operations as Cancel does, and refuses further ones. The
// last Output asks a server to close the session, which is only a courtesy.
func (c *Core) Close(now env.Instant) {
	if c.closed {
		return
	}
	c.closed = true
	for _, o := range c.slots {
		switch {
		case o.id == 0:
		case o.role == roleUser:
			c.giveUp(now, o, ReasonClosed, "")
		default:
			c.drop(o)
		}
	}
	if l := c.leader.ep; c.sess.id != 0 && l >= 0 && c.endpoints[l].connected {
		c.out.Sends = append(c.out.Sends, Send{Endpoint: l, Request: &kvpb.Request{
			Id: c.newID(slotMask), Kind: kvpb.RequestKind_CLOSE_SESSION, Partition: c.cfg.Partition, Session: c.sess.id,
		}})
	}
	c.sess.id = 0
}

// Connected says that requests can be sent to the endpoint.
func (c *Core) Connected(now env.Instant, ep int) {
	e := &c.endpoints[ep]
	if e.connected || c.closed {
		return
	}
	e.connected = true
	e.shunUntil, e.unfitUntil = 0, 0
	for o := c.lists[parked].head; o != nil; o = c.lists[parked].head {
		c.dispatch(now, o)
	}
	if c.leader.ep == ep {
		c.leaderFound(now)
	}
	c.advance(now)
}

// Disconnected says that the link to the endpoint broke. notSent names requests
// that certainly did not leave; all others sent there may have been executed.
func (c *Core) Disconnected(now env.Instant, ep int, notSent []uint64) {
	c.endpoints[ep].connected, c.endpoints[ep].asked = false, 0
	if c.leader.ep == ep {
		c.leader = nobody
	}
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

// unanswered goes on after an attempt that got no answer.
func (c *Core) unanswered(now env.Instant, o *op, reason Reason) {
	if !o.repeatable() {
		c.giveUp(now, o, reason, "")
		return
	}
	c.again(now, o)
}

// Tick does what is due.
func (c *Core) Tick(now env.Instant) {
	for len(c.timers) > 0 && c.timers[0].wake <= now {
		o := c.timers[0]
		switch {
		case o.giveUpAt() <= now:
			c.giveUp(now, o, ReasonDeadline, c.deadlineMessage(o))
		case o.place == inFlight:
			// A node may answer others and not this: it cannot reach the leader to ask it.
			if c.suspect(now, o.cur.ep) || o.silences > 0 || o.anywhere() {
				o.shun = o.cur.ep + 1
			}
			o.silences++
			o.expire()
			c.unanswered(now, o, ReasonUnanswered)
		default:
			c.dispatch(now, o)
		}
	}
	c.keepSession(now)
	c.advance(now)
}

func (c *Core) deadlineMessage(o *op) string {
	switch o.place {
	case queued:
		return "it waited behind other operations of this client"
	case parked:
		return "no endpoint is connected"
	case waiting:
		if own := c.sess.opening; own != nil {
			if own.place == parked {
				return "no endpoint is connected"
			}
			o.lastCode, o.lastMessage, o.lastEndpoint, o.attempts = own.lastCode, own.lastMessage, own.lastEndpoint, own.attempts
			return "no session could be opened"
		}
		return "the session's window was full"
	}
	return ""
}

// Deadline is when Tick is to be called next, env.Never if not at all.
func (c *Core) Deadline() env.Instant {
	at := c.keepAliveAt()
	if len(c.timers) > 0 {
		at = min(at, c.timers[0].wake)
	}
	return at
}

// giveUp ends an operation of the caller that got no answer (CORE-7).
func (c *Core) giveUp(now env.Instant, o *op, reason Reason, message string) {
	if o.cur.id != 0 {
		c.suspect(now, o.cur.ep)
	}
	outcome := Failed
	if !o.read && o.unsettled() > 0 {
		outcome = Unknown
	}
	c.finish(o, Completion{Outcome: outcome, Err: c.errorOf(o, outcome, reason, message)})
}

func (c *Core) finish(o *op, done Completion) {
	done.Op, done.Tag = o.id, o.spec.Tag
	c.out.Done = append(c.out.Done, done)
	c.completed++
	if o.seq != 0 && o.session == c.sess.id {
		c.sess.complete(o.seq)
	}
	if o.active {
		c.active--
	}
	c.release(o)
}

// Output takes what is to be done. The slices are valid until the next call.
func (c *Core) Output() Output {
	out := c.out
	clear(c.spare.Sends)
	clear(c.spare.Done)
	c.out = Output{Sends: c.spare.Sends[:0], Done: c.spare.Done[:0], Dials: c.spare.Dials[:0]}
	c.spare = out
	return out
}

// Pending returns how many operations have not completed.
func (c *Core) Pending() int { return int(c.submitted - c.completed) }

// Leader returns the endpoint believed to lead, -1 if none is.
func (c *Core) Leader() int { return c.leader.ep }

// Session returns the id of the open session, 0 if there is none.
func (c *Core) Session() uint64 { return c.sess.id }
