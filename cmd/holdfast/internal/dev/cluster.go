package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/build"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/serve"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/server"
)

const (
	clusterName = "dev"
	markerFile  = "dev.json"
	defaultPort = 7001
	// maxNodes is where a cluster of one group stops making sense.
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

// marker says what a directory of a dev cluster holds.
type marker struct {
	Nodes int `json:"nodes"`
	// Formed: all nodes have run, so none may come back without data (DEV-3).
	Formed bool `json:"formed"`
}

// Cluster is several nodes in this process.
type Cluster struct {
	dir     string
	members map[env.NodeID]string
	cut     *Cut
	log     *slog.Logger
	fresh   bool
	servers map[env.NodeID]*server.Server
	// stopped says how a node that does not run came to that.
	stopped map[env.NodeID]string
}

// Start starts a cluster of n nodes whose ports begin at port, with its data below
// dir.
func Start(dir string, n, port int, log *slog.Logger) (*Cluster, error) {
	c := &Cluster{
		dir: dir, members: map[env.NodeID]string{}, log: log,
		servers: map[env.NodeID]*server.Server{}, stopped: map[env.NodeID]string{},
	}
	for i := range n {
		c.members[env.NodeID(i+1)] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i))
	}
	c.cut = NewCut(c.members)
	m, err := readMarker(dir)
	if err != nil {
		return nil, err
	}
	if m.Nodes != 0 && m.Nodes != n {
		return nil, exit.Usagef(fmt.Sprintf("use --nodes %d, or another directory with --data, or --ephemeral", m.Nodes),
			"%s holds a cluster of %d nodes, not %d", dir, m.Nodes, n)
	}
	c.fresh = !m.Formed
	if err := writeMarker(dir, marker{Nodes: n, Formed: m.Formed}); err != nil {
		return nil, err
	}
	for _, id := range c.IDs() {
		if err := c.StartNode(id); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	c.fresh = false
	if err := writeMarker(dir, marker{Nodes: n, Formed: true}); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// IDs are the nodes in order.
func (c *Cluster) IDs() []env.NodeID {
	var ids []env.NodeID
	for i := range len(c.members) {
		ids = append(ids, env.NodeID(i+1))
	}
	return ids
}

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
		Dial: c.cut.Dialer(id), Dir: filepath.Join(c.dir, fmt.Sprintf("node-%d", id)), New: c.fresh, Logger: c.log,
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

// HandOver asks a leader to hand over to a node, 0 for the best of the others.
func (c *Cluster) HandOver(ctx context.Context, from, to env.NodeID) (*kvpb.TransferLeaderResponse, error) {
	conn, err := grpc.NewClient(grpcio.Target(c.members[from]), grpcio.DialOptions(nil)...)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return kvpb.NewClusterClient(conn).TransferLeader(ctx, &kvpb.TransferLeaderRequest{ToNode: uint64(to)})
}

// AwaitLeader returns when a node leads, or false when ctx ends before.
func (c *Cluster) AwaitLeader(ctx context.Context) bool {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		if c.leader(ctx) != 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
}

// leader is the node that leads in the latest term, 0 if none does.
func (c *Cluster) leader(ctx context.Context) env.NodeID {
	var leader env.NodeID
	var term uint64
	for _, id := range c.IDs() {
		st, err := c.Status(ctx, id)
		if err != nil {
			continue
		}
		for _, g := range st.GetGroups() {
			if g.LeaderNode == uint64(id) && g.Term > term {
				leader, term = id, g.Term
			}
		}
	}
	return leader
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

func readMarker(dir string) (marker, error) {
	var m marker
	path := filepath.Join(dir, markerFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return m, exit.With(exit.Failure, fmt.Errorf("cannot read %s: %w", path, err), "use another directory with --data, or --ephemeral")
	}
	return m, nil
}

func writeMarker(dir string, m marker) error {
	data, err := json.Marshal(m)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, markerFile), append(data, '\n'), 0o644)
	}
	if err != nil {
		return exit.With(exit.Failure, fmt.Errorf("cannot write into the data directory %s: %w", dir, err), "use another directory with --data, or --ephemeral")
	}
	return nil
}
