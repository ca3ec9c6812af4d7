package grpcio

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/osio"
)

// logBuffer collects log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// received is one delivered payload.
type received struct {
	from    env.NodeID
	payload string
}

// station is one node's transport with its loop and server.
type station struct {
	id    env.NodeID
	peers *Peers
	loop  *osio.Loop
	log   *logBuffer
	// got belongs to the loop.
	got  []received
	stop func()
}

func startStation(t *testing.T, cfg PeersConfig, address string) *station {
	t.Helper()
	s := &station{id: cfg.Self, log: &logBuffer{}}
	cfg.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	if cfg.Cluster == 0 {
		cfg.Cluster = 99
	}
	peers, err := NewPeers(cfg)
	require.NoError(t, err)
	s.peers = peers
	loop, stopLoop := startLoop(t, peers)
	s.loop = loop
	peers.Start(loop, func(from env.NodeID, payload []byte) {
		s.got = append(s.got, received{from, string(payload)})
	})
	stopServer := serve(t, listen(t, address), func(srv *grpc.Server) { kvpb.RegisterPeerServer(srv, peers) })
	s.stop = sync.OnceFunc(func() {
		peers.Close()
		stopServer()
		stopLoop()
	})
	t.Cleanup(s.stop)
	return s
}

func (s *station) send(t *testing.T, to env.NodeID, payloads ...string) {
	t.Helper()
	s.sendOn(t, to, env.ChannelControl, payloads...)
}

func (s *station) sendOn(t *testing.T, to env.NodeID, channel env.Channel, payloads ...string) {
	t.Helper()
	require.NoError(t, s.loop.Call(t.Context(), func() {
		for _, p := range payloads {
			s.peers.Send(to, channel, []byte(p))
		}
	}))
}

func (s *station) deliveries(t *testing.T) (got []received) {
	require.NoError(t, s.loop.Call(t.Context(), func() { got = append(got, s.got...) }))
	return got
}

// addresses reserves loopback ports for nodes 1..n.
func addresses(t *testing.T, n int) map[env.NodeID]string {
	m := make(map[env.NodeID]string)
	for id := 1; id <= n; id++ {
		l := listen(t, "")
		m[env.NodeID(id)] = l.Addr().String()
		require.NoError(t, l.Close())
	}
	return m
}

// GRPC-2: payloads reach the right node, unaltered and in order, from each to each.
func TestPeersDeliverInOrder(t *testing.T) {
	const each = 500
	addr := addresses(t, 3)
	stations := map[env.NodeID]*station{}
	for id := range addr {
		stations[id] = startStation(t, PeersConfig{Self: id, Addresses: addr}, addr[id])
	}
	for _, s := range stations {
		for to := range addr {
			if to != s.id {
				eventually(t, func() bool { return s.peers.Stats(to, env.ChannelControl).Connected })
			}
		}
	}
	number := func(from, to env.NodeID, i int) string {
		b := binary.BigEndian.AppendUint64([]byte{byte(from), byte(to)}, uint64(i))
		return string(append(b, make([]byte, i)...))
	}
	for from, s := range stations {
		require.NoError(t, s.loop.Call(t.Context(), func() {
			for i := range each {
				for to := range addr {
					if to != from {
						s.loop.Send(to, env.ChannelControl, []byte(number(from, to, i)))
					}
				}
			}
		}))
	}
	for to, s := range stations {
		eventually(t, func() bool { return len(s.deliveries(t)) == 2*each })
		next := map[env.NodeID]int{}
		for _, r := range s.deliveries(t) {
			require.Equal(t, number(r.from, to, next[r.from]), r.payload)
			next[r.from]++
		}
	}
}

