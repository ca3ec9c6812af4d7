package client

import (
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	switch req.Kind {
	case kvpb.RequestKind_READ:
		resp := &kvpb.Response{Code: kvpb.Code_OK}
		for _, op := range req.Ops {
			v, ok := s.data[string(op.Key)]
			resp.Results = append(resp.Results, &kvpb.OpResult{Found: ok, Value: []byte(v), Version: s.index})
		}
		return resp
	case kvpb.RequestKind_SCAN:
		return s.scan(req)
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

// scan returns pages of two pairs, or of as many as are asked for.
func (s *fakeStore) scan(req *kvpb.Request) *kvpb.Response {
	resp := &kvpb.Response{Code: kvpb.Code_OK, Partition: req.Partition, Index: s.index}
	page := 2
	if req.ScanLimit > 0 {
		page = int(req.ScanLimit)
	}
	for _, key := range slices.Sorted(maps.Keys(s.data)) {
		switch {
		case !strings.HasPrefix(key, string(req.ScanPrefix)) || key <= string(req.ScanAfter):
		case len(resp.Pairs) == page:
			resp.More = true
			return resp
		default:
			resp.Pairs = append(resp.Pairs, &kvpb.Pair{Key: []byte(key), Value: []byte(s.data[key]), Version: s.index})
		}
	}
	return resp
}

// fakeServer is one node: it answers as its handler says.
type fakeServer struct {
	kvpb.UnimplementedKVServer
	node    uint64
	address string
	grpc    *grpc.Server
	// table is the routing table it has; without one it does not know such requests, like the
	// servers before there were any.
	table atomic.Pointer[kvpb.RoutingTable]
	// handle returns nil to stay silent.
	handle func(req *kvpb.Request) *kvpb.Response

	mu      sync.Mutex
	largest int
	batches int
	streams int
	// open counts the streams that have not ended; ended has room for one sign that it fell.
	open  int
	ended chan struct{}
}

func (s *fakeServer) Stream(stream grpc.BidiStreamingServer[kvpb.RequestBatch, kvpb.ResponseBatch]) error {
	s.mu.Lock()
	s.streams++
	s.open++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.open--
		s.mu.Unlock()
		select {
		case s.ended <- struct{}{}:
		default:
		}
	}()
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
			if resp := s.answer(req); resp != nil {
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

func (s *fakeServer) answer(req *kvpb.Request) *kvpb.Response {
	if req.Kind != kvpb.RequestKind_TABLE {
		return s.handle(req)
	}
	if t := s.table.Load(); t != nil {
		return &kvpb.Response{Code: kvpb.Code_OK, Table: t}
	}
	return &kvpb.Response{Code: kvpb.Code_INVALID, Message: "request kind 7 is not known"}
}

// serve starts a server on the address, "" for a free one.
func serve(t testing.TB, node uint64, address string, handle func(*kvpb.Request) *kvpb.Response) *fakeServer {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	lis, err := net.Listen("tcp", address)
	require.NoError(t, err)
	s := &fakeServer{node: node, address: lis.Addr().String(), grpc: grpc.NewServer(grpcio.ServerOptions()...), handle: handle, ended: make(chan struct{}, 1)}
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
