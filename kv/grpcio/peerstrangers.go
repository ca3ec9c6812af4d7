package grpcio

import (
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// claim is what a process says of itself: which node it is, and which log it has.
type claim struct {
	node  env.NodeID
	store uint64
}

// inbound is what is known of a node with incoming streams.
type inbound struct {
	streams int
	// address is the one of its newest Hello.
	address string
}

// claimed notes that a stream is open to a process that answers to h; the function it returns notes its
// end. Two processes that are the same node with different logs are two nodes with one id, which no
// protocol survives: the operator is told.
func (p *Peers) claimed(h *kvpb.Hello) (ended func()) {
	c := claim{env.NodeID(h.From), h.Store}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims[c]++
	for other := range p.claims {
		if p.claims[c] == 1 && other.node == c.node && other.store != c.store && other.store != 0 && c.store != 0 {
			p.log.Error("two processes say that they are the same node, with different logs: stop one of them, and give each node an id of its own; "+
				"if the node has just come back with a new log, its old connections end within seconds",
				"peer", h.From, "address", h.Address, "store", c.store, "other_store", other.store)
		}
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.claims[c]--; p.claims[c] == 0 {
			delete(p.claims, c)
		}
	}
}

// greeted notes an incoming stream, and makes its sender a temporary peer if it is not known but said
// where it can be reached. The function it returns notes the stream's end.
func (p *Peers) greeted(h *kvpb.Hello) (ended func()) {
	id := env.NodeID(h.From)
	p.mu.Lock()
	defer p.mu.Unlock()
	in := p.inbound[id]
	if in == nil {
		in = &inbound{}
		p.inbound[id] = in
	}
	in.streams++
	if checkAddress(h.Address) == nil {
		in.address = h.Address
		p.remember(id, h.Address)
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if in.streams--; in.streams == 0 {
			delete(p.inbound, id)
		}
	}
}

// remember notes where a node says it is; the caller holds mu.
func (p *Peers) remember(id env.NodeID, address string) {
	if p.closed {
		return
	}
	peer := p.lookup(id)
	if peer != nil {
		peer.heard.Store(&address)
		if !peer.temporary || peer.address == address {
			return
		}
	}
	table := p.clone()
	if peer != nil {
		peer.cancel()
	} else if !p.roomForTemporary(table) {
		p.log.Warn("a node that is not known cannot be answered: there are too many of its kind", "from", uint64(id), "address", address)
		return
	} else {
		p.log.Info("a node that is not known greeted, and can be sent to for now", "from", uint64(id), "address", address)
	}
	peer = p.newPeer(id, address, peer)
	table[id] = peer
	p.makeTemporary(peer)
	p.replace(table)
}

// makeTemporary has a peer expire; the caller holds mu.
func (p *Peers) makeTemporary(peer *peer) {
	peer.temporary = true
	if p.running {
		p.wg.Go(func() { p.expire(peer) })
	}
}

// roomForTemporary tells whether there may be one more temporary peer, after taking one that is silent
// out of the table if need be; the caller holds mu.
func (p *Peers) roomForTemporary(table map[env.NodeID]*peer) bool {
	n := 0
	var silent *peer
	for id, peer := range table {
		if !peer.temporary {
			continue
		}
		n++
		if p.inbound[id] == nil {
			silent = peer
		}
	}
	if n < MaxTemporary {
		return true
	}
	if silent == nil {
		return false
	}
	silent.cancel()
	delete(table, silent.id)
	return true
}

// retire tells whether a peer that SetPeers does not name any longer stays for now, as a temporary one: the node
// still talks to this one, and can so be told that it was removed. The caller holds mu.
func (p *Peers) retire(before *peer) bool {
	if before.temporary {
		return true
	}
	if p.inbound[before.id] == nil {
		return false
	}
	p.makeTemporary(before)
	return true
}

// expire ends a temporary peer when it has been silent for a while; it also ends if the peer is
// a real one again.
func (p *Peers) expire(peer *peer) {
	// silent: it was so at the last look.
	for silent := false; sleep(peer.ctx, p.cfg.TemporaryFor); {
		p.mu.Lock()
		before, is := silent, p.inbound[peer.id] == nil
		silent = is
		over := !peer.temporary || before && is
		if peer.temporary && over && p.lookup(peer.id) == peer {
			table := p.clone()
			delete(table, peer.id)
			p.replace(table)
			peer.cancel()
		}
		p.mu.Unlock()
		if over {
			return
		}
	}
}

// Temporary is the number of nodes that can be sent to although they are no peers.
func (p *Peers) Temporary() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, peer := range *p.table.Load() {
		if peer.temporary {
			n++
		}
	}
	return n
}
