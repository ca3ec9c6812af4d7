package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/osio"
	"github.com/holdfastdb/holdfast/kv/placement"
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
	// Members are addresses ("host:port") of nodes by id, this one among them. At the first start they
	// are the members that the cluster begins with, and must be the same on each of them; the data
	// directory remembers their ids. From then on the log says who is a member, and Members only helps
	// to find the others, so it may be incomplete and out of date. An address serves both
	// peers and clients.
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

	// Join starts a node that is no member yet: it waits to be added. Members are then this node and those
	// of the running cluster that are known.
	Join bool
	// Rejoin lets a member that lost its disk come back: the others replace its replica by a new one, under an
	// id that promised nothing. Dir may be empty.
	Rejoin bool

	// Partitions is the number of partitions that a cluster gets which this node founds, and Replicas how many
	// copies of each (0 is 3); a cluster that is there keeps what it has. Partitions 0 is a cluster of one
	// group, whose members operators change by hand; all nodes must be of the same kind.
	Partitions, Replicas int
	// Zone is what fails together with this node, Weight how much it is to hold, 0 is 100. They count when
	// it joins.
	Zone   string
	Weight uint32
	// DeadAfter is how long a node may be silent until its replicas are replaced; 0 is the default of
	// kv/placement.
	DeadAfter time.Duration

	// CompactBytes is the size of applied log entries after which the engine is flushed and the log shortened;
	// 0 is kv/node's default.
	CompactBytes int
	// LeaseReads lets a leader answer reads without asking the others for a while. All nodes must have the same
	// setting, and clocks whose rates differ from true time by at most MaxClockDrift millionths.
	LeaseReads    bool
	MaxClockDrift int

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
	case c.Partitions < 0 || c.Partitions > placement.MaxPartitions:
		return fmt.Errorf("%d partitions: a cluster has 1 to %d, or 0 for none", c.Partitions, placement.MaxPartitions)
	case c.Replicas < 0 || c.Replicas > placement.MaxReplicas:
		return fmt.Errorf("%d replicas: a partition has 1 to %d", c.Replicas, placement.MaxReplicas)
	case c.Weight > hashing.MaxWeight:
		return fmt.Errorf("weight %d: it must be 1 to %d", c.Weight, hashing.MaxWeight)
	case c.Node > 1<<32-1:
		return fmt.Errorf("the node id %d is too large: ids are from 1 to 4294967295", c.Node)
	}
	for id, address := range c.Members {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("the address %q of node %d is not of the form host:port: %w", address, id, err)
		}
	}
	return nil
}

// nodeConfig translates to kv/node's configuration: the founders where the cluster begins, and all nodes whose
// addresses are known where it is there already.
func (c *Config) nodeConfig(members []env.NodeID, addresses map[env.NodeID]string) node.Config {
	nc := node.DefaultConfig()
	nc.ID, nc.Cluster, nc.ClusterName, nc.Version = c.Node, ClusterID(c.ClusterName), c.ClusterName, c.Version
	if c.HeartbeatInterval != 0 {
		nc.HeartbeatInterval = c.HeartbeatInterval
	}
	if c.ElectionTimeout != 0 {
		nc.ElectionTimeout = c.ElectionTimeout
	}
	nc.Address = c.Members[c.Node]
	if c.CompactBytes != 0 {
		nc.CompactBytes = c.CompactBytes
	}
	nc.LeaseReads, nc.MaxClockDrift = c.LeaseReads, c.MaxClockDrift
	for _, id := range members {
		nc.Members = append(nc.Members, node.Member{ID: id, PeerAddress: addresses[id], ClientAddress: addresses[id]})
	}
	if c.Partitions > 0 {
		c.shard(&nc)
	}
	return nc
}

const (
	reportEvery = time.Second
	// quiesceAfter is long enough that a group which is used now and then stays awake.
	quiesceAfter = 5 * time.Second
)

// shard gives the node its part in a cluster with partitions. What bounds the memory of a group is less the more
// groups there may be.
func (c *Config) shard(nc *node.Config) {
	nc.Join = c.Join
	nc.Sharding = node.Sharding{
		Partitions: c.Partitions, Replicas: c.Replicas, Zone: c.Zone, Weight: c.Weight,
		ReportEvery: reportEvery, QuiesceAfter: quiesceAfter, Driver: placement.DefaultDriverConfig(),
	}
	if c.Replicas == 0 {
		nc.Sharding.Replicas = 3
	}
	if c.DeadAfter > 0 {
		d := &nc.Sharding.Driver
		d.DeadAfter, d.FlapDamping = c.DeadAfter, min(d.FlapDamping, c.DeadAfter/5)
	}
	nc.MaxCacheBytes = max(nc.MaxCacheBytes/2/c.Partitions, 256<<10)
	nc.MaxUncommittedBytes = max(nc.MaxUncommittedBytes/2, 4<<20)
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
