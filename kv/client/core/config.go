package core

import (
	"fmt"
	"time"
)

// Config sets up a Core. Zero fields take the defaults named with them.
type Config struct {
	// Endpoints is the number of known endpoints, at least 1; they are named 0 to
	// Endpoints-1.
	Endpoints int
	// Addresses are the endpoints' client addresses, so that a server's hint by
	// address can be followed. Optional; if given, one for each endpoint, and hints at
	// other addresses add endpoints (Output.Dials).
	Addresses []string
	// Nodes are the ids of the nodes at the endpoints. Optional, one for each if given: nodes also
	// name themselves in their answers.
	Nodes []uint64
	// MaxEndpoints bounds the endpoints including those learned (64). In a sharded cluster it
	// should not be below the number of nodes.
	MaxEndpoints int
	// EndpointIdle is the time after which an endpoint that the routing table or a hint of a
	// sharded cluster named, and that was sent nothing, is hung up (5 min).
	EndpointIdle time.Duration
	// Seed fixes all random choices.
	Seed uint64
	// Partition is the Raft group that all requests go to; 0 stands for the only one. It must be 0
	// if Sharded.
	Partition uint64
	// Sharded makes the core ask the cluster how it is sharded before it sends anything else, and
	// route operations by key. If the cluster is not sharded all go to Partition.
	Sharded bool
	// AttemptTimeout is how long an attempt may stay unanswered before another
	// endpoint is tried (1 s).
	AttemptTimeout time.Duration
	// MaxAttemptTimeout bounds the patience with one attempt, which doubles from
	// AttemptTimeout with each that stays unanswered (5 s, or AttemptTimeout if longer).
	MaxAttemptTimeout time.Duration
	// RetryBackoffMin and RetryBackoffMax bound the pause before another attempt: it
	// doubles from one to the other, and is jittered down to half (10 ms, 250 ms).
	RetryBackoffMin, RetryBackoffMax time.Duration
	// MaxOutstanding bounds the operations under way (4096); further ones wait.
	MaxOutstanding int
	// MaxQueued bounds the operations that wait to get under way (65536); further
	// ones fail at once (ReasonOverloaded).
	MaxQueued int
	// SessionWindow bounds how far a session's numbers run ahead of the acknowledged
	// ones (1024). It should not exceed the servers' window.
	SessionWindow int
	// KeepAlive is the idle time after which a session is refreshed (1 min). It must
	// be well below the servers' session lifetime. In a sharded cluster it is up to a quarter
	// shorter, so that the sessions of all partitions are not refreshed at once.
	KeepAlive time.Duration
	// MaxKey, MaxValue and MaxBatch bound keys and values in bytes and the operations of
	// a batch (4 KiB, 1 MiB, 128), as the servers' limits do by default.
	MaxKey, MaxValue, MaxBatch int
	// MaxItems bounds the items of a MultiGet or MultiPut (1024).
	MaxItems int
}

