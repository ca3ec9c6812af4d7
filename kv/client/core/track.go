package core

import (
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

const (
	// slotBits is the part of an id that names the operation's slot, so that an
	// answer finds its operation without a map; the rest is a counter.
	slotBits = 20
	slotMask = uint64(1)<<slotBits - 1
	// internalOps is how many operations of the core's own may exist for each group:
	// opening a session and keeping it alive.
	internalOps = 2
	// maxOld bounds the unsettled attempts of one operation that are remembered to
	// match late answers.
	maxOld = 8
)

// role tells the caller's operations from the core's own.
type role uint8

const (
	roleUser role = iota
	// rolePart is what one request carries of a MultiGet or MultiPut.
	rolePart
	roleOpenSession
	roleKeepAlive
	roleTable
)

// place says which list an operation is in.
type place uint8

const (
	nowhere place = iota
	// queued: not under way, as MaxOutstanding are.
	queued
	// waiting for a session, or for room in its window.
	waiting
	// parked until an endpoint is connected.
	parked
	// backingOff until its wake time.
	backingOff
	// inFlight: an attempt is under way.
	inFlight
	// unrouted: it is not known how the cluster is sharded.
	unrouted
	// splitting: it has parts that are not under way, as MaxOutstanding operations are.
	splitting
	// gathering: all its parts are under way.
	gathering
	numPlaces
)

// attempt is one copy of a request that may be in effect. id 0 means none.
type attempt struct {
	id      uint64
	ep      int
	sent    env.Instant
	session uint64
}

// op is an operation that has not completed. Its struct is reused for later ones.
type op struct {
	id   OpID
	slot uint64
	role role
	spec Op
	read bool

	place      place
	prev, next *op
	active     bool

	// group is whom it is for, nil while that is not known, for those that are split and for the
	// question for the routing table.
	group *group
	// split is set for an operation that is, parent for its parts; share says which one of them.
	split  *split
	parent *op
	share  int
	// from is where a scan's page begins.
	from *position

	// session and seq are what its attempts carry (CORE-3); seq 0: none yet.
	session, seq uint64
	// cur is the attempt under way. old are earlier ones that are not settled, and
	// forgotten counts those that are not even remembered.
	cur       attempt
	old       []attempt
	forgotten int

	deadline, wake env.Instant
	heapPos        int

	// attempts counts sends, retries pauses since the last progress, redirects sends
	// without a pause since the last one.
	attempts, retries, redirects int
	// silences counts the attempts that got no answer in time.
	silences int
	// seeking says that it pauses because it found no leader.
	seeking bool
	// shun is the endpoint that the next attempt avoids, plus one; 0 for none.
	shun int

	lastCode     kvpb.Code
	lastMessage  string
	lastEndpoint int
}

// unsettled counts the attempts that may be in effect.
func (o *op) unsettled() int {
	n := len(o.old) + o.forgotten
	if o.cur.id != 0 {
		n++
	}
	return n
}

// own tells whether it is one of the core's own.
func (o *op) own() bool { return o.role >= roleOpenSession }

// numbered tells whether the operation needs a session and number.
func (o *op) numbered() bool { return !o.own() && !o.read && !o.spec.NoSession }

// repeatable tells whether sending again cannot do harm (CORE-6), given that
// its session lives.
func (o *op) repeatable() bool {
	return o.read || o.own() || !o.spec.NoSession || o.unsettled() == 0
}

// expire moves the attempt under way to those that may still be answered.
func (o *op) expire() {
	if o.cur.id == 0 {
		return
	}
	if len(o.old) == maxOld {
		o.forgotten++
		copy(o.old, o.old[1:])
		o.old = o.old[:maxOld-1]
	}
	o.old = append(o.old, o.cur)
	o.cur = attempt{}
}

// take removes the attempt with this id and tells whether it was the one under way.
func (o *op) take(id uint64) (a attempt, wasCur, ok bool) {
	if id == 0 {
		return attempt{}, false, false
	}
	if o.cur.id == id {
		a, o.cur = o.cur, attempt{}
		return a, true, true
	}
	for i := range o.old {
		if o.old[i].id == id {
			a = o.old[i]
			o.old = append(o.old[:i], o.old[i+1:]...)
			return a, false, true
		}
	}
	return attempt{}, false, false
}

// list is an intrusive FIFO.
type list struct {
	head, tail *op
	n          int
}

// listOf returns the list that the operation is in at a place: groups have their own for what only
// concerns them.
func (c *Core) listOf(o *op, p place) *list {
	switch {
	case p == waiting:
		return &o.group.waiting
	case p == backingOff && o.group != nil:
		return &o.group.resting
	}
	return &c.lists[p]
}

// put moves the operation to the end of a list, nowhere for none.
func (c *Core) put(o *op, p place) {
	if o.place != nowhere {
		l := c.listOf(o, o.place)
		if o.prev != nil {
			o.prev.next = o.next
		} else {
			l.head = o.next
		}
		if o.next != nil {
			o.next.prev = o.prev
		} else {
			l.tail = o.prev
		}
		o.prev, o.next = nil, nil
		l.n--
	}
	o.place = p
	if p == nowhere {
		return
	}
	l := c.listOf(o, p)
	o.prev = l.tail
	if l.tail != nil {
		l.tail.next = o
	} else {
		l.head = o
	}
	l.tail = o
	l.n++
}

// newOp takes a free slot.
func (c *Core) newOp(r role) *op {
	var o *op
	if n := len(c.free); n > 0 {
		o = c.free[n-1]
		c.free = c.free[:n-1]
	} else {
		o = &op{slot: uint64(len(c.slots))}
		c.slots = append(c.slots, o)
	}
	*o = op{slot: o.slot, old: o.old[:0], role: r, heapPos: -1, wake: env.Never, lastEndpoint: -1}
	o.id = OpID(c.newID(o.slot))
	return o
}

// newID returns a number never used before that names the slot (CORE-2).
func (c *Core) newID(slot uint64) uint64 {
	c.counter++
	return c.counter<<slotBits | slot
}

// lookup returns the open operation in the slot that id names, or nil.
func (c *Core) lookup(id uint64) *op {
	if slot := id & slotMask; slot < uint64(len(c.slots)) {
		if o := c.slots[slot]; o.id != 0 {
			return o
		}
	}
	return nil
}

// release gives the slot back.
func (c *Core) release(o *op) {
	c.put(o, nowhere)
	c.setWake(o, env.Never)
	o.id, o.spec = 0, Op{}
	o.group, o.split, o.parent, o.from = nil, nil, nil, nil
	o.lastMessage = ""
	c.free = append(c.free, o)
}
