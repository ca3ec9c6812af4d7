package grpcio

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/holdfastdb/holdfast/kv/env"
)

// peer is one other node at one address. If its address changes, another peer takes its place.
type peer struct {
	id env.NodeID
	// address is what the configuration says, or, of a temporary peer, what the node said.
	address string
	// heard is the address the node gave in its newest Hello, "" if none.
	heard atomic.Pointer[string]
	// hint is another address to try, "" if none.
	hint string
	// at is the address that the control connection was last made to.
	at atomic.Pointer[string]
	// failures counts attempts to connect or to greet that failed.
	failures atomic.Uint32
	links    [env.NumChannels]*link
	// running: keepConnected was started; temporary: it is no peer, but talks to this node, and goes when
	// it is silent. Both are guarded by Peers.mu.
	running   bool
	temporary bool

	// ctx ends with the peer.
	ctx    context.Context
	cancel context.CancelFunc
}

// link is what goes to one peer on one channel.
type link struct {
	channel env.Channel
	queue   *peerQueue
	// dirty is owned by the loop.
	dirty bool
	stats *peerCounters
}

// newPeer makes a peer. It goes on with the counters of the one it replaces; the caller holds mu.
func (p *Peers) newPeer(id env.NodeID, address string, before *peer) *peer {
	n := &peer{id: id, address: address, hint: p.cfg.Hints[id]}
	n.ctx, n.cancel = context.WithCancel(p.ctx)
	for c := range n.links {
		l := &link{channel: env.Channel(c), queue: newPeerQueue(p.cfg.Queues[c]), stats: &peerCounters{}}
		if before != nil {
			l.stats = before.links[c].stats
		}
		n.links[c] = l
	}
	if in := p.inbound[id]; in != nil {
		heard := in.address
		n.heard.Store(&heard)
	}
	return n
}

// addresses are where the node may be, the likeliest first.
func (peer *peer) addresses() []string {
	all := []string{peer.address}
	further := []string{peer.hint}
	if heard := peer.heard.Load(); heard != nil {
		further = []string{*heard, peer.hint}
	}
	for _, a := range further {
		if a != "" && !slices.Contains(all, a) && checkAddress(a) == nil {
			all = append(all, a)
		}
	}
	return all
}

// likeliest is the address to try now: after each failure the next one.
func (peer *peer) likeliest() string {
	all := peer.addresses()
	return all[int(peer.failures.Load())%len(all)]
}

// reached is where the node was found last.
func (peer *peer) reached() string {
	if at := peer.at.Load(); at != nil {
		return *at
	}
	return peer.address
}
