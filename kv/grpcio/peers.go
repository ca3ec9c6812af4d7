package grpcio

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// PeersConfig says who a node is and where the others are.
type PeersConfig struct {
	Self env.NodeID
	// Cluster is compared in the Hello of every stream.
	Cluster uint64
	// Address is where this node listens, "host:port", for nodes that do not know it; "" tells them
	// nothing.
	Address string
	// Addresses are where the other nodes that are known at the start listen, "host:port"; an entry
	// for Self is ignored. SetPeers replaces them.
	Addresses map[env.NodeID]string
	// Hints are further addresses to try of nodes that are peers, for when the first one is
	// out of date.
	Hints map[env.NodeID]string
	// Dial opens connections; nil means plain TCP.
	Dial DialFunc
	// Logger gets changes of connections; nil means slog.Default.
	Logger *slog.Logger

	// Queues bound what waits for one peer on each channel; where a bound is 0 the one of
	// DefaultQueues holds.
	Queues [env.NumChannels]QueueBounds
	// RefusedPause is how long a node waits before it greets one that refused it
	// again; 0 means 5 s.
	RefusedPause time.Duration
	// TemporaryFor is how long a node that greeted without being known can be sent to after
	// its last stream ended; 0 means 1 min.
	TemporaryFor time.Duration
}

// QueueBounds bound what waits for one peer on one channel.
type QueueBounds struct{ Messages, Bytes int }

// DefaultQueues are the bounds of the queues. Control messages are bounded by their number,
// log entries and snapshots by their bytes; a snapshot's sender waits for answers, so a few of
// its chunks are enough.
var DefaultQueues = [env.NumChannels]QueueBounds{
	env.ChannelControl:  {Messages: 4096, Bytes: 8 << 20},
	env.ChannelLog:      {Messages: 8192, Bytes: 32 << 20},
	env.ChannelSnapshot: {Messages: 1024, Bytes: 8 << 20},
}

const (
	// maxFrameBytes is the size a frame of several payloads stays under.
	maxFrameBytes = 1 << 20
	// maxFramesWaiting bounds the frames of one incoming stream that wait for the
	// loop; beyond it the stream is not read.
	maxFramesWaiting = 16
	// MaxPayloadBytes is the largest payload that is sent; larger ones are dropped.
	MaxPayloadBytes = MaxRequestBytes - 64
	// MaxTemporary bounds the nodes that can be sent to although they are no peers.
	MaxTemporary = 64
)

