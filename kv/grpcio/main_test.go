package grpcio

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/osio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// idle is a program that only the transport talks to.
type idle struct{}

func (idle) Receive(env.NodeID, []byte) {}
func (idle) Tick()                      {}
func (idle) Turn()                      {}

// startLoop runs a loop until the end of the test or until stop is called.
func startLoop(t *testing.T, transport env.Transport) (loop *osio.Loop, stop func()) {
	loop = osio.NewLoop(transport)
	var wg sync.WaitGroup
	wg.Go(func() { loop.Run(idle{}) })
	stop = func() { loop.Close(); wg.Wait() }
	t.Cleanup(stop)
	return loop, stop
}

// listen opens a loopback listener; address "" takes any free port.
func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	return l
}

// serve runs a gRPC server until the end of the test or until stop is called.
func serve(t *testing.T, l net.Listener, register func(*grpc.Server)) (stop func()) {
	srv := grpc.NewServer(ServerOptions()...)
	register(srv)
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	stop = func() { srv.Stop(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

// dial connects a client until the end of the test.
func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(Target(address), DialOptions(nil)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// eventually waits for a condition that must come true.
func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	require.Eventually(t, cond, time.Minute, time.Millisecond)
}

// fakeNode is a Backend whose answers the test decides.
type fakeNode struct {
	id uint64
	// answer handles a request on the loop; nil echoes the value.
	answer func(req *kvpb.Request, reply func(*kvpb.Response))
	// requests counts calls; owned by the loop.
	requests int
}

func (f *fakeNode) Request(req *kvpb.Request, reply func(*kvpb.Response)) {
	f.requests++
	if f.answer != nil {
		f.answer(req, reply)
		return
	}
	resp := &kvpb.Response{Id: req.Id, Code: kvpb.Code_OK, Node: f.id, Index: 7}
	for _, op := range req.Ops {
		resp.Results = append(resp.Results, &kvpb.OpResult{Found: true, Version: 7, Value: op.Value, Applied: isWrite(req)})
	}
	reply(resp)
}

func (f *fakeNode) Status() *kvpb.NodeStatus {
	return &kvpb.NodeStatus{Node: f.id, ClusterName: "fake"}
}

// service is a KV service over a fake node.
type service struct {
	kv       *KV
	node     *fakeNode
	loop     *osio.Loop
	address  string
	client   kvpb.KVClient
	stopLoop func()
	stopGRPC func()
}

func startService(t *testing.T, node *fakeNode, cfg KVConfig) *service {
	t.Helper()
	s := &service{node: node}
	s.loop, s.stopLoop = startLoop(t, nil)
	cfg.Loop, cfg.Backend = s.loop, node
	s.kv = NewKV(cfg)
	t.Cleanup(s.kv.Close)
	l := listen(t, "")
	s.address = l.Addr().String()
	s.stopGRPC = serve(t, l, func(srv *grpc.Server) {
		kvpb.RegisterKVServer(srv, s.kv)
		kvpb.RegisterClusterServer(srv, NewCluster(s.loop, node))
	})
	s.client = kvpb.NewKVClient(dial(t, s.address))
	return s
}

// requests is the number of requests the node has got.
func (s *service) requests(t *testing.T) (n int) {
	require.NoError(t, s.loop.Call(context.Background(), func() { n = s.node.requests }))
	return n
}
