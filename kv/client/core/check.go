package core

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
)

// CheckInvariants says which invariant of the package comment does not hold, nil if all
// do. It is for tests and simulation, and takes time linear in the open operations.
func (c *Core) CheckInvariants() error {
	open, active, inTimers := 0, 0, 0
	seqs := make(map[uint64]bool)
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
		if o.seq != 0 && o.session == c.sess.id {
			if o.seq <= c.sess.acked || o.seq >= c.sess.next || seqs[o.seq] {
				return fmt.Errorf("CORE-4: open operation %d has number %d, acked is %d, next is %d", o.id, o.seq, c.sess.acked, c.sess.next)
			}
			seqs[o.seq] = true
		}
	}
	n := 0
	for p := range c.lists {
		n += c.lists[p].n
	}
	switch {
	case c.submitted != c.completed+uint64(open):
		return fmt.Errorf("CORE-1: %d submitted, %d completed, %d open", c.submitted, c.completed, open)
	case active != c.active || active > c.cfg.MaxOutstanding || c.lists[queued].n > c.cfg.MaxQueued:
		return fmt.Errorf("CORE-8: %d active (counted %d), %d queued", active, c.active, c.lists[queued].n)
	case len(c.slots) > c.cfg.MaxOutstanding+c.cfg.MaxQueued+internalOps || len(c.endpoints) > c.cfg.MaxEndpoints:
		return fmt.Errorf("CORE-8: %d slots, %d endpoints", len(c.slots), len(c.endpoints))
	case n != len(c.slots)-len(c.free) || inTimers != len(c.timers):
		return fmt.Errorf("CORE-1: %d operations in lists, %d slots in use, %d timers, %d armed", n, len(c.slots)-len(c.free), len(c.timers), inTimers)
	case c.sess.id != 0 && c.sess.next > c.sess.acked+uint64(c.cfg.SessionWindow)+1:
		return fmt.Errorf("CORE-5: next number %d, acked %d, window %d", c.sess.next, c.sess.acked, c.cfg.SessionWindow)
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
	case o.place == queued && o.attempts != 0:
		return fmt.Errorf("CORE-8: operation %d waits but was sent", o.id)
	case (o.place == inFlight || o.place == backingOff || o.deadline != 0) && o.wake == env.Never:
		return fmt.Errorf("CORE-1: operation %d in list %d never wakes", o.id, o.place)
	case len(o.old) > maxOld:
		return fmt.Errorf("CORE-8: operation %d remembers %d attempts", o.id, len(o.old))
	case o.role == roleUser && !o.read && o.spec.NoSession && len(o.old)+o.forgotten > 0:
		return fmt.Errorf("CORE-6: operation %d has no session and goes on though an attempt is not settled", o.id)
	}
	for i := range o.old {
		if o.seq != 0 && o.old[i].session != o.session {
			return fmt.Errorf("CORE-3: operation %d is sent in session %d and was in %d", o.id, o.session, o.old[i].session)
		}
	}
	return nil
}