// Messages of one turn travel in few frames, and frames stay bounded however much waits.
func TestPeersBatch(t *testing.T) {
	addr := addresses(t, 2)
	a := startStation(t, PeersConfig{Self: 1, Addresses: addr}, addr[1])
	b := startStation(t, PeersConfig{Self: 2, Addresses: addr}, addr[2])
	eventually(t, func() bool { return a.peers.Stats(2, env.ChannelControl).Connected })
	small := make([]string, 4000)
	for i := range small {
		small[i] = "heartbeat"
	}
	a.send(t, 2, small...)
	eventually(t, func() bool { return len(b.deliveries(t)) == len(small) })
	eventually(t, func() bool { return a.peers.Stats(2, env.ChannelControl).SentMessages == uint64(len(small)) })
	frames := a.peers.Stats(2, env.ChannelControl).SentFrames
	require.LessOrEqual(t, frames, uint64(2))

	big := make([]string, 8)
	for i := range big {
		big[i] = string(make([]byte, 700<<10))
	}
	a.send(t, 2, big...)
	eventually(t, func() bool { return len(b.deliveries(t)) == len(small)+len(big) })
	eventually(t, func() bool { return a.peers.Stats(2, env.ChannelControl).SentMessages == uint64(len(small)+len(big)) })
	require.Equal(t, frames+8, a.peers.Stats(2, env.ChannelControl).SentFrames, "two of these payloads do not fit into one frame")
}

// GRPC-1: with the peer down the queue stays within its bounds, the newest messages are kept and the
// rest is counted; Send does not block.
func TestQueueIsBoundedWhilePeerIsDown(t *testing.T) {
	addr := addresses(t, 2)
	cfg := PeersConfig{Self: 1, Addresses: addr, Queues: [env.NumChannels]QueueBounds{{Messages: 64 * disconnectedShare, Bytes: 1 << 20}}}
	a := startStation(t, cfg, addr[1])
	for i := range 1000 {
		a.send(t, 2, string(binary.BigEndian.AppendUint64(nil, uint64(i))))
	}
	s := a.peers.Stats(2, env.ChannelControl)
	require.False(t, s.Connected)
	require.LessOrEqual(t, s.QueuedMessages, 64)
	require.Positive(t, s.QueuedMessages)
	require.Equal(t, uint64(1000), s.Dropped+uint64(s.QueuedMessages))

	b := startStation(t, PeersConfig{Self: 2, Addresses: addr}, addr[2])
	eventually(t, func() bool { return len(b.deliveries(t)) == s.QueuedMessages })
	got := b.deliveries(t)
	require.Equal(t, uint64(999), binary.BigEndian.Uint64([]byte(got[len(got)-1].payload)))
}

// GRPC-1: while connected a full queue drops the newest message and keeps the run before it.
func TestConnectedQueueDropsNewest(t *testing.T) {
	q := newPeerQueue(QueueBounds{3, 100})
	q.connect()
	for _, p := range []string{"a", "b", "c", "d"} {
		q.put([]byte(p))
	}
	require.Equal(t, [][]byte{[]byte("a"), []byte("b"), []byte("c")}, q.take(nil, 1000))
	q.put(make([]byte, 90))
	q.put(make([]byte, 20))
	require.Len(t, q.take(nil, 1000), 1, "bytes are bounded too")
	q.put(make([]byte, 500))
	require.Len(t, q.take(nil, 10), 1, "a message larger than the bounds goes alone")
	_, _, dropped := q.stats()
	require.Equal(t, uint64(2), dropped)
}

// A node whose loop is stuck stops reading from its peers: a bounded number of frames waits for it, and
// none is lost when it goes on.
func TestStuckLoopIsNotFlooded(t *testing.T) {
	const total = maxFramesWaiting + 4 // what is above the bound fits into the stream's window
	addr := addresses(t, 2)
	a := startStation(t, PeersConfig{Self: 1, Addresses: addr}, addr[1])
	b := startStation(t, PeersConfig{Self: 2, Addresses: addr}, addr[2])
	eventually(t, func() bool { return a.peers.Stats(2, env.ChannelLog).Connected })
	release := make(chan struct{})
	unstick := sync.OnceFunc(func() { close(release) })
	t.Cleanup(unstick)
	b.loop.Post(func() { <-release })
	for range total {
		a.sendOn(t, 2, env.ChannelLog, string(make([]byte, 600<<10)))
	}
	eventually(t, func() bool {
		return a.peers.Stats(2, env.ChannelLog).SentMessages == total && b.peers.Stats(1, env.ChannelLog).ReceivedMessages >= maxFramesWaiting
	})
	require.Equal(t, uint64(maxFramesWaiting), b.peers.Stats(1, env.ChannelLog).ReceivedMessages)
	unstick()
	eventually(t, func() bool { return len(b.deliveries(t)) == total })
}

