package grpcio

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// openStreams is the number of accepted streams, in both directions.
func (s *station) openStreams() (n int) {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	for _, count := range s.peers.claims {
		n += count
	}
	return n
}

// SetPeers adds a peer, follows it to another address and drops it: then its streams end and nothing is sent to it.
func TestSetPeers(t *testing.T) {
	addr := addresses(t, 3)
	a := startStation(t, PeersConfig{Self: 1}, addr[1])
	b := startStation(t, PeersConfig{Self: 2}, addr[2])
	a.send(t, 2, "to nobody")
	a.peers.SetPeers(map[env.NodeID]string{1: addr[1], 2: addr[2]})
	require.Equal(t, map[env.NodeID]string{2: addr[2]}, a.peers.Known())
	a.send(t, 2, "hello")
	eventually(t, func() bool { return len(b.deliveries(t)) == 1 && b.openStreams() == int(env.NumChannels) })

	moved := startStation(t, PeersConfig{Self: 2}, addr[3])
	a.peers.SetPeers(map[env.NodeID]string{2: addr[3]})
	eventually(t, func() bool { return b.openStreams() == 0 && moved.openStreams() == int(env.NumChannels) })
	a.send(t, 2, "there")
	eventually(t, func() bool { return len(moved.deliveries(t)) == 1 })
	require.Len(t, b.deliveries(t), 1)

	a.peers.SetPeers(map[env.NodeID]string{2: "nonsense"})
	require.Equal(t, map[env.NodeID]string{2: addr[3]}, a.peers.Known(), "an address that cannot be used changes nothing")
	require.Contains(t, a.log.String(), "cannot be used")

	a.peers.SetPeers(nil)
	require.Empty(t, a.peers.Known())
	eventually(t, func() bool { return moved.openStreams() == 0 && a.openStreams() == 0 })
	a.send(t, 2, "gone")
	require.Zero(t, a.peers.Stats(2, env.ChannelControl))
}

// SetPeers may be called from any goroutine while messages flow and the transport closes (the race detector and goleak
// watch), and a peer that stays keeps its stream.
func TestSetPeersFromAnyGoroutine(t *testing.T) {
	addr := addresses(t, 4)
	a := startStation(t, PeersConfig{Self: 1, Addresses: addr}, addr[1])
	startStation(t, PeersConfig{Self: 2}, addr[2])
	eventually(t, func() bool { return a.peers.Stats(2, env.ChannelControl).Connected })
	change := func(rounds int) {
		for i := range rounds {
			set := map[env.NodeID]string{2: addr[2]}
			if i%2 == 0 {
				set[3], set[4] = addr[3], addr[4]
			}
			a.peers.SetPeers(set)
		}
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { change(50) })
	}
	for range 100 {
		a.send(t, 2, "x")
		a.send(t, 3, "x")
	}
	wg.Wait()
	require.Equal(t, uint64(1), a.peers.Stats(2, env.ChannelControl).Connects)
	wg.Go(func() { change(50) })
	a.stop()
	wg.Wait()
}

// A node that nobody told this one about is heard, and can be answered at the address it gives; some time after it is gone it
// is forgotten.
func TestUnknownNodeIsHeardAndAnswered(t *testing.T) {
	addr := addresses(t, 2)
	a := startStation(t, PeersConfig{Self: 1, Address: addr[1], Addresses: addr}, addr[1])
	b := startStation(t, PeersConfig{Self: 2, Address: addr[2], TemporaryFor: 10 * time.Millisecond}, addr[2])
	a.send(t, 2, "let me join")
	eventually(t, func() bool { return len(b.deliveries(t)) == 1 })
	require.Equal(t, received{1, "let me join"}, b.deliveries(t)[0])
	require.Equal(t, map[env.NodeID]string{1: addr[1]}, b.peers.Known())
	b.send(t, 1, "you are in")
	eventually(t, func() bool { return len(a.deliveries(t)) == 1 })
	eventually(t, func() bool { return b.peers.Stats(1, env.ChannelControl).ReceivedMessages == 1 })
	time.Sleep(30 * time.Millisecond) // as long as it talks it stays
	require.Equal(t, 1, b.peers.Temporary())
	a.stop()
	eventually(t, func() bool { return len(b.peers.Known()) == 0 })
}

// A temporary peer that becomes a real one, and a removed one that still talks to this node, keep their stream, so that the
// first hears of its membership and the second of its removal without a gap.
func TestPeersBecomeTemporaryAndBack(t *testing.T) {
	addr := addresses(t, 2)
	a := startStation(t, PeersConfig{Self: 1, Address: addr[1], Addresses: addr}, addr[1])
	b := startStation(t, PeersConfig{Self: 2, Address: addr[2], TemporaryFor: time.Millisecond}, addr[2])
	eventually(t, func() bool { return b.peers.Stats(1, env.ChannelControl).Connected })
	for range 3 {
		b.peers.SetPeers(addr)
		require.Zero(t, b.peers.Temporary())
		b.peers.SetPeers(nil)
		require.Equal(t, 1, b.peers.Temporary())
	}
	require.Equal(t, uint64(1), b.peers.Stats(1, env.ChannelControl).Connects)
	b.peers.SetPeers(addr)
	a.stop()
	eventually(t, func() bool { return b.openStreams() == 0 })
	require.Equal(t, map[env.NodeID]string{1: addr[1]}, b.peers.Known(), "a real one does not expire")
}