// Peers carries messages between nodes: env.Transport over gRPC. Each node
// dials each other one and only sends on the streams it opened.
type Peers struct {
	kvpb.UnimplementedPeerServer
	cfg PeersConfig
	log *slog.Logger

	// store is the number of this node's log, 0 while it is not known.
	store atomic.Uint64
	// founders is the fingerprint of the nodes that the cluster began with, 0 if this node joined later.
	founders atomic.Uint64
	// table holds the peers and the temporary ones; it is replaced, never changed.
	table atomic.Pointer[map[env.NodeID]*peer]

	// loop and receive are set by Start, before started is closed.
	loop    Loop
	receive func(from env.NodeID, payload []byte)
	started chan struct{}

	// dirty are the links that were sent on in this turn; owned by the loop.
	dirty []*link

	// mu guards who is a peer: replacing table, and what follows.
	mu sync.Mutex
	// claims counts the open streams by who is at their other end.
	claims map[claim]int
	// inbound is what is known of nodes with incoming streams.
	inbound map[env.NodeID]*inbound
	running bool
	closed  bool

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

var (
	_ env.Transport   = (*Peers)(nil)
	_ kvpb.PeerServer = (*Peers)(nil)
)

// NewPeers returns a transport that connects to nobody before Start. An error names
// an address that is not one.
func NewPeers(cfg PeersConfig) (*Peers, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	for i := range cfg.Queues {
		q, d := &cfg.Queues[i], DefaultQueues[i]
		if q.Messages == 0 {
			q.Messages = d.Messages
		}
		if q.Bytes == 0 {
			q.Bytes = d.Bytes
		}
	}
	if cfg.RefusedPause == 0 {
		cfg.RefusedPause = 5 * time.Second
	}
	if cfg.TemporaryFor == 0 {
		cfg.TemporaryFor = time.Minute
	}
	for id, address := range cfg.Addresses {
		if err := checkAddress(address); err != nil && id != cfg.Self {
			return nil, fmt.Errorf("the address %q of node %d cannot be used: %w; give it as host:port", address, id, err)
		}
	}
	p := &Peers{
		cfg:     cfg,
		log:     cfg.Logger,
		started: make(chan struct{}),
		claims:  make(map[claim]int),
		inbound: make(map[env.NodeID]*inbound),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.table.Store(&map[env.NodeID]*peer{})
	p.SetPeers(cfg.Addresses)
	return p, nil
}

// checkAddress says why an address cannot be dialled.
func checkAddress(address string) error {
	if len(address) > 256 {
		return fmt.Errorf("it has %d bytes", len(address))
	}
	_, _, err := net.SplitHostPort(address)
	return err
}

// Start begins to connect and to deliver: receive is called on the loop for
// each payload. It is called once, before the loop runs.
func (p *Peers) Start(loop Loop, receive func(from env.NodeID, payload []byte)) {
	p.loop, p.receive = loop, receive
	close(p.started)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = true
	for _, peer := range *p.table.Load() {
		p.run(peer)
	}
}

// SetStore says which log this node has, for the Hellos to come; from any goroutine.
func (p *Peers) SetStore(store uint64) { p.store.Store(store) }

// SetPeers replaces the peers: streams to those that are gone end, and new ones are
// connected to, also where only the address is new. It may be called at any time from any goroutine,
// and does not wait. Entries for this node are ignored, and those whose address cannot be
// dialled are logged; a peer that was known before then keeps its address.
func (p *Peers) SetPeers(addresses map[env.NodeID]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	old := *p.table.Load()
	table := make(map[env.NodeID]*peer, len(addresses))
	for id, address := range addresses {
		if id == p.cfg.Self {
			continue
		}
		before := old[id]
		if err := checkAddress(address); err != nil {
			p.log.Error("the address of a peer cannot be used", "peer", uint64(id), "address", address, "error", err)
			if before != nil {
				table[id] = before
			}
			continue
		}
		if before != nil && before.address == address {
			before.temporary = false
			table[id] = before
			continue
		}
		table[id] = p.newPeer(id, address, before)
	}
	for id, before := range old {
		if table[id] == nil && p.retire(before) {
			table[id] = before
		}
		if table[id] != before {
			before.cancel()
		}
	}
	p.replace(table)
}

// replace makes a table the current one and runs what is new in it; the caller holds mu.
func (p *Peers) replace(table map[env.NodeID]*peer) {
	p.table.Store(&table)
	if !p.running {
		return
	}
	for _, peer := range table {
		if !peer.running {
			p.run(peer)
		}
	}
}

// run starts to connect to a peer; the caller holds mu.
func (p *Peers) run(peer *peer) {
	peer.running = true
	p.wg.Go(func() { p.keepConnected(peer) })
}

// lookup returns a peer or temporary one, nil if the node is neither.
func (p *Peers) lookup(id env.NodeID) *peer { return (*p.table.Load())[id] }

// Known are the nodes that can be sent to, with their addresses; temporary ones are among them.
func (p *Peers) Known() map[env.NodeID]string {
	known := make(map[env.NodeID]string)
	for id, peer := range *p.table.Load() {
		known[id] = peer.address
	}
	return known
}

// Send queues a payload for a node; called on the loop, after Start. Payloads for a node that
// is not known are dropped.
func (p *Peers) Send(to env.NodeID, channel env.Channel, payload []byte) {
	peer := p.lookup(to)
	if peer == nil {
		return
	}
	l := peer.links[channel]
	l.queue.put(payload)
	if l.dirty {
		return
	}
	if len(p.dirty) == 0 {
		p.loop.AtTurnEnd(p.flush)
	}
	l.dirty = true
	p.dirty = append(p.dirty, l)
}

// flush wakes the senders at the end of a turn, when all its messages are queued.
func (p *Peers) flush() {
	for _, l := range p.dirty {
		l.dirty = false
		signal(l.queue.wake)
	}
	clear(p.dirty)
	p.dirty = p.dirty[:0]
}

// Close ends all streams, outgoing and incoming, and waits for the outgoing ones.
func (p *Peers) Close() {
	p.mu.Lock()
	p.closed, p.running = true, false
	p.mu.Unlock()
	p.cancel()
	p.wg.Wait()
}

// clone copies the table for a change; the caller holds mu.
func (p *Peers) clone() map[env.NodeID]*peer { return maps.Clone(*p.table.Load()) }
