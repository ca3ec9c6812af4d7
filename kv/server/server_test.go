package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/osio"
)

// Three nodes serve reads and writes on any node, go on when the leader is killed, and still have everything
// after that node and then all nodes were started again.
func TestClusterSurvivesKillsAndRestarts(t *testing.T) {
	c := newCluster(t, 3)
	for id := range c.members {
		c.start(id, true)
	}
	leader := c.leader()
	var versions []uint64
	for i := range 20 {
		versions = append(versions, c.put(env.NodeID(i%3+1), fmt.Sprint("key", i), fmt.Sprint("value", i)))
	}
	require.IsIncreasing(t, versions)
	_, err := c.clients[leader].Erase(t.Context(), &kvpb.EraseRequest{Key: []byte("key19")})
	require.NoError(t, err)

	c.kill(leader)
	other := leader%3 + 1
	c.put(other, "after", "kill")
	require.Equal(t, "value0", string(c.get(other, "key0").Value))

	c.start(leader, false)
	require.Equal(t, "kill", string(c.get(leader, "after").Value))

	for id := range c.members {
		c.stop(id)
	}
	for id := range c.members {
		c.start(id, false)
	}
	for i := range 19 {
		got := c.get(env.NodeID(i%3+1), fmt.Sprint("key", i))
		require.Equal(t, fmt.Sprint("value", i), string(got.Value))
		require.Equal(t, versions[i], got.Version)
	}
	require.False(t, c.get(1, "key19").Found)
	require.Equal(t, "kill", string(c.get(2, "after").Value))
}

// SRV-3: a stream with requests under way gets an answer for each of them when the node is stopped.
func TestStopAnswersStreams(t *testing.T) {
	c := newCluster(t, 1)
	s := c.start(1, true)
	c.put(1, "a", "b")
	stream, err := c.clients[1].Stream(t.Context())
	require.NoError(t, err)
	const n = 2000
	batch := &kvpb.RequestBatch{}
	for i := range n {
		batch.Requests = append(batch.Requests, &kvpb.Request{
			Id: uint64(i), Kind: kvpb.RequestKind_WRITE,
			Ops: []*kvpb.Op{{Kind: kvpb.OpKind_PUT, Key: []byte("k"), Value: make([]byte, 1000)}},
		})
	}
	require.NoError(t, stream.Send(batch))
	first, err := stream.Recv()
	require.NoError(t, err)
	answered := len(first.Responses)
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	for answered < n {
		more, err := stream.Recv()
		require.NoError(t, err)
		for _, r := range more.Responses {
			require.Contains(t, []kvpb.Code{kvpb.Code_OK, kvpb.Code_UNAVAILABLE, kvpb.Code_OUTCOME_UNKNOWN}, r.Code)
		}
		answered += len(more.Responses)
	}
	require.NoError(t, <-stopped)
	require.NoError(t, s.Stop(t.Context()), "stopping twice is allowed")
	// The loop has ended, so the node can be asked from here.
	var last *kvpb.Response
	s.node.Request(batch.Requests[0], func(resp *kvpb.Response) { last = resp })
	require.Equal(t, kvpb.Code_UNAVAILABLE, last.Code, "the node was told to stop")
	delete(c.servers, 1)
}

// SRV-1: each way in which Start fails has its own error, and leaves neither port nor lock behind.
func TestStartFailures(t *testing.T) {
	c := newCluster(t, 1)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()

	cfg := c.config(1, true)
	cfg.ListenAddress = taken.Addr().String()
	_, err = Start(cfg)
	require.ErrorIs(t, err, ErrAddressInUse)
	le, ok := errors.AsType[*ListenError](err)
	require.True(t, ok)
	require.Equal(t, cfg.ListenAddress, le.Address)

	cfg = c.config(1, true)
	cfg.MetricsAddress = taken.Addr().String()
	_, err = Start(cfg)
	require.ErrorIs(t, err, ErrAddressInUse)

	_, err = Start(c.config(1, false))
	require.ErrorIs(t, err, osio.ErrDirEmpty)

	c.start(1, true)
	c.put(1, "k", "v")
	same := c.config(1, false)
	same.ListenAddress = "127.0.0.1:0"
	_, err = Start(same)
	require.ErrorIs(t, err, osio.ErrDirLocked)
	c.stop(1)

	require.NoError(t, os.RemoveAll(filepath.Join(c.config(1, false).Dir, "wal")))
	_, err = Start(c.config(1, true))
	require.ErrorIs(t, err, osio.ErrDirDataMissing)
}

