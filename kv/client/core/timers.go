package core

import "github.com/holdfastdb/holdfast/kv/env"

// timers is a binary heap of operations by wake time, then by id so that the
// order is a function of the calls alone. Operations that never wake are not in it.
type timers []*op

func (t timers) less(i, j int) bool {
	if t[i].wake != t[j].wake {
		return t[i].wake < t[j].wake
	}
	return t[i].id < t[j].id
}

func (t timers) swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].heapPos, t[j].heapPos = i, j
}

func (t timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !t.less(i, parent) {
			return
		}
		t.swap(i, parent)
		i = parent
	}
}

func (t timers) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(t) {
			return
		}
		if child+1 < len(t) && t.less(child+1, child) {
			child++
		}
		if !t.less(child, i) {
			return
		}
		t.swap(i, child)
		i = child
	}
}

// setWake sets when the operation is to be looked at, env.Never for not at all.
func (c *Core) setWake(o *op, at env.Instant) {
	if o.wake == at {
		return
	}
	o.wake = at
	switch {
	case o.heapPos < 0:
		o.heapPos = len(c.timers)
		c.timers = append(c.timers, o)
		c.timers.up(o.heapPos)
	case at == env.Never:
		last := len(c.timers) - 1
		i := o.heapPos
		c.timers.swap(i, last)
		c.timers[last] = nil
		c.timers = c.timers[:last]
		o.heapPos = -1
		if i < last {
			c.timers.down(i)
			c.timers.up(i)
		}
	default:
		i := o.heapPos
		c.timers.down(i)
		c.timers.up(i)
	}
}

// giveUpAt is when the operation's deadline is.
func (o *op) giveUpAt() env.Instant {
	if o.deadline == 0 {
		return env.Never
	}
	return o.deadline
}
