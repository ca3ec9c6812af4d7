package machine_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

// spyEngine calls before with the name of each writing call, and fails it if before says so.
type spyEngine struct {
	env.Engine
	before func(call string) error
}

func (e *spyEngine) Apply(b env.Batch) error {
	if err := e.before("apply"); err != nil {
		return err
	}
	return e.Engine.Apply(b)
}

func (e *spyEngine) Flush() error {
	if err := e.before("flush"); err != nil {
		return err
	}
	return e.Engine.Flush()
}

// source is a rig with some of everything: sessions, saved results inside and outside of
// session records, data, log time.
func source(t *testing.T) *rig {
	r := newRig(t, tinyLimits())
	r.now = 50
	s := r.openSession()
	r.do(put(0, 0, "a", "new"))
	r.do(put(s, 1, "big", strings.Repeat("b", 2000)))
	r.do(apply(s, 2, machine.Op{Kind: machine.OpGet, Key: []byte("big")}))
	r.do(put(s, 3, "c", "3"))
	r.now = 90
	r.openSession()
	return r
}

// target is a rig whose state is another, older one.
func target(t *testing.T) *rig {
	r := newRig(t, tinyLimits())
	r.do(put(0, 0, "a", "old"))
	r.do(put(0, 0, "old", "old"))
	return r
}

// stage stages all of the source's state in m.
func stage(t *testing.T, from *rig, m *machine.Machine) (*machine.Stage, machine.StageID) {
	x, err := from.m.Export()
	require.NoError(t, err)
	defer func() { require.NoError(t, x.Close()) }()
	s, err := m.Stage(stageID(x))
	require.NoError(t, err)
	require.True(t, copyChunks(t, x, s, 100, -1))
	return s, stageID(x)
}

// Goal: a crash at any step of Install leaves the old state or the new one, whole, and the
// new one once Install has returned (MACH-10, READ-11, SNAP-11, SNAP-12). Method: lose power before
// each write to the disk and before each call of the engine, open, compare.
func TestACrashWithinInstallLeavesOneWholeState(t *testing.T) {
	src := source(t)
	fs := vfs.NewCrashableMem()
	disk := openEngine(t, fs, 0)
	var crashes []*vfs.MemFS
	take := func() {
		for _, percent := range []int{0, 50, 100} {
			n := uint64(len(crashes))
			crashes = append(crashes, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(n, 0))}))
		}
	}
	spy := &spyEngine{Engine: disk, before: func(string) error { return nil }}
	r := &rig{t: t, fs: fs, engine: spy, m: open(t, spy, tinyLimits()), now: 1}
	r.do(put(0, 0, "a", "old"))
	r.do(put(0, 0, "old", "old"))
	require.NoError(t, disk.Flush())
	old, want := image(t, disk), image(t, src.engine)
	s, id := stage(t, src, r.m)
	calls := []string{}
	spy.before = func(call string) error {
		calls = append(calls, call)
		take()
		return nil
	}
	require.NoError(t, r.m.Install(s, markOf(id)))
	require.Equal(t, []string{"flush", "apply", "flush"}, calls)
	during := len(crashes)
	take()
	seen := map[bool]int{}
	for i, left := range crashes {
		e := openEngine(t, left, 0)
		m := open(t, e, tinyLimits())
		mark, installed := m.Installed()
		seen[installed]++
		index, _ := m.Applied()
		if i >= during || installed {
			require.True(t, installed, "crash %d lost what was installed", i)
			require.Equal(t, want, image(t, e), "crash %d", i)
			require.Equal(t, markOf(id), mark)
			require.Equal(t, id.Index, index)
			requireIntact(t, e)
			continue
		}
		require.Equal(t, old, image(t, e), "crash %d", i)
		require.EqualValues(t, 2, index)
		requireIntact(t, e)
	}
	require.NotZero(t, seen[false])
	require.NotZero(t, seen[true])
}

