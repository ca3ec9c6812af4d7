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
	reached reached
}

// reached counts what a run met.
type reached struct{ torn, kept, lost, failed, pruned, carried, leftovers int }

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
		c.reached.leftovers += len(r.Obsolete)
		if c.maybe != nil && which([]model{c.sure, c.maybe}, r) == 1 {
			c.reached.kept++
			c.sure = c.maybe
		} else if c.maybe != nil {
			c.reached.lost++
		}
		c.maybe = nil
		c.sure.check(t, l, r)
		oldest, newest := l.Segments()
		numbers, err := listSegments(c.disk, c.options.Dir)
		require.NoError(t, err)
		require.Equal(t, []uint64{oldest, newest, newest - oldest + 1}, []uint64{numbers[0], numbers[len(numbers)-1], uint64(len(numbers))})
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

// prune prunes; what the log holds is the same after it.
func (c *crashed) prune(t require.TestingT) {
	before, _ := c.log.Segments()
	prunable := c.log.Prunable()
	next := c.log.next.number
	err := c.log.Prune()
	switch {
	case c.failure != nil:
		require.Same(t, c.failure, err, "WAL-7")
	case err != nil:
		c.reached.failed++
		c.failure = err
	default:
		after, newest := c.log.Segments()
		require.Equal(t, prunable, after > before)
		require.LessOrEqual(t, after, newest)
		if prunable {
			c.reached.pruned++
		}
		if c.log.next.number > next+1 {
			c.reached.carried++
		}
		c.sure.checkEntries(t, c.log)
	}
}

// Goal: after any crash and any failed write or sync, recovery finds all acknowledged
// commits and at most the one in doubt, whole (WAL-1, 2, 3, 7, 8, 9).
// Method: random commits, marks, changes of replicas and deletions of segments on a simulated disk, with crashes before any single
// disk operation, kills, power losses and failing operations, against a model.
func TestCrashesLoseNothingAcknowledged(t *testing.T) {
	var all reached
	rapid.Check(t, func(t *rapid.T) {
		c := newCrashed(rapid.Uint64().Draw(t, "seed"))
		c.options.SegmentBytes = 1024
		c.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"commit": c.commit,
			"prune":  func(t *rapid.T) { c.prune(t) },
			"crash at an operation": func(t *rapid.T) {
				c.disk.CrashAfterOps(rapid.IntRange(0, 6).Draw(t, "operations"))
				c.prune(t)
				c.commit(t)
				c.commit(t)
				c.prune(t)
				c.disk.CrashAfterOps(rapid.IntRange(-1, 4).Draw(t, "operations of the restart"))
				c.disk.PowerLoss()
				c.open(t)
				c.disk.CrashAfterOps(-1)
				c.disk.PowerLoss()
				c.open(t)
			},
			"failing operation": func(t *rapid.T) {
				op := rapid.SampledFrom([]netsim.Op{netsim.OpWrite, netsim.OpSync, netsim.OpSyncDir, netsim.OpCreate, netsim.OpRemove}).Draw(t, "op")
				c.disk.Inject(netsim.Fault{
					Ops: op, Count: rapid.IntRange(1, 2).Draw(t, "count"), Partial: rapid.Bool().Draw(t, "partial"),
					Skip: rapid.IntRange(0, 2).Draw(t, "skip"),
				})
				c.commit(t)
				c.prune(t)
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
		all.torn += c.reached.torn
		all.kept += c.reached.kept
		all.lost += c.reached.lost
		all.failed += c.reached.failed
		all.pruned += c.reached.pruned
		all.carried += c.reached.carried
		all.leftovers += c.reached.leftovers
	})
	require.Positive(t, all.torn, "no write was torn")
	require.Positive(t, all.kept, "no unacknowledged commit survived")
	require.Positive(t, all.lost, "no unacknowledged commit was lost")
	require.Positive(t, all.failed, "no commit failed")
	require.Positive(t, all.pruned, "no segment was deleted")
	require.Positive(t, all.carried, "no entry was carried")
	require.Positive(t, all.leftovers, "no deletion was interrupted")
}

// Goal: a crash before any single disk operation, of opening, commits, rotations, deletions and
// closing, loses nothing acknowledged (WAL-1, WAL-8, WAL-9).
// Method: one fixed history, once for each of its operations, under several
// seeds of what the power loss leaves.
func TestPowerLossAtEveryOperation(t *testing.T) {
	run := func(seed uint64, ops int) (crashed bool) {
		c := newCrashed(seed)
		c.disk.CrashAfterOps(ops)
		if l, _, err := Open(c.options); err == nil {
			c.log = l
			c.history(t)
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
		require.Greater(t, ops, 60)
	}
}

// history commits entries of a busy group and a few of an idle one, compacts and prunes, until that fails.
func (c *crashed) history(t require.TestingT) {
	do := func(g raft.GroupID, p *raft.Persist) bool {
		b := NewBatch()
		b.Add(g, replica3, p)
		if c.failure = c.log.Commit(b); c.failure != nil {
			c.maybe = c.sure.with(g, p)
			return false
		}
		c.sure = c.sure.with(g, p)
		return true
	}
	if !do(2, persist(4, 3, 1, entries(1, 2, 4, 20))) {
		return
	}
	for i := range uint64(24) {
		p := persist(1, 2, i, entries(i*4+1, 4, 1, 100))
		if i%3 == 2 {
			p.Mark = raft.Mark{Index: i * 4, Term: 1, Config: []byte("config")}
		}
		if !do(1, p) {
			return
		}
		if i%6 == 5 {
			if c.prune(t); c.failure != nil {
				return
			}
		}
	}
	require.Positive(t, c.reached.carried)
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
		b.Add(1, replica3, persist(2, 2, 0, entries(2, 1, 2, 3*netsim.SectorSize)))
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
