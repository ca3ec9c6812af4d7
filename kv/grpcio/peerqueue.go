package grpcio

import "sync"

// peerQueue holds the payloads that wait for one peer. Any goroutine puts, one
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

	mu        sync.Mutex
	payloads  [][]byte
	bytes     int
	connected bool
	dropped   uint64
}

// disconnectedShare is the divisor of the queue's bounds while there is no connection.
const disconnectedShare = 32

func newPeerQueue(maxMessages, maxBytes int) *peerQueue {
	return &peerQueue{maxMessages: maxMessages, maxBytes: maxBytes, wake: make(chan struct{}, 1)}
}

// put queues a payload or drops one. The caller calls signal afterwards, once
// for all it has put.
func (q *peerQueue) put(payload []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
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

func (q *peerQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
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
	return into
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
