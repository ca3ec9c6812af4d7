package client

import (
	"runtime"
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/kv/client/core"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

type eventKind uint8

const (
	evSubmit eventKind = iota
	evCancel
	evResponses
	evConnected
	evDisconnected
	evNotSent
	evHungUp
	evClose
)

// event is one thing the loop has to hear of.
type event struct {
	kind  eventKind
	ep    int
	call  *call
	batch *kvpb.ResponseBatch
	ids   []uint64
}

// mailbox hands events to the loop, all that wait at a time.
type mailbox struct {
	mu       sync.Mutex
	events   []event
	submits  int
	limit    int
	sleeping bool
	closed   bool
	wake     chan struct{}
}

// post queues an event; false means that the loop has ended or, for evSubmit, that
// too many wait.
func (b *mailbox) post(e event) (posted, closed bool) {
	b.mu.Lock()
	if b.closed || e.kind == evSubmit && b.submits >= b.limit {
		closed = b.closed
		b.mu.Unlock()
		return false, closed
	}
	if e.kind == evSubmit {
		b.submits++
	}
	b.events = append(b.events, e)
	asleep := b.sleeping
	b.sleeping = false
	b.mu.Unlock()
	if asleep {
		b.wake <- struct{}{}
	}
	return true, false
}

// take swaps the events out. If there are none and sleep is set, the loop goes to
// sleep: only then does post signal, so the loop itself may post without blocking.
func (b *mailbox) take(empty []event, sleep bool) []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.events) == 0 {
		b.sleeping = sleep
		return empty
	}
	out := b.events
	b.events, b.submits = empty, 0
	return out
}

// stir ends a sleep that was not ended by an event.
func (b *mailbox) stir() {
	b.mu.Lock()
	asleep := b.sleeping
	b.sleeping = false
	b.mu.Unlock()
	if !asleep {
		<-b.wake // an event came at the same time
	}
}

// shut refuses further events and returns those that came too late.
func (b *mailbox) shut() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	out := b.events
	b.events = nil
	return out
}

// loop owns the core: it turns events into calls and outputs into effects.
func (c *Client) loop() {
	defer close(c.loopDone)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	armed := env.Never
	var events []event
	for {
		clear(events)
		events = c.box.take(events[:0], true)
		if len(events) == 0 {
			if at := c.core.Deadline(); at != armed {
				armed = at
				timer.Reset(time.Duration(min(at.Sub(c.now()), time.Hour)))
			}
			select {
			case <-c.box.wake:
			case <-timer.C:
				armed = env.Never
				c.box.stir()
			}
			runtime.Gosched() // whoever is ready to run gets into this batch
			events = c.box.take(events[:0], false)
		}
		now := c.now()
		for i := range events {
			if events[i].kind == evClose {
				c.shutdown(now, events[i+1:])
				return
			}
			c.handle(now, &events[i])
		}
		if c.core.Deadline() <= now {
			c.core.Tick(now)
		}
		c.carryOut()
	}
}

func (c *Client) handle(now env.Instant, e *event) {
	switch e.kind {
	case evSubmit:
		e.call.id = c.core.Submit(now, e.call.op)
	case evCancel:
		c.core.Cancel(now, e.call.id)
	case evResponses:
		for _, resp := range e.batch.Responses {
			c.core.Response(now, e.ep, resp)
		}
	case evConnected:
		c.core.Connected(now, e.ep)
	case evDisconnected:
		l := c.links[e.ep]
		c.core.Disconnected(now, e.ep, l.reset())
		l.disconnected <- struct{}{}
	case evNotSent:
		c.core.NotSent(now, e.ids)
	case evHungUp:
		c.links[e.ep] = nil
		c.core.Closed(now, e.ep)
	}
}

// carryOut does what the core wants done.
func (c *Client) carryOut() {
	out := c.core.Output()
	for _, d := range out.Dials {
		// An address that cannot be used stays an endpoint that never connects.
		_ = c.addLink(d.Endpoint, d.Address)
	}
	for _, s := range out.Sends {
		l := c.links[s.Endpoint]
		l.staged = append(l.staged, s.Request)
	}
	for _, s := range out.Sends {
		if l := c.links[s.Endpoint]; len(l.staged) > 0 {
			if refused := l.enqueue(l.staged); len(refused) > 0 {
				c.box.post(event{kind: evNotSent, ids: refused})
			}
			clear(l.staged)
			l.staged = l.staged[:0]
		}
	}
	for _, ep := range out.Hangups {
		if l := c.links[ep]; l != nil {
			l.hangUp()
		} else {
			c.box.post(event{kind: evHungUp, ep: ep})
		}
	}
	for i := range out.Done {
		d := &out.Done[i]
		d.Tag.(*call).complete(d)
	}
}

// shutdown completes everything and lets the links send what is left to send.
func (c *Client) shutdown(now env.Instant, rest []event) {
	c.stopDialing()
	c.core.Close(now)
	late := c.box.shut()
	for _, events := range [][]event{rest, late} {
		for i := range events {
			switch events[i].kind {
			case evSubmit:
				c.core.Submit(now, events[i].call.op)
			case evDisconnected:
				c.links[events[i].ep].disconnected <- struct{}{}
			}
		}
	}
	c.carryOut()
	for _, l := range c.links {
		if l != nil {
			l.finish()
		}
	}
}

// call is one operation on its way through the loop.
type call struct {
	op   core.Op
	id   core.OpID
	done chan struct{}
	end  core.Completion
	// then is called on the loop instead of signalling done.
	then func(*core.Completion)
}

func (k *call) complete(d *core.Completion) {
	if k.then != nil {
		k.then(d)
		return
	}
	k.end = *d
	k.done <- struct{}{}
}