// A node that comes back at the same address is connected to again, and what is sent then arrives.
func TestPeersReconnect(t *testing.T) {
	addr := addresses(t, 2)
	a := startStation(t, PeersConfig{Self: 1, Addresses: addr}, addr[1])
	for round := range 3 {
		b := startStation(t, PeersConfig{Self: 2, Addresses: addr}, addr[2])
		eventually(t, func() bool { return a.peers.Stats(2, env.ChannelControl).Connects == uint64(round+1) })
		a.send(t, 2, "hello again")
		eventually(t, func() bool { return len(b.deliveries(t)) == 1 })
		b.stop()
		eventually(t, func() bool { return !a.peers.Stats(2, env.ChannelControl).Connected })
	}
}

// GRPC-3: each kind of mismatch is refused with its reason, nothing is delivered, and both sides log it.
func TestHelloRefusals(t *testing.T) {
	cases := []struct {
		name   string
		a, b   PeersConfig
		reason string
	}{
		{"cluster", PeersConfig{Self: 1, Cluster: 5}, PeersConfig{Self: 2}, "you are of cluster 0000000000000005"},
		{"swapped address", PeersConfig{Self: 1}, PeersConfig{Self: 3}, "this is node 3, you asked for node 2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			addr := addresses(t, 3)
			c.b.Addresses = addr
			b := startStation(t, c.b, addr[2])
			c.a.Addresses = map[env.NodeID]string{2: addr[2]}
			a := startStation(t, c.a, addr[1])
			a.send(t, 2, "must not arrive")
			eventually(t, func() bool { return bytes.Contains([]byte(a.log.String()), []byte(c.reason)) })
			require.Contains(t, b.log.String(), "refused a peer")
			require.Zero(t, a.peers.Stats(2, env.ChannelControl).SentMessages)
			require.Empty(t, b.deliveries(t))
		})
	}
}

// GRPC-3: other protocol versions and streams without a Hello are refused in the answer.
func TestForeignStreamsAreRefused(t *testing.T) {
	addr := addresses(t, 2)
	b := startStation(t, PeersConfig{Self: 2, Addresses: addr}, addr[2])
	client := kvpb.NewPeerClient(dial(t, addr[2]))
	for reason, frame := range map[string]*kvpb.PeerFrame{
		"you speak 1":                {Hello: &kvpb.Hello{Protocol: 1, Cluster: 99, From: 1, To: 2}},
		"did not begin with a Hello": {Payloads: [][]byte{[]byte("x")}},
		"you say you are node 2":     {Hello: &kvpb.Hello{Protocol: 2, Cluster: 99, From: 2, To: 2}},
		"you say you are node 0":     {Hello: &kvpb.Hello{Protocol: 2, Cluster: 99, To: 2}},
		"you say you are node 42949": {Hello: &kvpb.Hello{Protocol: 2, Cluster: 99, From: 1 << 32, To: 2}},
		"there is no channel 3":      {Hello: &kvpb.Hello{Protocol: 2, Cluster: 99, From: 1, To: 2, Channel: 3}},
	} {
		stream, err := client.Connect(t.Context())
		require.NoError(t, err)
		require.NoError(t, stream.Send(frame))
		answer, err := stream.Recv()
		require.NoError(t, err)
		require.Contains(t, answer.Hello.Refused, reason)
		_, err = stream.Recv()
		require.Error(t, err, "the stream ends after a refusal")
	}
	require.Empty(t, b.deliveries(t))
}

// A refusal is not final: after the long pause the node greets again, and is let in when the cause is gone.
func TestRefusedPeerComesBack(t *testing.T) {
	addr := addresses(t, 2)
	b := startStation(t, PeersConfig{Self: 2, Cluster: 1, Addresses: addr}, addr[2])
	a := startStation(t, PeersConfig{Self: 1, Addresses: addr, RefusedPause: 20 * time.Millisecond}, addr[1])
	eventually(t, func() bool { return bytes.Count([]byte(a.log.String()), []byte("peer refuses")) > 1 })
	b.stop()
	startStation(t, PeersConfig{Self: 2, Addresses: addr}, addr[2])
	eventually(t, func() bool { return a.peers.Stats(2, env.ChannelControl).Connected })
}
