package wal

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

// crashed is a log on a simulated disk that loses what it may lose.
type crashed struct {
	disk    *netsim.Disk
	options Options
	log     *Log
	sure    model // all that was acknowledged
	maybe   model // and the commit whose outcome is open, if any
	failure error // what the log failed with
	reached struct{ torn, kept, lost, failed int }
}

func newCrashed(seed uint64) *crashed {
	d := netsim.NewDisk(seed, netsim.DiskConfig{Torn: 0.3, Prefix: 0.2})
	o := testOptions(d)
	o.SegmentBytes = 2048
	return &crashed{disk: d, options: o, sure: model{}}
}

// open opens the log, as often as injected faults make that fail, and checks what it finds:
// the acknowledged commits, and perhaps the one in doubt.
func (c *crashed) open(t require.TestingT) {
	for attempt := 0; ; attempt++ {
		l, r, err := Open(c.options)
		if err != nil {
			require.Less(t, attempt, 20, "no fault is left, but: %v", err)
			require.True(t, netsim.Injected(err) || errors.Is(err, netsim.ErrCrashed), "%v", err)
			c.disk.Kill()
			if attempt%2 == 0 {
				c.disk.PowerLoss()
			}
			continue
		}
		c.log, c.failure = l, nil
		if r.TornBytes > 0 {
			c.reached.torn++
		}
		if c.maybe != nil && which([]model{c.sure, c.maybe}, r) == 1 {
			c.reached.kept++
			c.sure = c.maybe
		} else if c.maybe != nil {
			c.reached.lost++
		}
		c.maybe = nil
		c.sure.check(t, l, r)
		return
	}
}

func (c *crashed) commit(t *rapid.T) {
	b, after := drawBatch(t, c.sure)
	err := c.log.Commit(b)
	switch {
	case c.failure != nil:
		require.Same(t, c.failure, err, "WAL-7")
	case err != nil:
		c.reached.failed++
		c.failure, c.maybe = err, after
	default:
		c.sure = after
	}
}

// Goal: after any crash and any failed write or sync, recovery finds all acknowledged
// commits and at most the one in doubt, whole (WAL-1, 2, 3, 7, 8).
// Method: random commits on a simulated disk, with crashes before any single
// disk operation, kills, power losses and failing operations, against a model.
func TestCrashesLoseNothingAcknowledged(t *testing.T) {
	var reached struct{ torn, kept, lost, failed int }
	rapid.Check(t, func(t *rapid.T) {
		c := newCrashed(rapid.Uint64().Draw(t, "seed"))
		c.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"commit": c.commit,
			"crash at an operation": func(t *rapid.T) {
				c.disk.CrashAfterOps(rapid.IntRange(0, 6).Draw(t, "operations"))
				c.commit(t)
				c.commit(t)
				c.disk.CrashAfterOps(rapid.IntRange(-1, 4).Draw(t, "operations of the restart"))
				c.disk.PowerLoss()
				c.open(t)
				c.disk.CrashAfterOps(-1)
				c.disk.PowerLoss()
				c.open(t)
			},
			"failing operation": func(t *rapid.T) {
				op := rapid.SampledFrom([]netsim.Op{netsim.OpWrite, netsim.OpSync, netsim.OpSyncDir, netsim.OpCreate}).Draw(t, "op")
				c.disk.Inject(netsim.Fault{
					Ops: op, Count: rapid.IntRange(1, 2).Draw(t, "count"), Partial: rapid.Bool().Draw(t, "partial"),
					Skip: rapid.IntRange(0, 2).Draw(t, "skip"),
				})
				c.commit(t)
				c.commit(t)
			},
			"kill": func(t *rapid.T) {
				c.disk.Kill()
				c.open(t)
			},
			"power loss": func(t *rapid.T) {
				c.disk.PowerLoss()
				c.open(t)
			},
			"close": func(t *rapid.T) {
				err := c.log.Close()
				require.True(t, err == nil || c.failure != nil || netsim.Injected(err), "%v", err)
				c.disk.PowerLoss()
				c.open(t)
			},
		})
		reached.torn += c.reached.torn
		reached.kept += c.reached.kept
		reached.lost += c.reached.lost
		reached.failed += c.reached.failed
	})
	require.Positive(t, reached.torn, "no write was torn")
	require.Positive(t, reached.kept, "no unacknowledged commit survived")
	require.Positive(t, reached.lost, "no unacknowledged commit was lost")
	require.Positive(t, reached.failed, "no commit failed")
}

// Goal: a crash before any single disk operation, of opening, commits, rotations and
// closing, loses nothing acknowledged (WAL-1, WAL-8).
// Method: one fixed history, once for each of its operations, under several
// seeds of what the power loss leaves.
func TestPowerLossAtEveryOperation(t *testing.T) {
	run := func(seed uint64, ops int) (crashed bool) {
		c := newCrashed(seed)
		c.disk.CrashAfterOps(ops)
		if l, _, err := Open(c.options); err == nil {
			c.log = l
			for i := range uint64(8) {
				p := persist(1, 2, i, entries(i*4+1, 4, 1, 100))
				b := NewBatch()
				b.Add(1, p)
				if err := l.Commit(b); err != nil {
					c.maybe = c.sure.with(1, p)
					break
				}
				c.sure = c.sure.with(1, p)
			}
			_ = l.Close() // it fails if the crash was before
		}
		crashed = !c.disk.FuseArmed()
		c.disk.CrashAfterOps(-1)
		c.disk.PowerLoss()
		c.open(t)
		return crashed
	}
	for seed := range uint64(20) {
		ops := 0
		for run(seed, ops) {
			ops++
		}
		require.Greater(t, ops, 20)
	}
}

// Goal: a frame that an earlier process could not sync, but recovery found and
// returned, survives a power loss (WAL-8).
// Method: fail the sync of a commit, restart only the process, then cut the power.
func TestWhatRecoveryReturnedIsDurable(t *testing.T) {
	for seed := range uint64(20) {
		c := newCrashed(seed)
		c.open(t)
		commit(t, c.log, 1, persist(1, 1, 0, entries(1, 1, 1, 10)))
		c.disk.FailNextSync(".log")
		b := NewBatch()
		b.Add(1, persist(2, 2, 0, entries(2, 1, 2, 3*netsim.SectorSize)))
		require.Error(t, c.log.Commit(b))
		c.disk.Kill()
		_, r := mustOpen(t, c.options)
		require.Equal(t, uint64(2), r.Groups[0].Restored.LastIndex)
		c.disk.PowerLoss()
		_, r = mustOpen(t, c.options)
		require.Equal(t, raft.HardState{Term: 2, Vote: 2}, r.Groups[0].Restored.HardState)
		require.Equal(t, uint64(2), r.Groups[0].Restored.LastIndex)
	}
}
