package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is n nodes on loopback ports with real files.
type cluster struct {
	t       testing.TB
	dir     string
	members map[env.NodeID]string
	// reserved are listeners on the members' ports until their nodes take them.
	reserved map[string]net.Listener
	servers  map[env.NodeID]*Server
	clients  map[env.NodeID]kvpb.KVClient
	// tune, if set, changes the configuration of every node.
	tune func(*Config)
}

func newCluster(t testing.TB, n int) *cluster {
	c := &cluster{
		t: t, dir: t.TempDir(), members: map[env.NodeID]string{}, reserved: map[string]net.Listener{},
		servers: map[env.NodeID]*Server{}, clients: map[env.NodeID]kvpb.KVClient{},
	}
	for id := env.NodeID(1); id <= env.NodeID(n); id++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address := l.Addr().String()
		c.members[id], c.reserved[address] = address, l
		conn, err := grpc.NewClient(address, grpcio.DialOptions(nil)...)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		c.clients[id] = kvpb.NewKVClient(conn)
	}
	t.Cleanup(func() {
		for _, s := range c.servers {
			s.Kill()
		}
		for _, l := range c.reserved {
			_ = l.Close()
		}
	})
	return c
}

func (c *cluster) config(id env.NodeID, fresh bool) Config {
	cfg := Config{
		Node: id, ClusterName: "test", Version: "test", Members: c.members,
		Dir: filepath.Join(c.dir, fmt.Sprint("node", id)), New: fresh,
		Logger: slog.New(slog.DiscardHandler),
		Listen: func(network, address string) (net.Listener, error) {
			if l := c.reserved[address]; l != nil {
				delete(c.reserved, address)
				return l, nil
			}
			return net.Listen(network, address)
		},
	}
	if c.tune != nil {
		c.tune(&cfg)
	}
	return cfg
}

func (c *cluster) start(id env.NodeID, fresh bool) *Server {
	c.t.Helper()
	s, err := Start(c.config(id, fresh))
	require.NoError(c.t, err)
	c.servers[id] = s
	return s
}

// stop ends a node in order.
func (c *cluster) stop(id env.NodeID) {
	c.t.Helper()
	require.NoError(c.t, c.servers[id].Stop(context.Background()))
	delete(c.servers, id)
}

// kill ends a node as a crash would.
func (c *cluster) kill(id env.NodeID) {
	c.servers[id].Kill()
	delete(c.servers, id)
}

// leader waits until the running nodes agree on a leader that runs.
func (c *cluster) leader() (leader env.NodeID) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		leader = 0
		for _, s := range c.servers {
			st, err := s.Status(c.t.Context())
			require.NoError(c.t, err)
			l := env.NodeID(st.Groups[0].LeaderNode)
			if c.servers[l] == nil || (leader != 0 && leader != l) {
				return false
			}
			leader = l
		}
		return true
	}, time.Minute, 5*time.Millisecond)
	return leader
}

// put writes through one node until it succeeds; the write is idempotent.
func (c *cluster) put(via env.NodeID, key, value string) uint64 {
	c.t.Helper()
	var version uint64
	c.retry(func(ctx context.Context) error {
		resp, err := c.clients[via].Put(ctx, &kvpb.PutRequest{Key: []byte(key), Value: []byte(value)})
		version = resp.GetVersion()
		return err
	})
	return version
}

func (c *cluster) get(via env.NodeID, key string) (resp *kvpb.GetResponse) {
	c.t.Helper()
	c.retry(func(ctx context.Context) (err error) {
		resp, err = c.clients[via].Get(ctx, &kvpb.GetRequest{Key: []byte(key)})
		return err
	})
	return resp
}

// retry repeats a call that fails because there is no leader at the moment.
func (c *cluster) retry(call func(context.Context) error) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		err := call(c.t.Context())
		if err == nil {
			return true
		}
		code := status.Code(err)
		require.True(c.t, code == codes.Unavailable || code == codes.Unknown, "%v", err)
		return false
	}, time.Minute, 5*time.Millisecond)
}
