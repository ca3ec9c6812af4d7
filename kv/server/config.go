package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/osio"
)

// Config says which node to run, where, and on what. Syncing to disk cannot be
// turned off.
type Config struct {
	// Node is this node's id; it is in Members.
	Node env.NodeID
	// ClusterName names the cluster; nodes of clusters of different names never talk.
	ClusterName string
	// Version is the program's version, for Status.
	Version string
	// Members are the addresses ("host:port") of all nodes by id, this one among them, the same on
	// each node and at each start: nodes with other ids in their lists refuse each other, and so does a
	// data directory (osio.ErrDirOtherMembers). An address serves both peers and clients.
	Members map[env.NodeID]string

	// ListenAddress is where to listen; "" means this node's address in Members.
	ListenAddress string
	// Listen opens listeners; nil means net.Listen.
	Listen func(network, address string) (net.Listener, error)
	// Dial opens connections to other nodes; nil means plain TCP.
	Dial grpcio.DialFunc
	// MetricsAddress is where HTTP serves /metrics and /debug/pprof; "" means nowhere.
	MetricsAddress string

	// Dir is the data directory.
	Dir string
	// FS holds Dir; nil means the operating system's. An ephemeral node is given a
	// memory file system, and the same one when it is started again.
	FS env.FS
	// New allows Dir to be empty or missing: this member never ran before. A member that lost
	// its disk must not be started like this (see osio.DirOptions.Create).
	New bool

	// HeartbeatInterval and ElectionTimeout replace the defaults of kv/node where they are not 0.
	HeartbeatInterval time.Duration
	ElectionTimeout   time.Duration

	// Logger gets what an operator should know; nil means slog.Default.
	Logger *slog.Logger
}

// ClusterID is the id of the cluster with a name.
func ClusterID(name string) uint64 { return xxhash.Sum64String(name) }

func (c *Config) setDefaults() {
	if c.FS == nil {
		c.FS = osio.RealFS()
	}
	if c.Listen == nil {
		c.Listen = net.Listen
	}
	if c.ListenAddress == "" {
		c.ListenAddress = c.Members[c.Node]
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Logger = c.Logger.With("node", uint64(c.Node))
}

func (c *Config) validate() error {
	switch {
	case c.Node < 1:
		return errors.New("the node id is missing: give each node an id from 1 on")
	case c.ClusterName == "":
		return errors.New("the cluster name is missing: give all nodes of the cluster the same name")
	case c.Dir == "":
		return errors.New("the data directory is missing: give each node a directory of its own")
	case c.Members[c.Node] == "":
		return fmt.Errorf("node %d is not in the member list: add it, or start with the id of a member", c.Node)
	}
	for id, address := range c.Members {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("the address %q of node %d is not of the form host:port: %w", address, id, err)
		}
	}
	return nil
}

// nodeConfig translates to kv/node's configuration.
func (c *Config) nodeConfig() node.Config {
	nc := node.DefaultConfig()
	nc.ID, nc.Cluster, nc.ClusterName, nc.Version = c.Node, ClusterID(c.ClusterName), c.ClusterName, c.Version
	if c.HeartbeatInterval != 0 {
		nc.HeartbeatInterval = c.HeartbeatInterval
	}
	if c.ElectionTimeout != 0 {
		nc.ElectionTimeout = c.ElectionTimeout
	}
	for _, id := range sortedIDs(c.Members) {
		nc.Members = append(nc.Members, node.Member{ID: id, PeerAddress: c.Members[id], ClientAddress: c.Members[id]})
	}
	return nc
}

// ErrAddressInUse is the reason of a ListenError when another process has the port.
var ErrAddressInUse = errors.New("the port is in use")

// ListenError says why an address could not be listened on.
type ListenError struct {
	// Address is what was tried.
	Address string
	// Reason is ErrAddressInUse or the operating system's error.
	Reason error
}

func (e *ListenError) Error() string {
	next := "check the address: its host must be one of this machine"
	if errors.Is(e.Reason, ErrAddressInUse) {
		next = "stop the process that has it, perhaps a node that still runs, or choose another port"
		if _, port, err := net.SplitHostPort(e.Address); err == nil {
			next += fmt.Sprintf(" (ss -ltnp 'sport = :%s' shows who has it)", port)
		}
	}
	return fmt.Sprintf("cannot listen on %s: %v; %s", e.Address, e.Reason, next)
}

func (e *ListenError) Unwrap() error { return e.Reason }

// listen opens a listener.
func (c *Config) listen(address string) (net.Listener, error) {
	l, err := c.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = ErrAddressInUse
	}
	if err != nil {
		return nil, &ListenError{Address: address, Reason: err}
	}
	return l, nil
}
