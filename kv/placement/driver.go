package placement

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// DriverConfig are the driver's patience and haste. Each driver may have its own; nothing but load and
// pace depends on them.
type DriverConfig struct {
	// ReportEvery is how often nodes report. A node that is silent four times as long gets nothing new.
	ReportEvery time.Duration
	// DeadAfter is how long a node may be silent until its replicas are replaced; at least
	// 4 times ReportEvery.
	DeadAfter time.Duration
	// FlapDamping is how long a node that was dead must answer before it gets replicas again. It
	// doubles each time the node dies again, up to 64 times, until the node has lived for
	// as long as it had to wait.
	FlapDamping time.Duration
	// MaxMoves bounds the partitions that are being moved, 1 to 64; MaxMovesPerNode those that
	// a node gets or, as leader, sends.
	MaxMoves        int
	MaxMovesPerNode int
	// Expect is how many nodes the cluster is known to begin with, 0 if that is not known: the partitions
	// are made when so many have joined that each can have all its replicas, or after ExpectFor.
	Expect    int
	ExpectFor time.Duration
}

// DefaultDriverConfig is for clusters whose nodes are back within minutes if they come back.
func DefaultDriverConfig() DriverConfig {
	return DriverConfig{
		ReportEvery: time.Second, DeadAfter: 5 * time.Minute, FlapDamping: time.Minute, MaxMoves: 8, MaxMovesPerNode: 2,
		ExpectFor: 30 * time.Second,
	}
}

const (
	// maxMoves bounds DriverConfig.MaxMoves, so that what a Step decides fits into one transaction.
	maxMoves = 64
	// suspectAfter is after how many missing reports a node gets nothing new.
	suspectAfter = 4
)

// Check returns what is wrong with the configuration.
func (c *DriverConfig) Check() error {
	switch {
	case c.ReportEvery <= 0:
		return fmt.Errorf("placement: ReportEvery is %v, it must be positive", c.ReportEvery)
	case c.DeadAfter < suspectAfter*c.ReportEvery:
		return fmt.Errorf("placement: DeadAfter is %v, it must be at least %d times ReportEvery, %v", c.DeadAfter, suspectAfter, c.ReportEvery)
	case c.FlapDamping < 0:
		return fmt.Errorf("placement: FlapDamping is %v, it must not be negative", c.FlapDamping)
	case c.MaxMoves < 1 || c.MaxMoves > maxMoves:
		return fmt.Errorf("placement: MaxMoves is %d, it must be 1 to %d", c.MaxMoves, maxMoves)
	case c.MaxMovesPerNode < 1:
		return fmt.Errorf("placement: MaxMovesPerNode is %d, it must be at least 1", c.MaxMovesPerNode)
	}
	return nil
}

// Driver decides what to change in the table. A new one is made whenever its node begins to lead the metadata
// group, since it knows nothing but what it hears. See the package comment for its contract.
type Driver struct {
	cfg DriverConfig
	// began is when it was made or last woke up, called when it was last called.
	began, called env.Instant

	seen  map[origin]*sighting
	views map[uint64]*view
	goal  goal
	pace  pace

	// stepped is when Step was called last, due when it must be called again although nothing is
	// heard; fresh says that something was.
	stepped, due env.Instant
	fresh        bool
}

// New returns a driver that has heard of nobody. It panics if cfg.Check fails.
func New(cfg DriverConfig, now env.Instant) *Driver {
	if err := cfg.Check(); err != nil {
		panic(err.Error())
	}
	return &Driver{
		cfg: cfg, began: now, called: now, seen: make(map[origin]*sighting), views: make(map[uint64]*view), stepped: now, due: now,
		pace: pace{since: now},
	}
}

// Step returns what to write next, an empty Txn if there is nothing. The caller calls it again when
// the transaction has succeeded or failed, with a State that is not older, and at Deadline. It may be
// called with any State at any time: a decision on an old State has no effect (PLACE-1).
func (d *Driver) Step(now env.Instant, s *State) Txn {
	d.wake(now)
	d.stepped, d.fresh = now, false
	if !s.Bootstrapped() {
		d.due = env.Never
		return Txn{}
	}
	d.list(now, s)
	b := d.observe(now, s)
	d.due = d.nextDue(now)
	d.aim(b)
	t := d.create(b)
	if t.Empty() {
		t = d.retarget(b)
	}
	return t
}

// Deadline is when Step is to be called if the caller has no other reason: when a silence has become too
// long, a while after something was heard, and every few reports in any case. env.Never if there is no
// cluster.
func (d *Driver) Deadline() env.Instant {
	if d.fresh {
		return min(d.due, d.stepped.Add(d.cfg.ReportEvery/4))
	}
	return d.due
}
