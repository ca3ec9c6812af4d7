package grpcio

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// PeersConfig says who a node is and where the others are.
type PeersConfig struct {
	Self env.NodeID
	// Cluster is compared in the Hello of every stream.
	Cluster uint64
	// Members are the ids of all nodes, Self among them, in any order. Their fingerprint is compared
	// in the Hello of every stream; if there are none, it is not sent and not compared.
	Members []env.NodeID
	// Addresses are where the members listen, "host:port"; an entry for Self is ignored.
	Addresses map[env.NodeID]string
	// Dial opens connections; nil means plain TCP.
	Dial DialFunc
	// Logger gets changes of connections; nil means slog.Default.
	Logger *slog.Logger

	// QueueMessages and QueueBytes bound what waits for one peer; 0 means 8192
	// messages and 32 MiB.
	QueueMessages int
	QueueBytes    int
	// RefusedPause is how long a node waits before it greets one that refused it
	// again; 0 means 5 s.
	RefusedPause time.Duration
}

const (
	// maxFrameBytes is the size a frame of several payloads stays under.
	maxFrameBytes = 1 << 20
	// maxFramesWaiting bounds the frames of one incoming stream that wait for the
	// loop; beyond it the stream is not read.
	maxFramesWaiting = 16
)

// Peers carries messages between nodes: env.Transport over gRPC. Each node
// dials each other one and only sends on the stream it opened.
type Peers struct {
	kvpb.UnimplementedPeerServer
	cfg   PeersConfig
	log   *slog.Logger
	peers map[env.NodeID]*peer
	// membersHash is the fingerprint of cfg.Members.
	membersHash uint64

	// loop and receive are set by Start, before started is closed.
	loop    Loop
	receive func(from env.NodeID, payload []byte)
	started chan struct{}

	// dirty are the peers that were sent to in this turn; owned by the loop.
	dirty []*peer

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

var (
	_ env.Transport   = (*Peers)(nil)
	_ kvpb.PeerServer = (*Peers)(nil)
)

// peer is one other node.
type peer struct {
	id      env.NodeID
	address string
	queue   *peerQueue
	conn    *grpc.ClientConn
	// dirty is owned by the loop.
	dirty bool
	stats peerCounters
}

// NewPeers returns a transport that connects to nobody before Start. An error names
// an address that is not one.
func NewPeers(cfg PeersConfig) (*Peers, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.QueueMessages == 0 {
		cfg.QueueMessages = 8192
	}
	if cfg.QueueBytes == 0 {
		cfg.QueueBytes = 32 << 20
	}
	if cfg.RefusedPause == 0 {
		cfg.RefusedPause = 5 * time.Second
	}
	p := &Peers{
		cfg:     cfg,
		log:     cfg.Logger,
		peers:   make(map[env.NodeID]*peer),
		started: make(chan struct{}),

		membersHash: membersHash(cfg.Members),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	for id, address := range cfg.Addresses {
		if id == cfg.Self {
			continue
		}
		conn, err := grpc.NewClient(Target(address), DialOptions(cfg.Dial)...)
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("the address %q of node %d cannot be used: %w; give it as host:port", address, id, err)
		}
		p.peers[id] = &peer{id: id, address: address, conn: conn, queue: newPeerQueue(cfg.QueueMessages, cfg.QueueBytes)}
	}
	return p, nil
}

// Start begins to connect and to deliver: receive is called on the loop for
// each payload. It is called once, before the loop runs.
func (p *Peers) Start(loop Loop, receive func(from env.NodeID, payload []byte)) {
	p.loop, p.receive = loop, receive
	close(p.started)
	for _, peer := range p.peers {
		p.wg.Go(func() { p.dialLoop(peer) })
	}
}

// Send queues a payload for a node; called on the loop, after Start. Payloads for a node that
// is not a member are dropped.
func (p *Peers) Send(to env.NodeID, _ env.Channel, payload []byte) {
	peer := p.peers[to]
	if peer == nil {
		return
	}
	peer.queue.put(payload)
	if peer.dirty {
		return
	}
	if len(p.dirty) == 0 {
		p.loop.AtTurnEnd(p.flush)
	}
	peer.dirty = true
	p.dirty = append(p.dirty, peer)
}

// flush wakes the senders at the end of a turn, when all its messages are queued.
func (p *Peers) flush() {
	for _, peer := range p.dirty {
		peer.dirty = false
		peer.queue.signal()
	}
	p.dirty = p.dirty[:0]
}

// Close ends all streams, outgoing and incoming, and waits for the outgoing ones.
func (p *Peers) Close() {
	p.cancel()
	p.wg.Wait()
	for _, peer := range p.peers {
		_ = peer.conn.Close() // nothing is left to be lost
	}
}
