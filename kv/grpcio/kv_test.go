package grpcio

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// answering makes a fake node that gives every request the same response.
func answering(resp *kvpb.Response) *fakeNode {
	return &fakeNode{id: 1, answer: func(req *kvpb.Request, reply func(*kvpb.Response)) {
		out := proto.CloneOf(resp)
		out.Id = req.Id
		reply(out)
	}}
}

// The unary calls ask the node for what they say. Method: the fake node records the request.
func TestUnaryCallsTranslate(t *testing.T) {
	var seen *kvpb.Request
	node := &fakeNode{id: 1, answer: func(req *kvpb.Request, reply func(*kvpb.Response)) {
		seen = req
		reply(&kvpb.Response{Code: kvpb.Code_OK, LagMs: 3, Results: []*kvpb.OpResult{{Found: true, Version: 9, Value: []byte("v")}}})
	}}
	s := startService(t, node, KVConfig{})
	ctx, k, v := t.Context(), []byte("k"), []byte("v")
	check := func(kind kvpb.RequestKind, op *kvpb.Op) {
		t.Helper()
		require.Equal(t, kind, seen.Kind)
		require.Len(t, seen.Ops, 1)
		require.True(t, proto.Equal(op, seen.Ops[0]), "%v", seen.Ops[0])
		require.Zero(t, seen.Session)
	}

	put, err := s.client.Put(ctx, &kvpb.PutRequest{Key: k, Value: v})
	require.NoError(t, err)
	require.True(t, put.Applied)
	require.Equal(t, uint64(9), put.Version)
	check(kvpb.RequestKind_WRITE, &kvpb.Op{Kind: kvpb.OpKind_PUT, Key: k, Value: v})

	_, err = s.client.Put(ctx, &kvpb.PutRequest{Key: k, Value: v, IfAbsent: true})
	require.NoError(t, err)
	check(kvpb.RequestKind_WRITE, &kvpb.Op{Kind: kvpb.OpKind_PUT, Key: k, Value: v, Cond: kvpb.Condition_ABSENT})

	get, err := s.client.Get(ctx, &kvpb.GetRequest{Key: k, Stale: true})
	require.NoError(t, err)
	require.True(t, proto.Equal(&kvpb.GetResponse{Found: true, Value: v, Version: 9, LagMs: 3}, get))
	require.True(t, seen.Stale)
	check(kvpb.RequestKind_READ, &kvpb.Op{Kind: kvpb.OpKind_GET, Key: k})

	erase, err := s.client.Erase(ctx, &kvpb.EraseRequest{Key: k})
	require.NoError(t, err)
	require.True(t, erase.Found)
	check(kvpb.RequestKind_WRITE, &kvpb.Op{Kind: kvpb.OpKind_ERASE, Key: k})

	cas, err := s.client.CompareAndSet(ctx, &kvpb.CompareAndSetRequest{Key: k, Value: v, ExpectVersion: proto.Uint64(4)})
	require.NoError(t, err)
	require.True(t, cas.Swapped)
	check(kvpb.RequestKind_WRITE, &kvpb.Op{Kind: kvpb.OpKind_PUT, Key: k, Value: v, Cond: kvpb.Condition_VERSION_IS, CondVersion: 4})

	_, err = s.client.CompareAndSet(ctx, &kvpb.CompareAndSetRequest{Key: k, Value: v, ExpectValue: []byte{}})
	require.NoError(t, err)
	check(kvpb.RequestKind_WRITE, &kvpb.Op{Kind: kvpb.OpKind_PUT, Key: k, Value: v, Cond: kvpb.Condition_VALUE_IS})
}

// A condition that failed is an answer with the actual value, not an error.
func TestFailedConditionIsAnAnswer(t *testing.T) {
	s := startService(t, answering(&kvpb.Response{
		Code:    kvpb.Code_CONDITION_FAILED,
		Results: []*kvpb.OpResult{{Found: true, Version: 3, Value: []byte("actual")}},
	}), KVConfig{})
	put, err := s.client.Put(t.Context(), &kvpb.PutRequest{Key: []byte("k"), IfAbsent: true})
	require.NoError(t, err)
	require.True(t, proto.Equal(&kvpb.PutResponse{Version: 3, ActualValue: []byte("actual")}, put))
	cas, err := s.client.CompareAndSet(t.Context(), &kvpb.CompareAndSetRequest{Key: []byte("k"), ExpectValue: []byte("x")})
	require.NoError(t, err)
	require.True(t, proto.Equal(&kvpb.CompareAndSetResponse{Version: 3, Found: true, ActualValue: []byte("actual")}, cas))
}

// Every outcome that is not an answer becomes its gRPC status, with the response attached; Do gives it as it is.
func TestOutcomesBecomeStatuses(t *testing.T) {
	for code, name := range kvpb.Code_name {
		code := kvpb.Code(code)
		if code == kvpb.Code_OK || code == kvpb.Code_CONDITION_FAILED {
			continue
		}
		t.Run(name, func(t *testing.T) {
			want, mapped := grpcCodes[code]
			if !mapped {
				require.Equal(t, kvpb.Code_CODE_UNSPECIFIED, code, "a new code needs a status")
				want = codes.Internal
			}
			s := startService(t, answering(&kvpb.Response{Code: code, Message: "because"}), KVConfig{})
			_, err := s.client.Put(t.Context(), &kvpb.PutRequest{Key: []byte("k")})
			st := status.Convert(err)
			require.Equal(t, want, st.Code())
			require.Len(t, st.Details(), 1)
			require.Equal(t, code, st.Details()[0].(*kvpb.Response).Code)
			resp, err := s.client.Do(t.Context(), &kvpb.Request{Id: 5, Kind: kvpb.RequestKind_WRITE})
			require.NoError(t, err)
			require.Equal(t, code, resp.Code)
			require.Equal(t, uint64(5), resp.Id)
		})
	}
}