// Goal: if the engine fails in the middle of Install, the machine stops without the
// new position and answers no read; a restart finds one state (SNAP-17, READ-11). Method: fail each of
// its calls in turn.
func TestAFailedInstallIsFinalAndAdvancesNothing(t *testing.T) {
	src := source(t)
	for fail := range 3 {
		disk := openEngine(t, vfs.NewCrashableMem(), 0)
		spy := &spyEngine{Engine: disk, before: func(string) error { return nil }}
		r := &rig{t: t, engine: spy, m: open(t, spy, tinyLimits()), now: 1}
		r.do(put(0, 0, "a", "old"))
		s, id := stage(t, src, r.m)
		n := 0
		spy.before = func(string) error {
			if n++; n == fail+1 {
				return errEngine
			}
			return nil
		}
		require.ErrorIs(t, r.m.Install(s, markOf(id)), errEngine)
		index, _ := r.m.Applied()
		require.EqualValues(t, 1, index)
		_, installed := r.m.Installed()
		require.False(t, installed)
		_, err := r.m.Get([]byte("a"))
		require.ErrorIs(t, err, errEngine)
		_, err = r.m.Apply([]raft.Entry{{Index: 2, Term: 3}}, nil)
		require.ErrorIs(t, err, errEngine)
		_, err = r.m.Export()
		require.ErrorIs(t, err, errEngine)
		_, err = r.m.Stage(id)
		require.ErrorIs(t, err, errEngine)
		require.ErrorIs(t, r.m.Install(s, markOf(id)), errEngine)
		requireIntact(t, disk)
		index, _ = open(t, disk, tinyLimits()).Applied()
		require.Contains(t, []uint64{1, id.Index}, index)
	}
}

// Goal: reads see the old state up to Install and the new one from then on, never a mixture
// (READ-11). Method: read all keys whenever the engine is about to be changed, and afterwards.
func TestReadsSeeTheOldOrTheNewState(t *testing.T) {
	src, disk := source(t), openEngine(t, vfs.NewMem(), 0)
	spy := &spyEngine{Engine: disk, before: func(string) error { return nil }}
	r := &rig{t: t, engine: spy, m: open(t, spy, tinyLimits()), now: 1}
	r.do(put(0, 0, "a", "old"))
	r.do(put(0, 0, "old", "old"))
	look := func() string {
		return fmt.Sprintf("%s %v %v", r.get("a").Value, r.get("old").Found, r.get("c").Found)
	}
	n := 0
	spy.before = func(call string) error {
		if n++; call == "apply" {
			require.Equal(t, "old true false", look())
		}
		return nil
	}
	s, id := stage(t, src, r.m)
	require.NoError(t, r.m.Install(s, markOf(id)))
	require.Equal(t, "new false true", look())
	require.Greater(t, n, 5)
}

// Goal: a snapshot that is not ahead is refused by a testable error, and changes nothing
// (SNAP-03). Method: stage, apply past it, install; also exactly at it, and twice.
func TestAStaleSnapshotIsRefused(t *testing.T) {
	src := source(t)
	for _, beyond := range []int{0, 1} {
		r := newRig(t, tinyLimits())
		s, id := stage(t, src, r.m)
		for range int(id.Index) + beyond {
			r.do(put(0, 0, "a", "mine"))
		}
		before := contents(t, r.engine)
		require.ErrorIs(t, r.m.Install(s, markOf(id)), machine.ErrSnapshotStale)
		require.Equal(t, before, contents(t, r.engine))
		require.Equal(t, "mine", string(r.get("a").Value))
		r.do(put(0, 0, "a", "again"))
		require.NoError(t, s.Abort())
		require.Len(t, contents(t, r.engine), 4)
	}
	r := target(t)
	s, id := stage(t, src, r.m)
	require.NoError(t, r.m.Install(s, markOf(id)))
	require.ErrorIs(t, r.m.Install(s, markOf(id)), machine.ErrSnapshotStale)
}

