package grpcio

import (
	"context"
	"sync"
	"time"
)

// peerQueue holds the payloads that wait for one peer on one channel. Any goroutine puts, one
// takes.
//
// Which message goes when the queue is full: while connected the newest, as
// those before it still make sense without it (a run of appends stays without a gap);
// while disconnected the oldest, as only fresh messages are worth anything when the peer
// comes back; then the queue is a small part of its size.
type peerQueue struct {
	maxMessages int
	maxBytes    int
	// wake holds a token when there may be something to take.
	wake chan struct{}
	// drained holds a token when the queue has become empty.
	drained chan struct{}

	mu        sync.Mutex
	payloads  [][]byte
	bytes     int
	connected bool
	dropped   uint64
}

// disconnectedShare is the divisor of the queue's bounds while there is no connection.
const disconnectedShare = 32

func newPeerQueue(b QueueBounds) *peerQueue {
	return &peerQueue{
		maxMessages: b.Messages, maxBytes: b.Bytes, wake: make(chan struct{}, 1), drained: make(chan struct{}, 1),
	}
}

// put queues a payload or drops one. The caller signals wake afterwards, once
// for all it has put. A payload that is larger than the bounds goes if the queue is empty.
func (q *peerQueue) put(payload []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(payload) > MaxPayloadBytes {
		q.dropped++
		return
	}
	maxMessages, maxBytes := q.maxMessages, q.maxBytes
	if !q.connected {
		maxMessages, maxBytes = max(1, maxMessages/disconnectedShare), maxBytes/disconnectedShare
	}
	full := len(q.payloads) >= maxMessages || (q.bytes+len(payload) > maxBytes && len(q.payloads) > 0)
	if full && q.connected {
		q.dropped++
		return
	}
	if full {
		q.clear()
	}
	q.payloads = append(q.payloads, payload)
	q.bytes += len(payload)
}

// take removes the oldest payloads, at least one if there is any, and more up to
// maxBytes; what it returns is valid until the next take.
func (q *peerQueue) take(into [][]byte, maxBytes int) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(into)
	into = into[:0]
	size := 0
	for _, p := range q.payloads {
		if len(into) > 0 && size+len(p) > maxBytes {
			break
		}
		into = append(into, p)
		size += len(p)
	}
	rest := copy(q.payloads, q.payloads[len(into):])
	clear(q.payloads[rest:])
	q.payloads = q.payloads[:rest]
	q.bytes -= size
	if rest == 0 {
		signal(q.drained)
	}
	return into
}

// awaitEmpty waits until nothing is queued, but not longer than d, and reports whether ctx is still
// alive.
func (q *peerQueue) awaitEmpty(ctx context.Context, d time.Duration) bool {
	if messages, _, _ := q.stats(); messages == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-q.drained:
			if messages, _, _ := q.stats(); messages == 0 {
				return true
			}
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// connect and disconnect note the state of the connection. What waits for a
// connection that broke is dropped (GRPC-2).
func (q *peerQueue) connect() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.connected = true
}

func (q *peerQueue) disconnect() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.connected = false
	q.clear()
}

func (q *peerQueue) clear() {
	q.dropped += uint64(len(q.payloads))
	clear(q.payloads)
	q.payloads, q.bytes = q.payloads[:0], 0
}

// stats returns what waits and how many payloads were dropped so far.
func (q *peerQueue) stats() (messages, bytes int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.payloads), q.bytes, q.dropped
}
