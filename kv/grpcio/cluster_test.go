package grpcio

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// operator is a Backend whose members can be changed.
type operator struct {
	fakeNode
	change   func(*kvpb.ChangeMembersRequest, func(*kvpb.ChangeMembersResponse))
	transfer func(*kvpb.TransferLeaderRequest, func(*kvpb.TransferLeaderResponse))
}

func (o *operator) ChangeMembers(req *kvpb.ChangeMembersRequest, reply func(*kvpb.ChangeMembersResponse)) {
	o.change(req, reply)
}

func (o *operator) TransferLeader(req *kvpb.TransferLeaderRequest, reply func(*kvpb.TransferLeaderResponse)) {
	o.transfer(req, reply)
}

// startCluster serves the operators' service of a backend.
func startCluster(t *testing.T, backend Backend) (client kvpb.ClusterClient, stopLoop func()) {
	t.Helper()
	loop, stopLoop := startLoop(t, nil)
	l := listen(t, "")
	serve(t, l, func(srv *grpc.Server) { kvpb.RegisterClusterServer(srv, NewCluster(loop, backend)) })
	return kvpb.NewClusterClient(dial(t, l.Addr().String())), stopLoop
}

// The operators' calls reach the backend on the loop, and its answers come back as they are.
func TestOperatorsCallsAreForwarded(t *testing.T) {
	var change *kvpb.ChangeMembersRequest
	var transfer *kvpb.TransferLeaderRequest
	client, _ := startCluster(t, &operator{
		change: func(req *kvpb.ChangeMembersRequest, reply func(*kvpb.ChangeMembersResponse)) {
			change = req
			reply(&kvpb.ChangeMembersResponse{Code: kvpb.Code_NOT_LEADER, LeaderNode: 2, LeaderAddress: "h:2", ConfigIndex: 8})
		},
		transfer: func(req *kvpb.TransferLeaderRequest, reply func(*kvpb.TransferLeaderResponse)) {
			transfer = req
			reply(&kvpb.TransferLeaderResponse{Code: kvpb.Code_OK, LeaderNode: req.ToNode})
		},
	})
	changed, err := client.ChangeMembers(t.Context(), &kvpb.ChangeMembersRequest{
		Change: &kvpb.ChangeMembersRequest_Add{Add: &kvpb.AddMember{Node: 4, Address: "h:4", Store: 9}},
	})
	require.NoError(t, err)
	require.Equal(t, kvpb.Code_NOT_LEADER, changed.Code)
	require.Equal(t, "h:2", changed.LeaderAddress)
	require.Equal(t, uint64(8), changed.ConfigIndex)
	require.Equal(t, uint64(9), change.GetAdd().Store)
	transferred, err := client.TransferLeader(t.Context(), &kvpb.TransferLeaderRequest{ToNode: 3})
	require.NoError(t, err)
	require.Equal(t, kvpb.Code_OK, transferred.Code)
	require.Equal(t, uint64(3), transfer.ToNode)
}

// Where there is no answer the response says what is known: nothing happened where the backend cannot do it or is gone, and
// nobody knows where it does not answer.
func TestOperatorsCallsWithoutAnswer(t *testing.T) {
	client, _ := startCluster(t, &fakeNode{})
	changed, err := client.ChangeMembers(t.Context(), &kvpb.ChangeMembersRequest{})
	require.NoError(t, err)
	require.Equal(t, kvpb.Code_UNAVAILABLE, changed.Code)
	require.Contains(t, changed.Message, "not supported")

	silent := &operator{
		change:   func(*kvpb.ChangeMembersRequest, func(*kvpb.ChangeMembersResponse)) {},
		transfer: func(*kvpb.TransferLeaderRequest, func(*kvpb.TransferLeaderResponse)) {},
	}
	loop, stopLoop := startLoop(t, nil)
	service := NewCluster(loop, silent)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	transferred, err := service.TransferLeader(ctx, &kvpb.TransferLeaderRequest{})
	require.NoError(t, err)
	require.Equal(t, kvpb.Code_OUTCOME_UNKNOWN, transferred.Code)
	stopLoop()
	transferred, err = service.TransferLeader(t.Context(), &kvpb.TransferLeaderRequest{})
	require.NoError(t, err)
	require.Equal(t, kvpb.Code_UNAVAILABLE, transferred.Code)
	require.Contains(t, transferred.Message, "stopping")
}
