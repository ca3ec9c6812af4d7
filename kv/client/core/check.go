package core

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
)

// CheckInvariants says which invariant of the package comment does not hold, nil if all
// do. It is for tests and simulation, and takes time linear in the open operations and in the
// groups in use.
func (c *Core) CheckInvariants() error {
	open, active, inTimers := 0, 0, 0
	for slot, o := range c.slots {
		if o.id == 0 {
			continue
		}
		if err := c.checkOp(uint64(slot), o); err != nil {
			return err
		}
		if o.role == roleUser {
			open++
		}
		if o.active {
			active++
		}
		if o.heapPos >= 0 {
			inTimers++
		}
	}
	n := 0
	for p := range c.lists {
		n += c.lists[p].n
	}
	for _, g := range c.groups {
		n += g.waiting.n + g.resting.n
		if err := c.checkGroup(g); err != nil {
			return err
		}
	}
	switch {
	case c.submitted != c.completed+uint64(open):
		return fmt.Errorf("CORE-1: %d submitted, %d completed, %d open", c.submitted, c.completed, open)
	case active != c.active || active > c.cfg.MaxOutstanding || c.lists[queued].n > c.cfg.MaxQueued:
		return fmt.Errorf("CORE-8: %d active (counted %d), %d queued", active, c.active, c.lists[queued].n)
	case len(c.slots) > c.cfg.maxSlots() || len(c.endpoints) > c.cfg.MaxEndpoints:
		return fmt.Errorf("CORE-8: %d slots, %d endpoints", len(c.slots), len(c.endpoints))
	case n != len(c.slots)-len(c.free) || inTimers != len(c.timers):
		return fmt.Errorf("CORE-1: %d operations in lists, %d slots in use, %d timers, %d armed", n, len(c.slots)-len(c.free), len(c.timers), inTimers)
	case !c.routes.known && c.lists[unrouted].n > 0 && c.routes.asking == nil:
		return fmt.Errorf("CORE-12: %d operations wait for the routing table, and nobody asks for it", c.lists[unrouted].n)
	case c.routes.known && c.lists[unrouted].n > 0:
		return fmt.Errorf("CORE-12: %d operations wait for the routing table, which is there", c.lists[unrouted].n)
	case c.lists[splitting].n > 0 && c.active < c.cfg.MaxOutstanding:
		return fmt.Errorf("CORE-14: parts wait though only %d operations are active", c.active)
	}
	return c.checkNumbers()
}

// checkNumbers looks at the numbers of open operations, group by group.
func (c *Core) checkNumbers() error {
	type number struct {
		group *group
		seq   uint64
	}
	seen := make(map[number]bool)
	for _, o := range c.slots {
		if o.id == 0 || o.seq == 0 || o.session != o.group.sess.id {
			continue
		}
		s := &o.group.sess
		n := number{o.group, o.seq}
		if o.seq <= s.acked || o.seq >= s.next || seen[n] {
			return fmt.Errorf("CORE-4: open operation %d has number %d, acked is %d, next is %d", o.id, o.seq, s.acked, s.next)
		}
		seen[n] = true
	}
	return nil
}

func (c *Core) checkGroup(g *group) error {
	switch {
	case g.sess.id != 0 && g.sess.next > g.sess.acked+uint64(c.cfg.SessionWindow)+1:
		return fmt.Errorf("CORE-5: group %d: next number %d, acked %d, window %d", g.id, g.sess.next, g.sess.acked, c.cfg.SessionWindow)
	case g.waiting.n > 0 && g.sess.id == 0 && g.sess.opening == nil:
		return fmt.Errorf("CORE-1: group %d: %d operations wait for a session, and nobody opens one", g.id, g.waiting.n)
	case g.waiting.n > 0 && g.sess.admits():
		return fmt.Errorf("CORE-1: group %d: %d operations wait for a session that has room", g.id, g.waiting.n)
	case (g.duty >= 0) != (c.keepAliveAt(g) != env.Never) || g.duty >= 0 && (c.duties[g.duty] != g || g.dueAt != c.keepAliveAt(g)):
		return fmt.Errorf("CORE-15: group %d: its session %d is not kept alive when it should be", g.id, g.sess.id)
	case g.leader.ep >= 0 && c.endpoints[g.leader.ep].gone:
		return fmt.Errorf("CORE-16: group %d is led by endpoint %d, which is hung up", g.id, g.leader.ep)
	}
	return nil
}

func (c *Core) checkOp(slot uint64, o *op) error {
	switch {
	case o.slot != slot || uint64(o.id)&slotMask != slot:
		return fmt.Errorf("CORE-2: operation %d is in slot %d", o.id, slot)
	case o.place == nowhere:
		return fmt.Errorf("CORE-1: operation %d is in no list", o.id)
	case (o.place == inFlight) != (o.cur.id != 0):
		return fmt.Errorf("CORE-1: operation %d is in list %d with attempt %d", o.id, o.place, o.cur.id)
	case (o.place == queued || o.place == unrouted || o.split != nil) && o.attempts != 0:
		return fmt.Errorf("CORE-8: operation %d waits but was sent", o.id)
	case (o.place == inFlight || o.place == backingOff || o.deadline != 0) && o.wake == env.Never:
		return fmt.Errorf("CORE-1: operation %d in list %d never wakes", o.id, o.place)
	case len(o.old) > maxOld:
		return fmt.Errorf("CORE-8: operation %d remembers %d attempts", o.id, len(o.old))
	case !o.own() && !o.read && o.spec.NoSession && len(o.old)+o.forgotten > 0:
		return fmt.Errorf("CORE-6: operation %d has no session and goes on though an attempt is not settled", o.id)
	case o.split != nil && o.split.begun == len(o.split.shares) && len(o.split.open) == 0:
		return fmt.Errorf("CORE-14: operation %d goes on though all its parts have ended", o.id)
	}
	for i := range o.old {
		if o.seq != 0 && o.old[i].session != o.session {
			return fmt.Errorf("CORE-3: operation %d is sent in session %d and was in %d", o.id, o.session, o.old[i].session)
		}
	}
	return c.checkRoute(o)
}

// checkRoute looks whether an operation is where its keys belong (CORE-11).
func (c *Core) checkRoute(o *op) error {
	switch {
	case o.split != nil || o.place == queued || o.place == unrouted || o.role == roleTable:
		if o.group != nil {
			return fmt.Errorf("CORE-11: operation %d in list %d is for group %d", o.id, o.place, o.group.id)
		}
		return nil
	case o.group == nil:
		return fmt.Errorf("CORE-11: operation %d in list %d is for no group", o.id, o.place)
	case o.own() || o.spec.Kind == Scan:
		return nil
	case o.spec.Kind != Batch:
		if g := c.groupOf(0, o.spec.Key); g != o.group {
			return fmt.Errorf("CORE-11: operation %d on %q is for group %d, and its key is of %d", o.id, o.spec.Key, o.group.id, g.id)
		}
	}
	for i := range o.spec.Items {
		if g := c.groupOf(0, o.spec.Items[i].Key); g != o.group {
			return fmt.Errorf("CORE-11: operation %d on %q is for group %d, and its key is of %d", o.id, o.spec.Items[i].Key, o.group.id, g.id)
		}
	}
	return nil
}
