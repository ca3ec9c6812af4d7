package grpcio

import (
	"context"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/holdfastdb/holdfast/kv/env"
)

const (
	// MaxRequestBytes is the largest message a node accepts: a batch of requests or
	// a frame of a peer.
	MaxRequestBytes = 64 << 20
	// MaxResponseBytes is the largest message a client should accept: the answer to
	// one read of as many and as large values as the limits allow.
	MaxResponseBytes = 256 << 20

	// streamWindow and connWindow are how much a sender may be ahead of the
	// reader's acknowledgements. Fixed, they spare the pings that measure them.
	streamWindow = 4 << 20
	connWindow   = 16 << 20
	// bufferBytes is the size of the socket buffers in user space.
	bufferBytes = 64 << 10

	// deadAfter is how long data may stay unacknowledged by the other side's kernel
	// before a connection is given up.
	deadAfter = 3 * time.Second
	// bulkDeadAfter is the same for connections that carry bulk to a peer: on a slow link their
	// acknowledgements come late. The control stream notices sooner when the peer is gone, and ends them.
	bulkDeadAfter = 20 * time.Second
	// firstRetry and lastRetry bound the pause between attempts to connect.
	firstRetry = 20 * time.Millisecond
	lastRetry  = time.Second
)

// DialFunc opens a network connection.
type DialFunc func(ctx context.Context, address string) (net.Conn, error)

// ServerOptions are the settings of a node's gRPC server.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxRequestBytes),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connWindow),
		grpc.ReadBufferSize(bufferBytes),
		grpc.WriteBufferSize(bufferBytes),
		grpc.MaxConcurrentStreams(1 << 14),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 5 * time.Second, Timeout: deadAfter}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}
}

// DialOptions are the settings of a connection to a node, for peers and
// clients alike. A nil dial means plain TCP.
func DialOptions(dial DialFunc) []grpc.DialOption {
	if dial == nil {
		dial = dialTCP
	}
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dial),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connWindow),
		grpc.WithReadBufferSize(bufferBytes),
		grpc.WithWriteBufferSize(bufferBytes),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(MaxResponseBytes),
			grpc.MaxCallSendMsgSize(MaxRequestBytes),
		),
		// gRPC pings at most every 10 s; the Timeout is also set as TCP_USER_TIMEOUT,
		// which notices a vanished peer sooner as long as there is something to send.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: deadAfter, PermitWithoutStream: true}),
		// A node that comes back is to be met at once, so the first pauses are short.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstRetry, Multiplier: 1.6, Jitter: 0.2, MaxDelay: lastRetry},
			MinConnectTimeout: time.Second,
		}),
	}
}

// peerDialOptions are the settings of the connection to a peer that carries a channel.
func peerDialOptions(channel env.Channel, dial DialFunc) []grpc.DialOption {
	opts := DialOptions(dial)
	if channel != env.ChannelControl {
		opts = append(opts, grpc.WithKeepaliveParams(
			keepalive.ClientParameters{Time: 10 * time.Second, Timeout: bulkDeadAfter, PermitWithoutStream: true},
		))
	}
	return opts
}

func dialTCP(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 3},
	}
	return d.DialContext(ctx, "tcp", address)
}

// Target makes an address ("host:port") a gRPC target that is dialled as it is: the
// dialler resolves names, each time anew.
func Target(address string) string { return "passthrough:///" + address }