// Requests that contradict themselves are refused before the node sees them.
func TestCompareAndSetNeedsOneExpectation(t *testing.T) {
	s := startService(t, &fakeNode{}, KVConfig{})
	for _, in := range []*kvpb.CompareAndSetRequest{
		{Key: []byte("k")},
		{Key: []byte("k"), ExpectVersion: proto.Uint64(1), ExpectValue: []byte("x")},
		{Key: []byte("k"), ExpectVersion: proto.Uint64(0)},
	} {
		_, err := s.client.CompareAndSet(t.Context(), in)
		require.Equal(t, codes.InvalidArgument, status.Code(err))
	}
	require.Zero(t, s.requests(t))
}

// GRPC-4: when the node does not answer in time a write's outcome is unknown, a read is unavailable.
func TestUnansweredWriteIsUnknown(t *testing.T) {
	s := startService(t, &fakeNode{answer: func(*kvpb.Request, func(*kvpb.Response)) {}}, KVConfig{UnaryTimeout: 10 * time.Millisecond})
	_, err := s.client.Put(t.Context(), &kvpb.PutRequest{Key: []byte("k")})
	require.Equal(t, codes.Unknown, status.Code(err))
	require.ErrorContains(t, err, "outcome unknown")
	_, err = s.client.Get(t.Context(), &kvpb.GetRequest{Key: []byte("k")})
	require.Equal(t, codes.Unavailable, status.Code(err))
}

// With the loop closed calls are refused as not applied.
func TestClosedLoopRefuses(t *testing.T) {
	s := startService(t, &fakeNode{}, KVConfig{})
	s.stopLoop()
	_, err := s.client.Put(t.Context(), &kvpb.PutRequest{Key: []byte("k")})
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.ErrorContains(t, err, "not applied")
	_, err = kvpb.NewClusterClient(dial(t, s.address)).Status(t.Context(), &kvpb.StatusRequest{})
	require.Equal(t, codes.Unavailable, status.Code(err))
}

// Cluster.Status answers what the node says.
func TestStatus(t *testing.T) {
	s := startService(t, &fakeNode{id: 4}, KVConfig{})
	st, err := kvpb.NewClusterClient(dial(t, s.address)).Status(t.Context(), &kvpb.StatusRequest{})
	require.NoError(t, err)
	require.Equal(t, uint64(4), st.Node)
}

func notLeader(id uint64, address string) *kvpb.Response {
	return &kvpb.Response{Code: kvpb.Code_NOT_LEADER, LeaderNode: id, LeaderAddress: address}
}

// GRPC-5: a call on another node than the leader reaches the leader, once, and its answer comes back.
func TestUnaryCallIsForwardedToLeader(t *testing.T) {
	leader := startService(t, &fakeNode{id: 2}, KVConfig{})
	follower := startService(t, answering(notLeader(2, leader.address)), KVConfig{})
	get, err := follower.client.Get(t.Context(), &kvpb.GetRequest{Key: []byte("k")})
	require.NoError(t, err)
	require.Equal(t, uint64(7), get.Version)
	resp, err := follower.client.Do(t.Context(), &kvpb.Request{Id: 3, Kind: kvpb.RequestKind_WRITE, Ops: []*kvpb.Op{{Value: []byte("v")}}})
	require.NoError(t, err)
	require.Equal(t, uint64(2), resp.Node)
	require.Equal(t, uint64(3), resp.Id)
	require.Equal(t, 2, leader.requests(t))
}

// GRPC-5: two nodes that take each other for the leader do not pass a call to and fro.
func TestForwardingHappensOnce(t *testing.T) {
	a := startService(t, &fakeNode{}, KVConfig{})
	b := startService(t, answering(notLeader(1, a.address)), KVConfig{})
	require.NoError(t, a.loop.Call(t.Context(), func() {
		a.node.answer = answering(notLeader(2, b.address)).answer
	}))
	_, err := a.client.Put(t.Context(), &kvpb.PutRequest{Key: []byte("k")})
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.ErrorContains(t, err, "not the leader, leader is node 1 at "+a.address)
	require.Equal(t, 1, a.requests(t))
	require.Equal(t, 1, b.requests(t))
}

// GRPC-4, GRPC-5: a leader that cannot be reached leaves the write not applied, one that dies with it
// leaves the outcome unknown.
func TestForwardingFailures(t *testing.T) {
	l := listen(t, "")
	gone := l.Addr().String()
	require.NoError(t, l.Close())
	s := startService(t, answering(notLeader(2, gone)), KVConfig{})
	_, err := s.client.Put(t.Context(), &kvpb.PutRequest{Key: []byte("k")})
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.ErrorContains(t, err, "not applied")

	taken := make(chan struct{})
	leader := startService(t, &fakeNode{answer: func(*kvpb.Request, func(*kvpb.Response)) { close(taken) }}, KVConfig{})
	s = startService(t, answering(notLeader(2, leader.address)), KVConfig{})
	go func() {
		<-taken
		leader.stopGRPC()
	}()
	_, err = s.client.Put(context.Background(), &kvpb.PutRequest{Key: []byte("k")})
	require.Equal(t, codes.Unknown, status.Code(err))
	require.ErrorContains(t, err, "outcome unknown")
}
