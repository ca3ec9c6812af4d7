package grpcio

import (
	"sync/atomic"

	"github.com/holdfastdb/holdfast/kv/env"
)

// peerCounters count the traffic with one peer on one channel.
type peerCounters struct {
	// connected is the number of outgoing streams: for a moment two when the address changes.
	connected        atomic.Int32
	sentMessages     atomic.Uint64
	sentBytes        atomic.Uint64
	sentFrames       atomic.Uint64
	receivedMessages atomic.Uint64
	receivedBytes    atomic.Uint64
	connects         atomic.Uint64
}

// PeerStats is the traffic with one peer on one channel since the peer became known.
type PeerStats struct {
	// Connected tells whether there is an outgoing stream.
	Connected bool
	// Connects counts outgoing streams that were accepted.
	Connects uint64
	// SentMessages, SentBytes and SentFrames count what was handed to the network.
	SentMessages, SentBytes, SentFrames uint64
	// ReceivedMessages and ReceivedBytes count what was delivered to the loop.
	ReceivedMessages, ReceivedBytes uint64
	// Dropped counts messages that found the queue full or were queued when the connection broke.
	Dropped uint64
	// QueuedMessages and QueuedBytes are what waits now.
	QueuedMessages, QueuedBytes int
}

// Stats returns the traffic with a peer on a channel, from any goroutine; the zero value for a node that is
// not known.
func (p *Peers) Stats(id env.NodeID, channel env.Channel) PeerStats {
	peer := p.lookup(id)
	if peer == nil {
		return PeerStats{}
	}
	c := peer.links[channel].stats
	s := PeerStats{
		Connected: c.connected.Load() > 0, Connects: c.connects.Load(),
		SentMessages: c.sentMessages.Load(), SentBytes: c.sentBytes.Load(), SentFrames: c.sentFrames.Load(),
		ReceivedMessages: c.receivedMessages.Load(), ReceivedBytes: c.receivedBytes.Load(),
	}
	s.QueuedMessages, s.QueuedBytes, s.Dropped = peer.links[channel].queue.stats()
	return s
}
