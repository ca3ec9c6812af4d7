package dev

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/grpcio"
)

// Cut is the network between nodes. Every connection between two nodes is dialled
// by one of them, so it is enough to watch the diallers.
type Cut struct {
	mu sync.Mutex
	// ids are the nodes by address.
	ids map[string]env.NodeID
	// side is where each node is; nil when the network is whole.
	side  map[env.NodeID]int
	conns map[*cutConn]struct{}
}

// NewCut returns a whole network of nodes at these addresses.
func NewCut(members map[env.NodeID]string) *Cut {
	c := &Cut{ids: map[string]env.NodeID{}, conns: map[*cutConn]struct{}{}}
	for id, address := range members {
		c.ids[address] = id
	}
	return c
}

// Add makes a further node known. Where the network is cut, it is on the first side.
func (c *Cut) Add(id env.NodeID, address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[address] = id
	if c.side != nil {
		c.side[id] = 1
	}
}

func (c *Cut) at(address string) env.NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ids[address]
}

// Dialer is how a node opens connections to the others.
func (c *Cut) Dialer(from env.NodeID) grpcio.DialFunc {
	return func(ctx context.Context, address string) (net.Conn, error) {
		to := c.at(address)
		if c.severed(from, to) {
			return nil, fmt.Errorf("the network between node %d and node %d is cut", from, to)
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return c.watch(conn, from, to)
	}
}

// watch keeps a connection in view, or closes it if the cut came in between.
func (c *Cut) watch(conn net.Conn, from, to env.NodeID) (net.Conn, error) {
	watched := &cutConn{Conn: conn, cut: c, from: from, to: to}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apart(from, to) {
		_ = conn.Close()
		return nil, fmt.Errorf("the network between node %d and node %d is cut", from, to)
	}
	c.conns[watched] = struct{}{}
	return watched, nil
}

// Partition puts the nodes on sides; nodes that are not named share one of their
// own.
func (c *Cut) Partition(sides [][]env.NodeID) {
	c.mu.Lock()
	c.side = map[env.NodeID]int{}
	for i, nodes := range sides {
		for _, id := range nodes {
			c.side[id] = i + 1
		}
	}
	var broken []*cutConn
	for conn := range c.conns {
		if c.apart(conn.from, conn.to) {
			broken = append(broken, conn)
		}
	}
	c.mu.Unlock()
	for _, conn := range broken {
		_ = conn.Close()
	}
}

// Heal makes the network whole.
func (c *Cut) Heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.side = nil
}

// Side is where a node is: 0 if the network is whole.
func (c *Cut) Side(id env.NodeID) (side int, partitioned bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.side[id], c.side != nil
}

func (c *Cut) severed(a, b env.NodeID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.apart(a, b)
}

func (c *Cut) apart(a, b env.NodeID) bool { return c.side != nil && c.side[a] != c.side[b] }

// cutConn is a connection that its Cut can break.
type cutConn struct {
	net.Conn
	cut      *Cut
	from, to env.NodeID
}

// Close implements net.Conn.
func (c *cutConn) Close() error {
	c.cut.mu.Lock()
	delete(c.cut.conns, c)
	c.cut.mu.Unlock()
	return c.Conn.Close()
}