// A node that moved is answered where it says it is, although the configuration does not know yet; and a hint is tried where
// the first address leads nowhere.
func TestOtherAddressesAreTried(t *testing.T) {
	addr := addresses(t, 4)
	a := startStation(t, PeersConfig{Self: 1, Addresses: map[env.NodeID]string{2: addr[3]}}, addr[1])
	b := startStation(t, PeersConfig{Self: 2, Address: addr[2], Addresses: addr}, addr[2])
	eventually(t, func() bool { return b.peers.Stats(1, env.ChannelControl).Connected })
	a.send(t, 2, "found you")
	eventually(t, func() bool { return len(b.deliveries(t)) == 1 })

	c := startStation(t, PeersConfig{Self: 3, Addresses: map[env.NodeID]string{2: addr[4]}, Hints: map[env.NodeID]string{2: addr[2]}}, addr[3])
	c.send(t, 2, "found you too")
	eventually(t, func() bool { return len(b.deliveries(t)) == 2 })
}

// stranger opens a stream to a station as a node nobody knows.
func stranger(t *testing.T, client kvpb.PeerClient, h *kvpb.Hello) (end func()) {
	t.Helper()
	h.Protocol, h.Cluster = Protocol, 99
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client.Connect(ctx)
	require.NoError(t, err)
	require.NoError(t, stream.Send(&kvpb.PeerFrame{Hello: h}))
	answer, err := stream.Recv()
	require.NoError(t, err)
	require.Empty(t, answer.Hello.Refused)
	require.NoError(t, stream.Send(&kvpb.PeerFrame{Payloads: [][]byte{[]byte("x")}}))
	return cancel
}

// All unknown nodes are heard, but only a bounded number of them can be answered; a silent one makes room.
func TestTemporaryPeersAreBounded(t *testing.T) {
	addr := addresses(t, 1)
	nowhere := func(context.Context, string) (net.Conn, error) { return nil, errors.New("nobody is there") }
	s := startStation(t, PeersConfig{Self: 1, Dial: nowhere}, addr[1])
	client := kvpb.NewPeerClient(dial(t, addr[1]))
	var ends []func()
	greet := func(id uint64) {
		ends = append(ends, stranger(t, client, &kvpb.Hello{From: id, To: 1, Address: "127.0.0.1:1"}))
	}
	for i := range MaxTemporary + 6 {
		greet(uint64(100 + i))
	}
	eventually(t, func() bool { return len(s.deliveries(t)) == MaxTemporary+6 })
	require.Equal(t, MaxTemporary, s.peers.Temporary())
	require.Contains(t, s.log.String(), "too many of its kind")
	for _, end := range ends {
		end()
	}
	eventually(t, func() bool { return s.openStreams() == 0 })
	greet(7)
	eventually(t, func() bool { return s.peers.lookup(7) != nil })
	require.Equal(t, MaxTemporary, s.peers.Temporary())
}

// Two processes with one node id and different logs at the same time are reported; one that comes back after the other, or with
// the same log, is not.
func TestTwoProcessesWithOneIDAreReported(t *testing.T) {
	addr := addresses(t, 1)
	s := startStation(t, PeersConfig{Self: 1}, addr[1])
	client := kvpb.NewPeerClient(dial(t, addr[1]))
	end := stranger(t, client, &kvpb.Hello{From: 5, To: 1, Store: 11})
	end2 := stranger(t, client, &kvpb.Hello{From: 5, To: 1, Store: 11, Channel: 1})
	stranger(t, client, &kvpb.Hello{From: 6, To: 1, Store: 12})
	stranger(t, client, &kvpb.Hello{From: 5, To: 1, Store: 0})
	end()
	end2()
	eventually(t, func() bool { return s.openStreams() == 2 })
	stranger(t, client, &kvpb.Hello{From: 5, To: 1, Store: 13})
	eventually(t, func() bool { return s.openStreams() == 3 })
	require.NotContains(t, s.log.String(), "two processes")
	stranger(t, client, &kvpb.Hello{From: 5, To: 1, Store: 14})
	eventually(t, func() bool { return strings.Contains(s.log.String(), "two processes say that they are the same node") })
	eventually(t, func() bool { return len(s.deliveries(t)) == 6 })
}

// The Hello of both sides says where they are, which log they have and what the stream carries.
func TestHelloSaysWhoIsThere(t *testing.T) {
	p, err := NewPeers(PeersConfig{Self: 3, Cluster: 9, Address: "h:1"})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	p.SetStore(77)
	h := p.greeting(4, env.ChannelSnapshot)
	require.Equal(t, uint64(77), h.Store)
	require.Equal(t, "h:1", h.Address)
	require.Equal(t, uint32(2), h.Channel)
	require.Equal(t, uint32(2), h.Protocol)
	_, err = NewPeers(PeersConfig{Self: 1, Addresses: map[env.NodeID]string{2: "no port"}})
	require.ErrorContains(t, err, "give it as host:port")
}

// Goal: nodes that were started as the beginning of different clusters refuse each other; one that joined later is welcome.
// Method: judge Hellos with other founders, the same in another order, and none.
func TestOtherFoundersAreRefused(t *testing.T) {
	peers := func(founders ...env.NodeID) *Peers {
		p, err := NewPeers(PeersConfig{Self: 1, Cluster: 7, Address: "127.0.0.1:1"})
		require.NoError(t, err)
		t.Cleanup(p.Close)
		p.SetFounders(founders)
		return p
	}
	ours := peers(1, 2, 3)
	hello := func(founders ...env.NodeID) *kvpb.Hello {
		h := peers(founders...).greeting(1, env.ChannelControl)
		h.From = 2
		return h
	}
	require.Contains(t, ours.judge(hello(1, 2)), "begins with other nodes")
	require.Empty(t, ours.judge(hello(3, 1, 2)))
	require.Empty(t, ours.judge(hello()))
	require.Empty(t, peers().judge(hello(1, 2)))
}
