package core

import (
	"math/rand/v2"

	"github.com/holdfastdb/holdfast/kv/env"
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
	robin     int
	// aims changes with all that groups find their replicas' endpoints by.
	aims uint64
	// idleAt is when endpoints may be idle for long, and evictAt when one may next be made to
	// give its place to another.
	idleAt, evictAt env.Instant

	routes routes
	// groups are those in use, in the order of their first use; touched are those for which
	// waiting operations may get on, and duties those with a session.
	groups, touched []*group
	duties          duties

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
		idleAt:    env.Never,
	}
	c.routes.from = -1
	if !cfg.Sharded {
		c.routes.known, c.routes.only = true, c.newGroup(cfg.Partition, now)
	}
	for i, a := range cfg.Addresses {
		c.endpoints[i].address = a
	}
	for i, node := range cfg.Nodes {
		c.endpoints[i].node = node
	}
	c.robin = int(c.rng.Int64N(int64(cfg.Endpoints))) // clients do not all start at the same endpoint
	c.routes.robin = c.robin
	return c
}

// Submit starts an operation. Its Completion comes with this or a later Output.
func (c *Core) Submit(now env.Instant, spec Op) OpID {
	c.submitted++
	reason, message := Reason(0), ""
	switch {
	case c.closed:
		reason = ReasonClosed
	case c.routes.conflict != "":
		reason, message = ReasonWrongCluster, c.routes.conflict
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
	if spec.Kind == MultiGet || spec.Kind == MultiPut {
		c.advance(now)
	}
	return id
}

func (c *Core) activate(now env.Instant, o *op) {
	o.active = true
	c.active++
	c.route(now, o)
}

// advance gives way to what waits for what the last call made possible.
func (c *Core) advance(now env.Instant) {
	if g := c.routes.only; g != nil {
		c.touch(g)
	}
	for i := 0; ; {
		for i < len(c.touched) {
			// The rest of the loop gives numbers out and none back, so no group is looked at twice.
			if g := c.touched[i]; g.waiting.n > 0 && g.sess.admits() {
				c.dispatch(now, g.waiting.head)
			} else {
				i++
			}
		}
		switch {
		case c.lists[splitting].n > 0 && c.active < c.cfg.MaxOutstanding:
			c.beginPart(now, c.lists[splitting].head)
		case c.lists[queued].n > 0 && c.active < c.cfg.MaxOutstanding:
			c.activate(now, c.lists[queued].head)
		default:
			for _, g := range c.touched {
				g.touched = false
				if g.waiting.n > 0 {
					c.needSession(now, g) // the one that they had been waiting for may be gone
				}
			}
			c.touched = c.touched[:0]
			c.renewTable(now)
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
	c.endAll(now, ReasonClosed, "")
	for _, g := range c.groups {
		c.closeSession(g)
	}
	c.idleAt = env.Never
}

// endAll ends all operations.
func (c *Core) endAll(now env.Instant, reason Reason, message string) {
	for _, o := range c.slots {
		switch {
		case o.id == 0 || o.role == rolePart:
		case o.role == roleUser:
			c.giveUp(now, o, reason, message)
		default:
			c.drop(o)
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
			if c.suspect(now, o.cur.ep) || o.silences > 0 || o.anywhere() || o.role == roleTable {
				o.shun = o.cur.ep + 1
			}
			o.silences++
			c.routes.failing = true
			o.expire()
			c.unanswered(now, o, ReasonUnanswered)
		default:
			c.dispatch(now, o)
		}
	}
	c.keepSessions(now)
	c.hangUpIdle(now)
	c.advance(now)
}

func (c *Core) deadlineMessage(o *op) string {
	switch o.place {
	case queued, splitting:
		return "it waited behind other operations of this client"
	case parked:
		return "no endpoint is connected"
	case unrouted:
		return o.blame(c.routes.asking, "the routing table is not known")
	case waiting:
		if own := o.group.sess.opening; own != nil {
			return o.blame(own, "no session could be opened")
		}
		return "the session's window was full"
	}
	return ""
}

// blame makes the last answer to what the operation waited for its own.
func (o *op) blame(own *op, message string) string {
	switch {
	case own == nil:
	case own.place == parked:
		return "no endpoint is connected"
	default:
		o.lastCode, o.lastMessage, o.lastEndpoint, o.attempts = own.lastCode, own.lastMessage, own.lastEndpoint, own.attempts
	}
	return message
}

// Deadline is when Tick is to be called next, env.Never if not at all.
func (c *Core) Deadline() env.Instant {
	at := min(c.idleAt, c.tableAt())
	if len(c.duties) > 0 {
		at = min(at, c.duties[0].dueAt)
	}
	if len(c.timers) > 0 {
		at = min(at, c.timers[0].wake)
	}
	return at
}

// giveUp ends an operation of the caller that got no answer (CORE-7).
func (c *Core) giveUp(now env.Instant, o *op, reason Reason, message string) {
	if o.split != nil {
		c.giveUpParts(now, o, reason, message)
		return
	}
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
	if g := o.group; o.seq != 0 && o.session == g.sess.id {
		g.sess.complete(o.seq)
		c.touch(g)
	}
	if o.active {
		c.active--
	}
	if parent := o.parent; parent != nil {
		c.partEnded(parent, o, &done)
		c.release(o)
		return
	}
	done.Op, done.Tag = o.id, o.spec.Tag
	c.out.Done = append(c.out.Done, done)
	c.completed++
	c.release(o)
}

// Output takes what is to be done. The slices are valid until the next call.
func (c *Core) Output() Output {
	out := c.out
	clear(c.spare.Sends)
	clear(c.spare.Done)
	c.out = Output{
		Sends: c.spare.Sends[:0], Done: c.spare.Done[:0], Dials: c.spare.Dials[:0], Hangups: c.spare.Hangups[:0],
	}
	c.spare = out
	return out
}

// Pending returns how many operations have not completed.
func (c *Core) Pending() int { return int(c.submitted - c.completed) }

// Leader returns the endpoint believed to lead, -1 if none is. In a sharded cluster
// there are many: see LeaderOf.
func (c *Core) Leader() int {
	if g := c.routes.only; g != nil {
		return g.leader.ep
	}
	return -1
}

// LeaderOf returns the endpoint believed to lead a partition of a sharded cluster, -1 if none is.
func (c *Core) LeaderOf(partition int) int {
	if g := c.inUse(partition); g != nil {
		return g.leader.ep
	}
	return -1
}

// Session returns the id of the open session, 0 if there is none. In a sharded cluster
// there are many: see SessionOf.
func (c *Core) Session() uint64 {
	if g := c.routes.only; g != nil {
		return g.sess.id
	}
	return 0
}

// SessionOf returns the id of the open session in a partition of a sharded cluster, 0 if
// there is none.
func (c *Core) SessionOf(partition int) uint64 {
	if g := c.inUse(partition); g != nil {
		return g.sess.id
	}
	return 0
}

func (c *Core) inUse(partition int) *group {
	if partition < 1 || partition > len(c.routes.groups) {
		return nil
	}
	return c.routes.groups[partition-1]
}

// Partitions returns how many partitions the cluster has, 0 if it is not sharded, and whether
// that is known yet.
func (c *Core) Partitions() (n int, known bool) { return c.routes.partitions, c.routes.known }

// TableVersion returns the version of the routing table in use, 0 if there is none.
func (c *Core) TableVersion() uint64 { return c.routes.version }
