package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/kv/client"
)

// LoadConfig says what the clients do. Zero fields take the defaults named with
// them.
type LoadConfig struct {
	// Endpoints are the nodes.
	Endpoints []string
	// Seed chooses operations, keys and pauses.
	Seed uint64
	// Prefix starts all keys, so that several loads can share a cluster.
	Prefix string
	// Clients is the number of client.Client (3), Workers how many operations are
	// under way at once (12), spread over the clients.
	Clients, Workers int
	// Keys is the number of keys that all workers share (30).
	Keys int
	// Think is the mean pause of a worker between operations (3 ms).
	Think time.Duration
	// OpTimeout bounds one operation (10 s).
	OpTimeout time.Duration
	// Sessions has every write belong to a session, so that it is sent again after doubt.
	Sessions bool
}

func (c LoadConfig) withDefaults() LoadConfig {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	set(&c.Clients, 3)
	set(&c.Workers, 12)
	set(&c.Keys, 30)
	if c.Think == 0 {
		c.Think = 3 * time.Millisecond
	}
	if c.OpTimeout == 0 {
		c.OpTimeout = 10 * time.Second
	}
	return c
}

// Load is clients at work, and the record of what they saw. Its methods may be used
// by several goroutines.
type Load struct {
	cfg      LoadConfig
	clients  []*client.Client
	recorder *history.SyncRecorder
	phase    atomic.Pointer[Phase]
	probes   atomic.Int64

	stop    context.CancelFunc
	working sync.WaitGroup
	workers []*worker
}

// Phase counts what was acknowledged of the operations that both began and ended
// within a stretch of time.
type Phase struct {
	reads, writes atomic.Int64
}

func (p *Phase) count(k history.Kind) {
	if k == history.Get {
		p.reads.Add(1)
	} else {
		p.writes.Add(1)
	}
}

// Acknowledged is the count so far.
func (p *Phase) Acknowledged() (reads, writes int64) { return p.reads.Load(), p.writes.Load() }

// NewLoad connects the clients. They do nothing before Start.
func NewLoad(ctx context.Context, cfg LoadConfig) (*Load, error) {
	cfg = cfg.withDefaults()
	l := &Load{cfg: cfg, recorder: history.NewSyncRecorder()}
	l.Begin()
	for i := range cfg.Clients {
		// Each client starts with another node.
		n := i % len(cfg.Endpoints)
		endpoints := append(append([]string{}, cfg.Endpoints[n:]...), cfg.Endpoints[:n]...)
		c, err := client.Dial(ctx, client.Config{Endpoints: endpoints, RequestTimeout: cfg.OpTimeout, Seed: cfg.Seed*1000 + uint64(i) + 1})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("live: connecting client %d: %w", i, err), l.Close())
		}
		l.clients = append(l.clients, c)
	}
	for i := range cfg.Workers {
		l.workers = append(l.workers, newWorker(l, i))
	}
	return l, nil
}

// Start lets the workers work until Stop.
func (l *Load) Start() {
	var ctx context.Context
	ctx, l.stop = context.WithCancel(context.Background())
	for _, w := range l.workers {
		l.working.Go(func() { w.run(ctx) })
	}
}

// Stop lets the operations that are under way end, and begins no more.
func (l *Load) Stop() {
	if l.stop != nil {
		l.stop()
	}
	l.working.Wait()
}

// Close stops the workers and ends the clients.
func (l *Load) Close() error {
	l.Stop()
	var errs []error
	for _, c := range l.clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Begin starts a new phase and ends the one before.
func (l *Load) Begin() *Phase {
	p := &Phase{}
	l.phase.Store(p)
	return p
}

// Work waits until so many writes were acknowledged that began after the call.
func (l *Load) Work(ctx context.Context, writes int64) (*Phase, error) {
	p := l.Begin()
	err := await(ctx, fmt.Sprintf("%d acknowledged writes", writes), func() (bool, error) {
		reads, have := p.Acknowledged()
		return have >= writes, fmt.Errorf("%d writes and %d reads were acknowledged", have, reads)
	})
	return p, err
}

// FirstWrite writes until it succeeds, each time with a new value, and returns how
// long that took.
func (l *Load) FirstWrite(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	for {
		n := l.probes.Add(1)
		in := history.Input{
			Kind: history.Put, Key: fmt.Sprintf("%sprobe-%d", l.cfg.Prefix, n%4), Value: fmt.Sprintf("probe-%d", n),
		}
		_, err := l.perform(ctx, l.cfg.Workers, in, false)
		if err == nil {
			return time.Since(begin), nil
		}
		if ctx.Err() != nil {
			return 0, fmt.Errorf("live: waiting for a write to succeed: %w (last: %w)", ErrHang, err)
		}
	}
}

// FinalReads reads every key that was ever written, until each was read once. The workers
// must have stopped.
func (l *Load) FinalReads(ctx context.Context) (keys int, err error) {
	all := make(chan string)
	errs := make([]error, l.cfg.Workers)
	var readers sync.WaitGroup
	for i := range errs {
		readers.Go(func() {
			for key := range all {
				errs[i] = errors.Join(errs[i], l.readOnce(ctx, i, key))
			}
		})
	}
	for _, key := range l.keys() {
		all <- key
		keys++
	}
	close(all)
	readers.Wait()
	return keys, errors.Join(errs...)
}

// readOnce tries to read a key until it succeeds or ctx ends.
func (l *Load) readOnce(ctx context.Context, number int, key string) error {
	for ctx.Err() == nil {
		if _, err := l.perform(ctx, number, history.Input{Kind: history.Get, Key: key}, false); err == nil {
			return nil
		}
	}
	return fmt.Errorf("live: the final read of key %s: %w", key, ErrHang)
}

// keys are all keys that were written to.
func (l *Load) keys() []string {
	seen := make(map[string]bool)
	var keys []string
	for _, op := range l.History().Operations {
		if !seen[op.Key] {
			seen[op.Key] = true
			keys = append(keys, op.Key)
		}
	}
	return keys
}

// History is what was recorded so far.
func (l *Load) History() *history.History {
	return l.recorder.History(history.Header{Source: "live", Clock: "wall", Seed: l.cfg.Seed})
}

// worker issues one operation after the other.
type worker struct {
	load   *Load
	number int
	rng    *rand.Rand
	count  int
	// seen is what the worker last saw of each key.
	seen map[string]history.Result
}

func newWorker(l *Load, number int) *worker {
	return &worker{
		load: l, number: number, rng: rand.New(rand.NewPCG(l.cfg.Seed, uint64(number))), seen: make(map[string]history.Result),
	}
}

func (w *worker) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Duration(w.rng.ExpFloat64() * float64(w.load.cfg.Think)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		in, noSession := w.draw()
		// Not ctx: what was begun is carried through, so that few outcomes are unknown.
		result, err := w.load.perform(context.Background(), w.number, in, noSession)
		if err == nil {
			w.remember(&in, result)
		}
	}
}
