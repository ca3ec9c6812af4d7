package server

import (
	"log/slog"
	"maps"
	"sync"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/osio"
)

// memberSource is a node that tells where the members of its groups are: fn is called on the loop, with all
// of them, when that has changed, and once for what the node knew when it started.
type memberSource interface {
	OnMembersChanged(fn func(addresses map[env.NodeID]string))
}

// addressBook follows the members of the cluster: the transport gets them at once, the data directory soon, so
// that a node finds its cluster again though its log is damaged and its --peers are out of date.
type addressBook struct {
	dir   *osio.Dir
	peers *grpcio.Peers
	log   *slog.Logger
	// wake holds a token when there is something to write.
	wake chan struct{}
	ends chan struct{}

	mu   sync.Mutex
	next map[env.NodeID]string
	once sync.Once
}

func newAddressBook(dir *osio.Dir, peers *grpcio.Peers, log *slog.Logger) *addressBook {
	return &addressBook{dir: dir, peers: peers, log: log, wake: make(chan struct{}, 1), ends: make(chan struct{})}
}

// follow has a node tell the book of its members. Before the loop runs.
func (b *addressBook) follow(node memberSource) { node.OnMembersChanged(b.changed) }

// changed takes the members' addresses; it does not wait for the disk. Members whose address is not known keep
// the one they had.
func (b *addressBook) changed(addresses map[env.NodeID]string) {
	known := b.peers.Known()
	addresses = maps.Clone(addresses)
	for id, address := range addresses {
		if address != "" {
			continue
		}
		if addresses[id] = known[id]; known[id] == "" {
			delete(addresses, id)
		}
	}
	b.peers.SetPeers(addresses)
	b.mu.Lock()
	b.next = addresses
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run writes the newest addresses until end is called, and then once more.
func (b *addressBook) run() {
	for open := true; open; {
		select {
		case <-b.wake:
		case <-b.ends:
			open = false
		}
		b.mu.Lock()
		next := b.next
		b.next = nil
		b.mu.Unlock()
		if next == nil {
			continue
		}
		if err := b.dir.WritePeers(next); err != nil {
			b.log.Warn("the members' addresses could not be written down", "dir", b.dir.Path(), "error", err)
		}
	}
}

// end makes run return.
func (b *addressBook) end() { b.once.Do(func() { close(b.ends) }) }

// knownAddresses are the addresses to start with: those that were written down last, as they come from the
// cluster itself, and for other nodes those that the configuration gives. Where both differ the transport tries
// both.
func (s *Server) knownAddresses() map[env.NodeID]string {
	addresses := maps.Clone(s.cfg.Members)
	written, err := s.dir.Peers()
	if err != nil {
		s.log.Warn("the members' addresses that were written down cannot be read, only those of the configuration are known",
			"dir", s.dir.Path(), "error", err)
	}
	maps.Copy(addresses, written)
	addresses[s.cfg.Node] = s.cfg.Members[s.cfg.Node]
	return addresses
}
