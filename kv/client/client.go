package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/kv/client/core"
	"github.com/holdfastdb/holdfast/kv/env"
)

// Client talks to one Holdfast cluster. It is made by Dial and ended by Close.
type Client struct {
	cfg   Config
	start time.Time
	box   mailbox
	calls sync.Pool

	// core and links belong to the loop goroutine.
	core  *core.Core
	links []*link

	addresses struct {
		sync.RWMutex
		list []string
	}

	// ctx ends all streams; closing ends attempts to open one.
	ctx, closing        context.Context
	cancel, stopDialing context.CancelFunc
	linksDone           sync.WaitGroup
	loopDone            chan struct{}
	closeOnce           sync.Once
}

// Dial returns a client of the cluster that the endpoints belong to. It does not
// wait for a connection: operations do, until their deadline. ctx only bounds Dial
// itself.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("client: dial: %w", err)
	}
	cc, err := cfg.core()
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, start: time.Now(), loopDone: make(chan struct{})}
	c.core = core.New(cc, c.now())
	c.box.wake = make(chan struct{}, 1)
	c.box.limit = cc.Capacity()
	c.calls.New = func() any { return &call{done: make(chan struct{}, 1)} }
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.closing, c.stopDialing = context.WithCancel(c.ctx)
	for ep, address := range cfg.Endpoints {
		if err := c.addLink(ep, address); err != nil {
			c.stopDialing()
			c.cancel()
			c.linksDone.Wait()
			return nil, err
		}
	}
	go c.loop()
	return c, nil
}

// now is monotonic and never 0.
func (c *Client) now() env.Instant { return env.Instant(time.Since(c.start)) + 1 }

// Endpoint returns the address of an endpoint by its number in a Result, "" if there is
// no such endpoint. The number of a node that the client disconnected from, since it was not
// used, may later stand for another one.
func (c *Client) Endpoint(i int) string {
	c.addresses.RLock()
	defer c.addresses.RUnlock()
	if i < 0 || i >= len(c.addresses.list) {
		return ""
	}
	return c.addresses.list[i]
}

// closeGrace is how long Close lets streams send what is queued: at most the
// request that closes the session.
const closeGrace = 200 * time.Millisecond

// Close completes all operations (ErrClosed) and ends the client. It returns when
// no goroutine of the client is left. Later operations fail.
func (c *Client) Close() error {
	c.closeOnce.Do(func() {
		c.box.post(event{kind: evClose})
		<-c.loopDone
		t := time.AfterFunc(closeGrace, c.cancel)
		c.linksDone.Wait()
		t.Stop()
		c.cancel()
	})
	return nil
}
