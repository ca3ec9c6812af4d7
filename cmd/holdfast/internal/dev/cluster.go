package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/build"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/serve"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/server"
)

const (
	clusterName = "dev"
	defaultPort = 7001
	// maxNodes is what one process and one look can hold.
	maxNodes = 9
)

// DefaultEndpoints are the addresses of a dev cluster of the default size.
func DefaultEndpoints() []string {
	var out []string
	for i := range 3 {
		out = append(out, net.JoinHostPort("127.0.0.1", strconv.Itoa(defaultPort+i)))
	}
	return out
}

// Shape is how a cluster begins.
type Shape struct {
	// Nodes is how many nodes it begins with.
	Nodes int
	// Partitions is into how many partitions it is divided, 0 is one group. AnyPartitions: what the directory holds
	// counts, if it holds something.
	Partitions    int
	AnyPartitions bool
	// DeadAfter is how long a node may be silent until its copies are made anew elsewhere, 0 is the default of
	// kv/placement.
	DeadAfter time.Duration
}

// Cluster is several nodes in this process.
type Cluster struct {
	dir  string
	port int
	mark marker
	// deadAfter is Shape.DeadAfter.
	deadAfter time.Duration
	members   map[env.NodeID]string
	cut       *Cut
	log       *slog.Logger
	servers   map[env.NodeID]*server.Server
	// stopped says how a node that does not run came to that.
	stopped map[env.NodeID]string
}

// Start starts a cluster whose ports begin at port, with its data below dir.
func Start(dir string, shape Shape, port int, log *slog.Logger) (*Cluster, error) {
	c := &Cluster{
		dir: dir, port: port, deadAfter: shape.DeadAfter, members: map[env.NodeID]string{}, log: log,
		servers: map[env.NodeID]*server.Server{}, stopped: map[env.NodeID]string{},
	}
	var err error
	if c.mark, err = openMarker(dir, shape); err != nil {
		return nil, err
	}
	for _, id := range c.mark.inService() {
		c.members[id] = c.addressOf(id)
	}
	c.cut = NewCut(c.members)
	if err := writeMarker(dir, c.mark); err != nil {
		return nil, err
	}
	for _, id := range c.IDs() {
		if err := c.StartNode(id); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	c.mark.Formed = true
	if err := writeMarker(dir, c.mark); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) addressOf(id env.NodeID) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port+int(id)-1))
}

// Sharded tells whether the cluster has partitions.
func (c *Cluster) Sharded() bool { return c.mark.Partitions > 0 }

// IDs are the nodes in order.
func (c *Cluster) IDs() []env.NodeID { return slices.Sorted(maps.Keys(c.members)) }

// Endpoints are the nodes' addresses in order.
func (c *Cluster) Endpoints() []string {
	var out []string
	for _, id := range c.IDs() {
		out = append(out, c.members[id])
	}
	return out
}

// StartNode starts a node that does not run.
func (c *Cluster) StartNode(id env.NodeID) error {
	s, err := server.Start(server.Config{
		Node: id, ClusterName: clusterName, Version: build.Version(), Members: c.members,
		Dial: c.cut.Dialer(id), Dir: filepath.Join(c.dir, fmt.Sprintf("node-%d", id)), Logger: c.log,
		New: !c.mark.Formed, Join: c.mark.Joining == id, Partitions: c.mark.Partitions, DeadAfter: c.deadAfter,
	})
	if err != nil {
		return serve.Explain(fmt.Errorf("cannot start node %d: %w", id, err),
			fmt.Sprintf("use other ports with --port, as in `holdfast dev --port %d`; a dev cluster that runs already is used with `holdfast shell`", defaultPort+100))
	}
	c.servers[id] = s
	delete(c.stopped, id)
	return nil
}

// StopNode ends a node in order.
func (c *Cluster) StopNode(ctx context.Context, id env.NodeID) error {
	s := c.servers[id]
	delete(c.servers, id)
	c.stopped[id] = "stopped"
	return s.Stop(ctx)
}

// KillNode ends a node as a crash does (DEV-1).
func (c *Cluster) KillNode(id env.NodeID) {
	s := c.servers[id]
	delete(c.servers, id)
	c.stopped[id] = "killed"
	s.Kill()
}

// Status asks a node; nil if it does not run.
func (c *Cluster) Status(ctx context.Context, id env.NodeID) (*kvpb.NodeStatus, error) {
	s := c.servers[id]
	if s == nil {
		return nil, nil
	}
	return s.Status(ctx)
}

// Close ends all nodes in order.
func (c *Cluster) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	for _, id := range c.IDs() {
		if c.servers[id] != nil {
			errs = append(errs, c.StopNode(ctx, id))
		}
	}
	return errors.Join(errs...)
}