// A node that ran keeps the members its cluster began with, whatever list it is started with later: with other nodes in
// the list it still leads alone, and without the others it still waits for them. Method: a cluster of one node, told that it
// is one of three, and one of three nodes, told that it is alone.
func TestFoundersStay(t *testing.T) {
	c := newCluster(t, 1)
	c.start(1, true)
	c.put(1, "k", "v")
	c.stop(1)
	cfg := c.config(1, false)
	cfg.Members = map[env.NodeID]string{1: c.members[1], 2: "127.0.0.1:1", 3: "127.0.0.1:2"}
	s, err := Start(cfg)
	require.NoError(t, err)
	c.servers[1] = s
	require.Equal(t, "v", string(c.get(1, "k").Value))

	c = newCluster(t, 3)
	for id := range c.members {
		c.start(id, true)
	}
	c.put(1, "k", "v")
	for id := range c.members {
		c.stop(id)
	}
	cfg = c.config(1, false)
	cfg.Members = map[env.NodeID]string{1: c.members[1]}
	s, err = Start(cfg)
	require.NoError(t, err)
	c.servers[1] = s
	c.start(2, false)
	require.Equal(t, "v", string(c.get(2, "k").Value))
	st, err := s.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 2, 3}, st.Groups[0].Voters)
}

// logBuffer collects log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Mistakes in the configuration are named before anything is opened.
func TestConfigurationMistakes(t *testing.T) {
	good := Config{Node: 1, ClusterName: "c", Dir: t.TempDir(), Members: map[env.NodeID]string{1: "127.0.0.1:1"}}
	for want, spoil := range map[string]func(*Config){
		"node id is missing":        func(c *Config) { c.Node = 0 },
		"cluster name is missing":   func(c *Config) { c.ClusterName = "" },
		"data directory is missing": func(c *Config) { c.Dir = "" },
		"not in the member list":    func(c *Config) { c.Node = 2 },
		"ids are from 1 to 42949":   func(c *Config) { c.Node = 1 << 32; c.Members[1<<32] = "127.0.0.1:1" },
		"not of the form host:port": func(c *Config) { c.Members = map[env.NodeID]string{1: "localhost"} },
	} {
		cfg := good
		cfg.Members = maps.Clone(good.Members)
		spoil(&cfg)
		_, err := Start(cfg)
		require.ErrorContains(t, err, want)
	}
}

// An ephemeral node lives on a memory file system and keeps its data over a kill if it is given the same one.
func TestEphemeralNode(t *testing.T) {
	c := newCluster(t, 1)
	fs := vfs.NewMem()
	for round := range 2 {
		cfg := c.config(1, round == 0)
		cfg.FS, cfg.Dir = fs, "/data"
		s, err := Start(cfg)
		require.NoError(t, err)
		c.servers[1] = s
		if round == 0 {
			c.put(1, "k", "v")
			c.kill(1)
		}
	}
	require.Equal(t, "v", string(c.get(1, "k").Value))
}

// SRV-4: a node whose engine failed says so: on Failed, in Status and in its health.
func TestFailureIsShown(t *testing.T) {
	c := newCluster(t, 1)
	s := c.start(1, true)
	c.put(1, "k", "v")
	conn, err := grpc.NewClient(s.Addr(), grpcio.DialOptions(nil)...)
	require.NoError(t, err)
	defer conn.Close()
	health := healthpb.NewHealthClient(conn)
	check := func() healthpb.HealthCheckResponse_ServingStatus {
		resp, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{})
		require.NoError(t, err)
		return resp.Status
	}
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, check())
	s.loop.Post(func() { s.engineFailed(s.engine, errors.New("disk on fire")) })
	require.ErrorContains(t, <-s.Failed(), "disk on fire")
	require.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, check())
	st, err := kvpb.NewClusterClient(conn).Status(t.Context(), &kvpb.StatusRequest{})
	require.NoError(t, err)
	require.Contains(t, st.Failure, "disk on fire")
	_, err = c.clients[1].Get(t.Context(), &kvpb.GetRequest{Key: []byte("k")})
	require.ErrorContains(t, err, "disk on fire")
	c.stop(1)
}

// Tools can list the services without a .proto file: reflection is on.
func TestReflection(t *testing.T) {
	c := newCluster(t, 1)
	conn, err := grpc.NewClient(c.start(1, true).Addr(), grpcio.DialOptions(nil)...)
	require.NoError(t, err)
	defer conn.Close()
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
	}))
	resp, err := stream.Recv()
	require.NoError(t, err)
	var names []string
	for _, s := range resp.GetListServicesResponse().Service {
		names = append(names, s.Name)
	}
	require.Subset(t, names, []string{"holdfast.v1.KV", "holdfast.v1.Cluster", "grpc.health.v1.Health"})
}

// The HTTP listener serves the node's metrics, the log's commit times among them.
func TestMetricsAreServed(t *testing.T) {
	c := newCluster(t, 1)
	cfg := c.config(1, true)
	cfg.MetricsAddress = "127.0.0.1:0"
	s, err := Start(cfg)
	require.NoError(t, err)
	c.servers[1] = s
	c.put(1, "k", "v")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + s.MetricsAddr() + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), `holdfast_responses_total{code="OK"} 1`)
	require.Regexp(t, `holdfast_job_seconds_count\{lane="wal"\} [1-9]`, string(body))
}
