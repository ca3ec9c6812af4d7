package grpcio

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/status"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// operationTimeout bounds operators' calls that come without a shorter deadline.
const operationTimeout = 10 * time.Second

// Cluster is the operators' service.
type Cluster struct {
	kvpb.UnimplementedClusterServer
	loop    Loop
	backend Backend
}

var _ kvpb.ClusterServer = (*Cluster)(nil)

// NewCluster returns the service. The backend's members can be changed if it is an Operator.
func NewCluster(loop Loop, backend Backend) *Cluster {
	return &Cluster{loop: loop, backend: backend}
}

// Status implements the Cluster service.
func (c *Cluster) Status(ctx context.Context, _ *kvpb.StatusRequest) (*kvpb.NodeStatus, error) {
	answer := make(chan *kvpb.NodeStatus, 1)
	if !c.loop.Post(func() { answer <- c.backend.Status() }) {
		return nil, errClosing
	}
	select {
	case s := <-answer:
		return s, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// ChangeMembers implements the Cluster service. It reports every outcome in the response; callers follow
// the hint of NOT_LEADER themselves.
func (c *Cluster) ChangeMembers(ctx context.Context, req *kvpb.ChangeMembersRequest) (*kvpb.ChangeMembersResponse, error) {
	resp, code, why := operate(ctx, c, func(op Operator, reply func(*kvpb.ChangeMembersResponse)) { op.ChangeMembers(req, reply) })
	if resp == nil {
		resp = &kvpb.ChangeMembersResponse{Code: code, Message: why}
	}
	return resp, nil
}

// TransferLeader implements the Cluster service. It reports every outcome in the response; callers follow
// the hint of NOT_LEADER themselves.
func (c *Cluster) TransferLeader(ctx context.Context, req *kvpb.TransferLeaderRequest) (*kvpb.TransferLeaderResponse, error) {
	resp, code, why := operate(ctx, c, func(op Operator, reply func(*kvpb.TransferLeaderResponse)) { op.TransferLeader(req, reply) })
	if resp == nil {
		resp = &kvpb.TransferLeaderResponse{Code: code, Message: why}
	}
	return resp, nil
}

// ManageNode implements the Cluster service. It reports every outcome in the response; callers follow
// the hint of NOT_LEADER themselves.
func (c *Cluster) ManageNode(ctx context.Context, req *kvpb.ManageNodeRequest) (*kvpb.ManageNodeResponse, error) {
	resp, code, why := operate(ctx, c, func(p Placer, reply func(*kvpb.ManageNodeResponse)) { p.ManageNode(req, reply) })
	if resp == nil {
		resp = &kvpb.ManageNodeResponse{Code: code, Message: why}
	}
	return resp, nil
}

// Placement implements the Cluster service.
func (c *Cluster) Placement(ctx context.Context, req *kvpb.PlacementRequest) (*kvpb.PlacementResponse, error) {
	resp, code, why := operate(ctx, c, func(p Placer, reply func(*kvpb.PlacementResponse)) { p.Placement(req, reply) })
	if resp == nil {
		resp = &kvpb.PlacementResponse{Code: code, Message: why}
	}
	return resp, nil
}

// operate has the backend, as what it also is, do something on the loop and returns its answer, or nil with why
// there is none.
func operate[B, R any](ctx context.Context, c *Cluster, do func(B, func(*R))) (resp *R, code kvpb.Code, why string) {
	op, ok := c.backend.(B)
	if !ok {
		return nil, kvpb.Code_UNAVAILABLE, "not supported: the members of this node's cluster are fixed"
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	answer := make(chan *R, 1)
	if !c.loop.Post(func() { do(op, func(r *R) { answer <- r }) }) {
		return nil, kvpb.Code_UNAVAILABLE, "the node is stopping"
	}
	select {
	case resp := <-answer:
		return resp, kvpb.Code_OK, ""
	case <-ctx.Done():
		return nil, kvpb.Code_OUTCOME_UNKNOWN, fmt.Sprintf("no answer in time (%v): look at the status, or ask again, which does nothing twice", ctx.Err())
	}
}
