package grpcio

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// forwarder passes calls on to the leader, over connections that are opened when they
// are first needed.
type forwarder struct {
	dial DialFunc

	mu     sync.Mutex
	conns  map[string]*grpc.ClientConn
	closed bool
}

func newForwarder(dial DialFunc) *forwarder {
	return &forwarder{dial: dial, conns: make(map[string]*grpc.ClientConn)}
}

// do sends the request to the leader that hint names and returns its answer. If
// the leader cannot be reached the hint itself is the answer, as nothing was applied.
func (f *forwarder) do(ctx context.Context, hint *kvpb.Response, req *kvpb.Request) *kvpb.Response {
	conn, err := f.conn(hint.LeaderAddress)
	if err != nil {
		return hint
	}
	// Only a failure before the call begins proves that nothing was sent.
	if !awaitReady(ctx, conn) {
		return hint
	}
	ctx = metadata.AppendToOutgoingContext(ctx, forwardedKey, "1")
	resp, err := kvpb.NewKVClient(conn).Do(ctx, req)
	if err != nil {
		return lost(req, fmt.Sprintf("forwarded to the leader, node %d at %s, which did not answer: %v", hint.LeaderNode, hint.LeaderAddress, err))
	}
	return resp
}

// awaitReady waits for a connection: until it stands, an attempt failed or ctx
// ends.
func awaitReady(ctx context.Context, conn *grpc.ClientConn) bool {
	for {
		state := conn.GetState()
		switch state {
		case connectivity.Ready:
			return true
		case connectivity.TransientFailure, connectivity.Shutdown:
			return false
		case connectivity.Idle:
			conn.Connect()
		}
		if !conn.WaitForStateChange(ctx, state) {
			return false
		}
	}
}

func (f *forwarder) conn(address string) (*grpc.ClientConn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errClosing
	}
	if conn := f.conns[address]; conn != nil {
		return conn, nil
	}
	conn, err := grpc.NewClient(Target(address), DialOptions(f.dial)...)
	if err != nil {
		return nil, err
	}
	f.conns[address] = conn
	return conn, nil
}

func (f *forwarder) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, conn := range f.conns {
		_ = conn.Close() // nothing is left to be lost
	}
	clear(f.conns)
}
