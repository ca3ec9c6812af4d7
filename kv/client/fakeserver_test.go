package client

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// fakeStore is the state that the fake servers of a test share.
type fakeStore struct {
	mu    sync.Mutex
	index uint64
	data  map[string]string
	saved map[[2]uint64]*kvpb.Response
	// writes counts how often each value was written.
	writes map[string]int
}

func newFakeStore() *fakeStore {
	return &fakeStore{data: map[string]string{}, saved: map[[2]uint64]*kvpb.Response{}, writes: map[string]int{}}
}

func (s *fakeStore) execute(req *kvpb.Request) *kvpb.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	if req.Kind == kvpb.RequestKind_READ {
		v, ok := s.data[string(req.Ops[0].Key)]
		return &kvpb.Response{Code: kvpb.Code_OK, Results: []*kvpb.OpResult{{Found: ok, Value: []byte(v), Version: s.index}}}
	}
	s.index++
	if req.Kind != kvpb.RequestKind_WRITE {
		return &kvpb.Response{Code: kvpb.Code_OK, Session: s.index, Index: s.index}
	}
	id := [2]uint64{req.Session, req.Seq}
	if r := s.saved[id]; r != nil && req.Seq != 0 {
		return &kvpb.Response{Code: r.Code, Index: r.Index, Results: r.Results, Duplicate: true}
	}
	resp := &kvpb.Response{Code: kvpb.Code_OK, Index: s.index}
	for _, op := range req.Ops {
		if old, ok := s.data[string(op.Key)]; op.Cond == kvpb.Condition_VALUE_IS && (!ok || old != string(op.CondValue)) {
			resp.Code = kvpb.Code_CONDITION_FAILED
			resp.Results = append(resp.Results, &kvpb.OpResult{Found: ok, Value: []byte(old)})
			continue
		}
		s.data[string(op.Key)] = string(op.Value)
		s.writes[string(op.Value)]++
		resp.Results = append(resp.Results, &kvpb.OpResult{Applied: true, Version: s.index})
	}
	if req.Seq != 0 {
		s.saved[id] = resp
	}
	return resp
}

// fakeServer is one node: it answers as its handler says.
type fakeServer struct {
	kvpb.UnimplementedKVServer
	node    uint64
	address string
	grpc    *grpc.Server
	// handle returns nil to stay silent.
	handle func(req *kvpb.Request) *kvpb.Response

	mu      sync.Mutex
	largest int
	batches int
	streams int
}

func (s *fakeServer) Stream(stream grpc.BidiStreamingServer[kvpb.RequestBatch, kvpb.ResponseBatch]) error {
	s.mu.Lock()
	s.streams++
	s.mu.Unlock()
	for {
		in, err := stream.Recv()
		if err != nil {
			return nil
		}
		s.mu.Lock()
		s.batches++
		s.largest = max(s.largest, len(in.Requests))
		s.mu.Unlock()
		out := &kvpb.ResponseBatch{}
		for _, req := range in.Requests {
			if resp := s.handle(req); resp != nil {
				resp.Id, resp.Node = req.Id, s.node
				out.Responses = append(out.Responses, resp)
			}
		}
		if len(out.Responses) > 0 {
			if err := stream.Send(out); err != nil {
				return nil
			}
		}
	}
}

// serve starts a server on the address, "" for a free one.
func serve(t testing.TB, node uint64, address string, handle func(*kvpb.Request) *kvpb.Response) *fakeServer {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	lis, err := net.Listen("tcp", address)
	require.NoError(t, err)
	s := &fakeServer{node: node, address: lis.Addr().String(), grpc: grpc.NewServer(grpcio.ServerOptions()...), handle: handle}
	kvpb.RegisterKVServer(s.grpc, s)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.grpc.Serve(lis)
	}()
	t.Cleanup(func() {
		s.grpc.Stop()
		<-served
	})
	return s
}

func dial(t testing.TB, cfg Config, servers ...*fakeServer) *Client {
	t.Helper()
	for _, s := range servers {
		cfg.Endpoints = append(cfg.Endpoints, s.address)
	}
	c, err := Dial(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// patient is a context that only ends if the test hangs.
func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
