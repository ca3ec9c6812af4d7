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
	// MaxEndpoints bounds the endpoints including those learned (64).
	MaxEndpoints int
	// Seed fixes all random choices.
	Seed uint64
	// Partition is the Raft group that all requests go to; 0 stands for the only one.
	Partition uint64
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
	// KeepAlive is the idle time after which the session is refreshed (1 min). It must
	// be well below the servers' session lifetime.
	KeepAlive time.Duration
	// MaxKey, MaxValue and MaxBatch bound keys and values in bytes and the operations of
	// a batch (4 KiB, 1 MiB, 128), as the servers' limits do by default.
	MaxKey, MaxValue, MaxBatch int
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
	switch {
	case cfg.Endpoints < 1:
		return cfg, fmt.Errorf("client: %d endpoints given, at least 1 is needed", cfg.Endpoints)
	case len(cfg.Addresses) != 0 && len(cfg.Addresses) != cfg.Endpoints:
		return cfg, fmt.Errorf("client: %d addresses given for %d endpoints", len(cfg.Addresses), cfg.Endpoints)
	case cfg.MaxAttemptTimeout < cfg.AttemptTimeout:
		return cfg, fmt.Errorf("client: attempt timeout %v is above its maximum %v", cfg.AttemptTimeout, cfg.MaxAttemptTimeout)
	case cfg.AttemptTimeout < 0 || cfg.KeepAlive < 0:
		return cfg, fmt.Errorf("client: a timeout is negative: attempt %v, keep-alive %v", cfg.AttemptTimeout, cfg.KeepAlive)
	case cfg.RetryBackoffMin < 0 || cfg.RetryBackoffMax < cfg.RetryBackoffMin:
		return cfg, fmt.Errorf("client: retry back-off from %v to %v is no range", cfg.RetryBackoffMin, cfg.RetryBackoffMax)
	case cfg.MaxOutstanding < 1 || cfg.MaxQueued < 0 || cfg.SessionWindow < 1:
		return cfg, fmt.Errorf("client: bounds must be positive: outstanding %d, queued %d, session window %d",
			cfg.MaxOutstanding, cfg.MaxQueued, cfg.SessionWindow)
	case cfg.MaxOutstanding+cfg.MaxQueued+internalOps >= int(slotMask):
		return cfg, fmt.Errorf("client: %d outstanding and %d queued operations are more than %d together",
			cfg.MaxOutstanding, cfg.MaxQueued, int(slotMask)-internalOps-1)
	case cfg.MaxKey < 1 || cfg.MaxValue < 0 || cfg.MaxBatch < 1:
		return cfg, fmt.Errorf("client: limits must be positive: key %d, value %d, batch %d", cfg.MaxKey, cfg.MaxValue, cfg.MaxBatch)
	}
	cfg.MaxEndpoints = max(cfg.MaxEndpoints, cfg.Endpoints)
	return cfg, nil
}

// Check says what is wrong with cfg, nil if New accepts it.
func (cfg Config) Check() error {
	_, err := cfg.prepared()
	return err
}

// Capacity is how many operations a Core with this configuration holds at a time.
func (cfg Config) Capacity() int {
	cfg, _ = cfg.prepared()
	return cfg.MaxOutstanding + cfg.MaxQueued
}
