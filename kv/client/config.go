package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"

	"github.com/holdfastdb/holdfast/kv/client/core"
)

// Config sets up a Client. Only Endpoints is required; zero fields take the
// defaults named with them.
type Config struct {
	// Endpoints are the client addresses (host:port) of one or more nodes. Nodes that
	// hints or the cluster's routing table name are added.
	Endpoints []string
	// MaxEndpoints bounds the nodes that the client connects to (256); it should not be below
	// the number of nodes in the cluster.
	MaxEndpoints int
	// EndpointIdle is the time after which the client of a sharded cluster disconnects from an added
	// node that it sent nothing (5 min). It connects again when it needs it.
	EndpointIdle time.Duration
	// RequestTimeout bounds operations whose context has no deadline (10 s);
	// negative means no bound.
	RequestTimeout time.Duration
	// AttemptTimeout is how long one attempt may stay unanswered before another
	// endpoint is tried (1 s).
	AttemptTimeout time.Duration
	// RetryBackoffMin and RetryBackoffMax bound the pause between attempts (10 ms, 250 ms).
	RetryBackoffMin, RetryBackoffMax time.Duration
	// MaxOutstanding bounds the operations under way (4096), MaxQueued those that wait
	// behind them (65536).
	MaxOutstanding, MaxQueued int
	// SessionWindow bounds how far the numbers of writes run ahead of the oldest
	// unfinished one (1024, as servers allow by default).
	SessionWindow int
	// KeepAlive is the idle time after which a session is refreshed (1 min).
	KeepAlive time.Duration
	// MaxKey, MaxValue and MaxBatch are the servers' limits (4 KiB, 1 MiB, 128 items).
	MaxKey, MaxValue, MaxBatch int
	// MaxItems bounds the items of a MultiGet or MultiPut (1024).
	MaxItems int
	// Unsharded makes the client send everything to one Raft group, Partition, without asking the
	// cluster how it is sharded. Without it the client asks, and a cluster that is not sharded
	// works as well.
	Unsharded bool
	// Partition is the Raft group that requests go to; 0 stands for the only one. Another value
	// implies Unsharded.
	Partition uint64
	// Dialer opens network connections; nil means TCP.
	Dialer func(ctx context.Context, address string) (net.Conn, error)
	// Seed fixes random choices; 0 means a random one.
	Seed uint64
}

const (
	defaultRequestTimeout = 10 * time.Second
	defaultMaxEndpoints   = 256
)

func (cfg *Config) core() (core.Config, error) {
	if len(cfg.Endpoints) == 0 {
		return core.Config{}, errors.New("client: no endpoint given: name the client address of at least one node, as host:port")
	}
	for _, address := range cfg.Endpoints {
		if address == "" {
			return core.Config{}, errors.New("client: an endpoint is empty: give its address as host:port")
		}
	}
	if cfg.RequestTimeout == 0 {
		cfg.RequestTimeout = defaultRequestTimeout
	}
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64()
	}
	if cfg.MaxEndpoints == 0 {
		cfg.MaxEndpoints = defaultMaxEndpoints
	}
	cc := core.Config{
		Endpoints: len(cfg.Endpoints), Addresses: cfg.Endpoints, MaxEndpoints: cfg.MaxEndpoints, Seed: cfg.Seed,
		Partition: cfg.Partition, Sharded: !cfg.Unsharded && cfg.Partition == 0, MaxItems: cfg.MaxItems, EndpointIdle: cfg.EndpointIdle,
		AttemptTimeout: cfg.AttemptTimeout, RetryBackoffMin: cfg.RetryBackoffMin, RetryBackoffMax: cfg.RetryBackoffMax,
		MaxOutstanding: cfg.MaxOutstanding, MaxQueued: cfg.MaxQueued, SessionWindow: cfg.SessionWindow,
		KeepAlive: cfg.KeepAlive, MaxKey: cfg.MaxKey, MaxValue: cfg.MaxValue, MaxBatch: cfg.MaxBatch,
	}
	return cc, cc.Check()
}
