package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

const (
	// maxBatchBytes and maxBatchRequests bound one message, roughly.
	maxBatchBytes    = 1 << 20
	maxBatchRequests = 1024
	// requestOverhead is what a request costs on the wire beside keys and values.
	requestOverhead = 64
	// reopenMin and reopenMax bound the pause before a stream is opened again; a stream
	// that lived for reopenMax starts over.
	reopenMin = 20 * time.Millisecond
	reopenMax = time.Second
)

// link keeps one stream to one endpoint.
type link struct {
	client *Client
	ep     int
	conn   *grpc.ClientConn
	limit  int

	// ctx ends the stream; closing ends attempts to open one. Both end with those of the client.
	ctx, closing        context.Context
	cancel, stopDialing context.CancelFunc

	// staged belongs to the loop.
	staged []*kvpb.Request
	// disconnected is the loop's word that it knows of the broken stream.
	disconnected chan struct{}

	mu        sync.Mutex
	queue     []*kvpb.Request
	finishing bool
	// wake has room for one: the sender looks again.
	wake chan struct{}
}

// addLink starts to connect to an endpoint, a new one or one that was hung up.
func (c *Client) addLink(ep int, address string) error {
	if ep == len(c.links) {
		c.links = append(c.links, nil)
	}
	c.addresses.Lock()
	if ep == len(c.addresses.list) {
		c.addresses.list = append(c.addresses.list, "")
	}
	c.addresses.list[ep] = address
	c.addresses.Unlock()
	conn, err := grpc.NewClient("passthrough:///"+address, grpcio.DialOptions(c.cfg.Dialer)...)
	if err != nil {
		return fmt.Errorf("client: endpoint %q: %w", address, err)
	}
	l := &link{
		client: c, ep: ep, conn: conn, limit: 2 * c.box.limit,
		disconnected: make(chan struct{}, 1), wake: make(chan struct{}, 1),
	}
	l.ctx, l.cancel = context.WithCancel(c.ctx)
	l.closing, l.stopDialing = context.WithCancel(c.closing)
	c.links[ep] = l
	c.linksDone.Add(1)
	go l.run()
	return nil
}

// enqueue queues requests for the sender and returns the ids of those that do not
// fit. What is queued while the stream is broken comes back from reset.
func (l *link) enqueue(reqs []*kvpb.Request) (refused []uint64) {
	l.mu.Lock()
	n := min(len(reqs), max(l.limit-len(l.queue), 0))
	l.queue = append(l.queue, reqs[:n]...)
	l.mu.Unlock()
	for _, r := range reqs[n:] {
		refused = append(refused, r.Id)
	}
	l.rouse()
	return refused
}

func (l *link) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// reset empties the queue and returns the ids of what was not sent.
func (l *link) reset() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []uint64
	for _, r := range l.queue {
		ids = append(ids, r.Id)
	}
	clear(l.queue)
	l.queue = l.queue[:0]
	return ids
}

// finish makes the sender end when its queue is empty.
func (l *link) finish() {
	l.mu.Lock()
	l.finishing = true
	l.mu.Unlock()
	l.rouse()
}

// hangUp makes the link end for good once its queue is empty, or soon in any case. The loop calls
// it once.
func (l *link) hangUp() {
	l.finish()
	l.stopDialing()
	time.AfterFunc(closeGrace, l.cancel)
}

// run opens the stream, again and again, until the client is closed or the link is hung up.
func (l *link) run() {
	defer l.client.linksDone.Done()
	defer func() {
		l.conn.Close()
		l.stopDialing()
		l.cancel()
		if l.client.closing.Err() == nil {
			l.client.box.post(event{kind: evHungUp, ep: l.ep})
		}
	}()
	pause := reopenMin
	for l.closing.Err() == nil {
		opened := time.Now()
		if err := l.once(); err == nil || time.Since(opened) > reopenMax {
			pause = reopenMin
		}
		t := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-t.C:
		case <-l.closing.Done():
			t.Stop()
		}
		pause = min(2*pause, reopenMax)
	}
}

// once opens one stream and serves it until it breaks.
func (l *link) once() error {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	stop := context.AfterFunc(l.closing, cancel)
	stream, err := kvpb.NewKVClient(l.conn).Stream(ctx, grpc.WaitForReady(true))
	if err != nil {
		stop()
		return err
	}
	if !stop() {
		return l.closing.Err()
	}
	l.client.box.post(event{kind: evConnected, ep: l.ep})
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		l.send(ctx, stream)
	}()
	for {
		batch, recvErr := stream.Recv()
		if recvErr != nil {
			err = recvErr
			break
		}
		l.client.box.post(event{kind: evResponses, ep: l.ep, batch: batch})
	}
	cancel()
	<-sent
	if posted, _ := l.client.box.post(event{kind: evDisconnected, ep: l.ep}); posted {
		<-l.disconnected
	}
	return err
}

// send sends all that is queued, as few messages as the bounds allow.
func (l *link) send(ctx context.Context, stream grpc.BidiStreamingClient[kvpb.RequestBatch, kvpb.ResponseBatch]) {
	var batch []*kvpb.Request
	for {
		l.mu.Lock()
		batch, l.queue = l.queue, batch[:0]
		finishing := l.finishing
		l.mu.Unlock()
		for rest := batch; len(rest) > 0; {
			n := prefix(rest)
			if stream.Send(&kvpb.RequestBatch{Requests: rest[:n]}) != nil {
				// What was handed to Send may have left; the rest has not.
				l.mu.Lock()
				l.queue = append(rest[n:len(rest):len(rest)], l.queue...)
				l.mu.Unlock()
				return
			}
			rest = rest[n:]
		}
		clear(batch)
		if len(batch) > 0 {
			continue
		}
		if finishing {
			_ = stream.CloseSend() // it never fails; the server then ends the stream
			return
		}
		select {
		case <-l.wake:
			// Let the operations that are ready to run get into the same message: what
			// travels together is written to disk together.
			runtime.Gosched()
		case <-ctx.Done():
			return
		}
	}
}

// prefix returns how many of the requests, at least one, go into one message.
func prefix(reqs []*kvpb.Request) int {
	size := 0
	for i, r := range reqs {
		size += requestOverhead + len(r.ScanPrefix) + len(r.ScanAfter)
		for _, op := range r.Ops {
			size += requestOverhead + len(op.Key) + len(op.Value) + len(op.CondValue)
		}
		if i > 0 && size > maxBatchBytes || i == maxBatchRequests {
			return i
		}
	}
	return len(reqs)
}