func orDefault[T int | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// prepared returns cfg with defaults filled in, or what is wrong with it.
func (cfg Config) prepared() (Config, error) {
	orDefault(&cfg.MaxEndpoints, 64)
	orDefault(&cfg.AttemptTimeout, time.Second)
	orDefault(&cfg.MaxAttemptTimeout, max(5*time.Second, cfg.AttemptTimeout))
	orDefault(&cfg.RetryBackoffMin, 10*time.Millisecond)
	orDefault(&cfg.RetryBackoffMax, max(250*time.Millisecond, cfg.RetryBackoffMin))
	orDefault(&cfg.MaxOutstanding, 4096)
	orDefault(&cfg.MaxQueued, 1<<16)
	orDefault(&cfg.SessionWindow, 1024)
	orDefault(&cfg.KeepAlive, time.Minute)
	orDefault(&cfg.MaxKey, 4<<10)
	orDefault(&cfg.MaxValue, 1<<20)
	orDefault(&cfg.MaxBatch, 128)
	orDefault(&cfg.MaxItems, 1024)
	orDefault(&cfg.EndpointIdle, 5*time.Minute)
	switch {
	case cfg.Endpoints < 1:
		return cfg, fmt.Errorf("client: %d endpoints given, at least 1 is needed", cfg.Endpoints)
	case len(cfg.Addresses) != 0 && len(cfg.Addresses) != cfg.Endpoints:
		return cfg, fmt.Errorf("client: %d addresses given for %d endpoints", len(cfg.Addresses), cfg.Endpoints)
	case len(cfg.Nodes) != 0 && len(cfg.Nodes) != cfg.Endpoints:
		return cfg, fmt.Errorf("client: %d node ids given for %d endpoints", len(cfg.Nodes), cfg.Endpoints)
	case cfg.Sharded && cfg.Partition != 0:
		return cfg, fmt.Errorf("client: partition %d is given, but a sharded client finds partitions by key: leave it out", cfg.Partition)
	case cfg.MaxAttemptTimeout < cfg.AttemptTimeout:
		return cfg, fmt.Errorf("client: attempt timeout %v is above its maximum %v", cfg.AttemptTimeout, cfg.MaxAttemptTimeout)
	case cfg.AttemptTimeout < 0 || cfg.KeepAlive < 0 || cfg.EndpointIdle < 0:
		return cfg, fmt.Errorf("client: a timeout is negative: attempt %v, keep-alive %v, idle endpoint %v",
			cfg.AttemptTimeout, cfg.KeepAlive, cfg.EndpointIdle)
	case cfg.RetryBackoffMin < 0 || cfg.RetryBackoffMax < cfg.RetryBackoffMin:
		return cfg, fmt.Errorf("client: retry back-off from %v to %v is no range", cfg.RetryBackoffMin, cfg.RetryBackoffMax)
	case cfg.MaxOutstanding < 1 || cfg.MaxQueued < 0 || cfg.SessionWindow < 1:
		return cfg, fmt.Errorf("client: bounds must be positive: outstanding %d, queued %d, session window %d",
			cfg.MaxOutstanding, cfg.MaxQueued, cfg.SessionWindow)
	case cfg.maxSlots() >= int(slotMask):
		return cfg, fmt.Errorf("client: %d outstanding and %d queued operations are too many: three times the former and the latter may be %d together",
			cfg.MaxOutstanding, cfg.MaxQueued, int(slotMask)-cfg.ownOps()-1)
	case cfg.MaxKey < 1 || cfg.MaxValue < 0 || cfg.MaxBatch < 1 || cfg.MaxItems < 1:
		return cfg, fmt.Errorf("client: limits must be positive: key %d, value %d, batch %d, items %d",
			cfg.MaxKey, cfg.MaxValue, cfg.MaxBatch, cfg.MaxItems)
	}
	cfg.MaxEndpoints = max(cfg.MaxEndpoints, cfg.Endpoints)
	return cfg, nil
}

// Check says what is wrong with cfg, nil if New accepts it.
func (cfg Config) Check() error {
	_, err := cfg.prepared()
	return err
}

// ownOps bounds the operations of the core's own.
func (cfg Config) ownOps() int {
	if !cfg.Sharded {
		return internalOps
	}
	return internalOps*maxPartitions + 1 // and the one that asks for the routing table
}

// maxSlots bounds the operations that exist at a time: those that wait, those under way, as many
// MultiGets and MultiPuts whose parts are under way, and as many that wait to begin with theirs.
func (cfg Config) maxSlots() int { return cfg.MaxQueued + 3*cfg.MaxOutstanding + cfg.ownOps() }

// Capacity is how many operations a Core with this configuration holds at a time.
func (cfg Config) Capacity() int {
	cfg, _ = cfg.prepared()
	return cfg.MaxOutstanding + cfg.MaxQueued
}
