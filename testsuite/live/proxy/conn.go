package proxy

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	chunkBytes = 16 << 10
	// heldChunks bounds what waits in one direction of a connection (PROXY-3).
	heldChunks = 64
)

// conn is one connection through a proxy.
type conn struct {
	link          Link
	dialled, node net.Conn
}

// reset breaks both halves, so that neither end takes it for an orderly end.
func (c *conn) reset() {
	for _, half := range []net.Conn{c.dialled, c.node} {
		breakOff(half)
	}
}

func breakOff(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// carry serves one accepted connection until it ends.
func (n *Net) carry(dialled net.Conn, to uint64, behind string) {
	link := Link{From: n.owner(dialled), To: to}
	if rule, _ := n.rule(link); rule.Cut {
		n.note(link, Effects{Refused: 1})
		breakOff(dialled)
		return
	}
	var d net.Dialer
	node, err := d.DialContext(n.ctx, "tcp", behind)
	if err != nil {
		breakOff(dialled) // as if nobody listened
		return
	}
	c := &conn{link: link, dialled: dialled, node: node}
	if !n.admit(c) {
		c.reset()
		return
	}
	defer n.dismiss(c)
	ctx, cancel := context.WithCancel(n.ctx)
	defer cancel()
	var both sync.WaitGroup
	pump := func(from, to net.Conn, hold Hold) {
		both.Go(func() {
			// An orderly end of one direction leaves the other open; anything else breaks both.
			if err := n.pump(ctx, link, from, to, hold); err != nil {
				cancel()
				c.reset()
			}
		})
	}
	pump(dialled, node, HoldForth)
	pump(node, dialled, HoldBack)
	both.Wait()
	_, _ = dialled.Close(), node.Close()
}

// chunk is a piece on its way; the last has an error, io.EOF if the stream ended in order.
type chunk struct {
	data []byte
	read time.Time
	err  error
}

// pump carries one direction to its end.
func (n *Net) pump(ctx context.Context, link Link, from, to net.Conn, hold Hold) error {
	queue := make(chan chunk, heldChunks)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.wg.Go(func() {
		for {
			buf := make([]byte, chunkBytes)
			size, err := from.Read(buf)
			select {
			case queue <- chunk{buf[:size], time.Now(), err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
	var last time.Time
	for {
		var c chunk
		select {
		case c = <-queue:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !n.detain(ctx, link, hold, &c, &last) {
			return ctx.Err()
		}
		if len(c.data) > 0 {
			if _, err := to.Write(c.data); err != nil {
				return err
			}
			n.note(link, Effects{Passed: int64(len(c.data))})
		}
		if errors.Is(c.err, io.EOF) {
			return closeWrite(to)
		}
		if c.err != nil {
			return c.err
		}
	}
}

func closeWrite(c net.Conn) error {
	if t, ok := c.(*net.TCPConn); ok {
		return t.CloseWrite()
	}
	return c.Close()
}

// detain keeps a piece for as long as the rules of its link say; false if ctx ended first. last is when the piece before
// was let go, or was due.
func (n *Net) detain(ctx context.Context, link Link, hold Hold, c *chunk, last *time.Time) bool {
	rule, _ := n.rule(link)
	if due := rule.due(c, *last); due.After(c.read) {
		n.note(link, Effects{Late: int64(len(c.data))})
		if !SleepUntil(ctx, due) {
			return false
		}
		*last = due
	}
	for counted := false; ; {
		rule, changed := n.rule(link)
		if rule.Hold&hold == 0 {
			return true
		}
		if !counted {
			counted = true
			n.note(link, Effects{Held: int64(max(len(c.data), 1))})
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// due is when a piece may arrive; its time of reading if it need not wait.
func (r *Rule) due(c *chunk, last time.Time) time.Time {
	due := c.read.Add(r.Delay)
	if r.Jitter > 0 {
		due = due.Add(rand.N(r.Jitter))
	}
	if (r.Delay > 0 || r.Jitter > 0) && due.Before(last) {
		due = last
	}
	if r.BytesPerSecond > 0 {
		free := last.Add(time.Duration(len(c.data)) * time.Second / time.Duration(r.BytesPerSecond))
		if first := c.read.Add(free.Sub(last)); free.Before(first) {
			free = first // the line was idle
		}
		if due.Before(free) {
			due = free
		}
	}
	return due
}

// SleepUntil reports whether ctx is still alive then.
func SleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
