package grpcio

import (
	"context"

	"google.golang.org/grpc/status"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Cluster is the operators' service.
type Cluster struct {
	kvpb.UnimplementedClusterServer
	loop    Loop
	backend Backend
}

var _ kvpb.ClusterServer = (*Cluster)(nil)

// NewCluster returns the service.
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