// Goal: what is incomplete, is not the mark's, or is no stage of this machine's any more is
// refused and changes nothing (SNAP-01). Method: each in turn.
func TestWhatIsNotTheMarksSnapshotIsRefused(t *testing.T) {
	src := source(t)
	x, err := src.m.Export()
	require.NoError(t, err)
	id := stageID(x)
	r := target(t)
	refused := func(s *machine.Stage, mark raft.Mark, why string) {
		t.Helper()
		require.ErrorContains(t, r.m.Install(s, mark), why)
		require.Equal(t, "old", string(r.get("a").Value))
		_, installed := r.m.Installed()
		require.False(t, installed)
	}
	s, err := r.m.Stage(id)
	require.NoError(t, err)
	refused(s, markOf(id), "only 0 of its pairs")
	copyChunks(t, x, s, 1, 3)
	refused(s, markOf(id), "only 3 of its pairs")
	resumed, err := r.m.Stage(id)
	require.NoError(t, err)
	require.ErrorContains(t, s.Write(3, nil), "replaced")
	require.NoError(t, s.Abort(), "it must not wipe the other's pairs")
	require.True(t, copyChunks(t, x, resumed, 1, -1))
	refused(s, markOf(id), "replaced")
	refused(resumed, raft.Mark{Index: id.Index, Term: id.Term + 1}, "term")
	refused(resumed, raft.Mark{Index: id.Index + 1, Term: id.Term}, "term")
	number, _, _ := resumed.Next()
	require.ErrorContains(t, resumed.Write(number, nil), "last chunk")
	require.NoError(t, r.m.Install(resumed, markOf(id)))
	require.Equal(t, image(t, src.engine), image(t, r.engine))
	require.ErrorContains(t, resumed.Write(number, nil), "installed")
	require.NoError(t, resumed.Abort())
	require.Equal(t, image(t, src.engine), image(t, r.engine))
}

// copied is a source, and a receiver that has installed its snapshot; do applies a
// command to both and compares.
func copied(t *testing.T) (r *rig, do func(c machine.Command) machine.Result) {
	src := source(t)
	r = target(t)
	s, id := stage(t, src, r.m)
	require.NoError(t, r.m.Install(s, markOf(id)))
	r.log = append([]raft.Entry(nil), src.log...)
	return r, func(c machine.Command) machine.Result {
		t.Helper()
		c.Time = max(c.Time, 90)
		one, two := src.do(c), r.do(c)
		require.Equal(t, one, two)
		require.Equal(t, src.m.Hash(), r.m.Hash())
		require.Equal(t, src.m.Sessions(), r.m.Sessions())
		return two
	}
}

// Goal: a session that came with a snapshot expires at the same log time as on its source
// (SESS-02). Method: let the log time pass the ends of both sessions, which were last active at 50
// and 90, on source and receiver alike, with and without a restart of the receiver.
func TestSessionsExpireAfterASnapshotAsBefore(t *testing.T) {
	for _, restart := range []bool{false, true} {
		r, both := copied(t)
		if restart {
			r.reopen(tinyLimits())
		}
		for _, step := range []struct {
			after int64
			left  int
		}{{50, 2}, {51, 1}, {90, 1}, {91, 0}} {
			c := put(0, 0, "d", "x")
			c.Time = step.after + int64(tinyLimits().SessionTTL)
			both(c)
			require.Equal(t, step.left, r.m.Sessions())
		}
		require.Equal(t, machine.StatusSessionUnknown, both(put(1, 4, "c", "4")).Status)
	}
}

// Goal: a session that came with a snapshot answers a repetition with the first result (SESS-01), also
// one with a key of its own. Method: repeat on source and receiver alike.
func TestSessionsTravelInSnapshots(t *testing.T) {
	r, both := copied(t)
	first := r.log[0].Index
	res := both(apply(first, 2, machine.Op{Kind: machine.OpGet, Key: []byte("big")}))
	require.True(t, res.Duplicate)
	require.Equal(t, bytes.Repeat([]byte("b"), 2000), res.Ops[0].Value)
	require.True(t, both(put(first, 3, "c", "other")).Duplicate)
	require.Equal(t, machine.StatusOK, both(put(first, 4, "c", "4")).Status)
}
