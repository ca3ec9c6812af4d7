package proxy

import (
	"context"
	"errors"
	"net"
	"sync"
)

// Net is the proxies of one cluster. It is safe for concurrent use.
type Net struct {
	owner func(ours net.Conn) uint64

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex
	listeners []net.Listener
	rules     map[Link]Rule
	effects   map[Link]*Effects
	conns     map[*conn]struct{}
	// changed is closed, and replaced, when a rule changes.
	changed chan struct{}
}

// New is a network without nodes. owner tells who opened a connection that a proxy accepted: a node, or Outside.
func New(owner func(ours net.Conn) uint64) *Net {
	n := &Net{
		owner: owner, rules: make(map[Link]Rule), effects: make(map[Link]*Effects), conns: make(map[*conn]struct{}),
		changed: make(chan struct{}),
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n
}

// Front puts a proxy, which takes over the listener, in front of a node at an address.
func (n *Net) Front(id uint64, l net.Listener, behind string) {
	n.mu.Lock()
	n.listeners = append(n.listeners, l)
	n.mu.Unlock()
	n.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				if n.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
					return
				}
				continue
			}
			n.wg.Go(func() { n.carry(c, id, behind) })
		}
	})
}

// Set replaces the rules of all links: those that are not named work.
func (n *Net) Set(rules map[Link]Rule) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rules = make(map[Link]Rule, len(rules))
	for l, r := range rules {
		n.rules[l] = r
	}
	for c := range n.conns {
		if n.rules[c.link].Cut {
			n.effect(c.link).Reset++
			c.reset()
			delete(n.conns, c)
		}
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

// Effects are what happened on some links so far, or on all if none is named.
func (n *Net) Effects(links ...Link) (sum Effects) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(links) == 0 {
		for _, e := range n.effects {
			sum.add(*e)
		}
	}
	for _, l := range links {
		if e := n.effects[l]; e != nil {
			sum.add(*e)
		}
	}
	return sum
}

// Close ends the proxies and all connections.
func (n *Net) Close() {
	n.cancel()
	n.mu.Lock()
	for _, l := range n.listeners {
		_ = l.Close() // it has nothing to lose
	}
	for c := range n.conns {
		c.reset()
	}
	n.mu.Unlock()
	n.wg.Wait()
}

// rule is the link's rule now, and what is closed when it may be another.
func (n *Net) rule(l Link) (Rule, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rules[l], n.changed
}

// effect is for holders of mu.
func (n *Net) effect(l Link) *Effects {
	e := n.effects[l]
	if e == nil {
		e = &Effects{}
		n.effects[l] = e
	}
	return e
}

func (n *Net) note(l Link, e Effects) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.effect(l).add(e)
}

// admit takes a connection in, unless its link is cut or all is over.
func (n *Net) admit(c *conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		return false
	}
	if n.rules[c.link].Cut {
		n.effect(c.link).Refused++
		return false
	}
	n.conns[c] = struct{}{}
	return true
}

func (n *Net) dismiss(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}
