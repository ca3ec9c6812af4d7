package grpcio

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// slowLink is a link that lets bytes pass when the test says so, the same number on each connection, as a
// network does that is fair between flows. Each connection has a send buffer, as the kernel gives it one.
type slowLink struct {
	mu        sync.Mutex
	freed     *sync.Cond
	throttled bool
	conns     []*slowConn
}

// sendBuffer is the size of the buffers.
const sendBuffer = 1 << 20

func newSlowLink() *slowLink {
	l := &slowLink{}
	l.freed = sync.NewCond(&l.mu)
	return l
}

func (l *slowLink) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := dialTCP(ctx, address)
	if err != nil {
		return nil, err
	}
	c := &slowConn{Conn: conn, link: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
	return c, nil
}

// slowConn is a connection over a slowLink; its fields belong to the link's mutex.
type slowConn struct {
	net.Conn
	link   *slowLink
	buf    []byte
	credit int
	closed bool
}

func (c *slowConn) Write(b []byte) (int, error) {
	l := c.link
	l.mu.Lock()
	defer l.mu.Unlock()
	for written := 0; written < len(b); {
		for l.throttled && len(c.buf) == sendBuffer && !c.closed {
			l.freed.Wait()
		}
		if c.closed {
			return written, net.ErrClosed
		}
		n := len(b) - written
		if l.throttled {
			n = min(n, sendBuffer-len(c.buf))
		}
		c.buf = append(c.buf, b[written:written+n]...)
		written += n
		if err := c.pass(); err != nil {
			return written, err
		}
	}
	return len(b), nil
}

// pass sends what may pass.
func (c *slowConn) pass() error {
	n := len(c.buf)
	if c.link.throttled {
		n = min(n, c.credit)
		c.credit -= n
	}
	_, err := c.Conn.Write(c.buf[:n])
	c.buf = slices.Delete(c.buf, 0, n)
	c.link.freed.Broadcast()
	return err
}

func (c *slowConn) Close() error {
	c.link.mu.Lock()
	c.closed = true
	c.link.freed.Broadcast()
	c.link.mu.Unlock()
	return c.Conn.Close()
}

// throttle stops the link or lets it go.
func (l *slowLink) throttle(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.throttled = on
	for _, c := range l.conns {
		_ = c.pass()
	}
}

// grant lets up to n bytes pass on each connection, and forgets what was granted before.
func (l *slowLink) grant(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.credit = n
		_ = c.pass()
	}
}

// full counts the connections whose send buffer is full.
func (l *slowLink) full() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		if len(c.buf) == sendBuffer {
			n++
		}
	}
	return n
}

// A control message needs no more of a slow link than its own bytes, however much of an entry of 60 MiB and of a
// snapshot is under way to the same peer. Method: with both stuck in full send buffers, each round lets 4 KiB pass
// on each connection, and the round's control message must arrive; that the buffers are full to the end, and that a
// message behind the entry does not arrive, shows that there was something to be delayed by.
func TestBulkDelaysNoControlMessage(t *testing.T) {
	const rounds = 100
	addr := addresses(t, 2)
	slow := newSlowLink()
	a := startStation(t, PeersConfig{Self: 1, Addresses: addr, Dial: slow.dial}, addr[1])
	b := startStation(t, PeersConfig{Self: 2}, addr[2])
	eventually(t, func() bool {
		return a.peers.Stats(2, env.ChannelControl).Connected && a.peers.Stats(2, env.ChannelLog).Connected && a.peers.Stats(2, env.ChannelSnapshot).Connected
	})
	slow.throttle(true)
	a.sendOn(t, 2, env.ChannelLog, string(make([]byte, 60<<20)))
	a.sendOn(t, 2, env.ChannelSnapshot, slices.Repeat([]string{string(make([]byte, 1<<20))}, 8)...)
	eventually(t, func() bool { return slow.full() == 2 })
	a.sendOn(t, 2, env.ChannelLog, "behind the entry")
	for i := range rounds {
		a.send(t, 2, fmt.Sprint("heartbeat ", i))
		slow.grant(4 << 10)
		eventually(t, func() bool { return len(b.deliveries(t)) == i+1 })
	}
	for i, r := range b.deliveries(t) {
		require.Equal(t, fmt.Sprint("heartbeat ", i), r.payload)
	}
	eventually(t, func() bool { return slow.full() == 2 })
	slow.throttle(false)
	eventually(t, func() bool { return len(b.deliveries(t)) == rounds+10 })
}

// Snapshots let log entries go first. Method: a log queue that is not empty holds the wait up until it is drained.
func TestSnapshotWaitsForLog(t *testing.T) {
	q := newPeerQueue(DefaultQueues[env.ChannelLog])
	q.connect()
	require.True(t, q.awaitEmpty(t.Context(), 0), "nothing to wait for")
	q.put([]byte("x"))
	waited := make(chan int, 1)
	go func() {
		q.awaitEmpty(context.Background(), helloTimeout*1000)
		left, _, _ := q.stats()
		waited <- left
	}()
	q.take(nil, 1)
	require.Zero(t, <-waited)
	q.put([]byte("x"))
	require.True(t, q.awaitEmpty(t.Context(), 0), "patience ends")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.False(t, q.awaitEmpty(ctx, helloTimeout*1000))
}

// GRPC-1: a payload that no peer would accept is dropped and counted instead of breaking the connection; the largest that
// is sent fits into what a peer accepts.
func TestOversizedPayloadIsDropped(t *testing.T) {
	q := newPeerQueue(DefaultQueues[env.ChannelLog])
	q.connect()
	largest := make([]byte, MaxPayloadBytes)
	q.put(make([]byte, MaxPayloadBytes+1))
	q.put(largest)
	messages, _, dropped := q.stats()
	require.Equal(t, 1, messages)
	require.Equal(t, uint64(1), dropped)
	require.LessOrEqual(t, proto.Size(&kvpb.PeerFrame{Payloads: [][]byte{largest}}), MaxRequestBytes)
}
