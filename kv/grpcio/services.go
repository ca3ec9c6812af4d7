package grpcio

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Services are what one node serves on one port.
type Services struct {
	KV      *KV
	Cluster *Cluster
	Peers   *Peers
	// Health is set to SERVING; its owner tells it when that ends.
	Health *health.Server
}

// NewServer returns a gRPC server with the services of a node and reflection.
func NewServer(s Services) *grpc.Server {
	srv := grpc.NewServer(ServerOptions()...)
	kvpb.RegisterKVServer(srv, s.KV)
	kvpb.RegisterClusterServer(srv, s.Cluster)
	kvpb.RegisterPeerServer(srv, s.Peers)
	healthpb.RegisterHealthServer(srv, s.Health)
	reflection.Register(srv)
	for _, service := range []string{"", kvpb.KV_ServiceDesc.ServiceName, kvpb.Cluster_ServiceDesc.ServiceName} {
		s.Health.SetServingStatus(service, healthpb.HealthCheckResponse_SERVING)
	}
	return srv
}
