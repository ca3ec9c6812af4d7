package netsim

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

// synced returns a disk of which nothing unsynced survives, with one durable file
// that is open.
func synced(t *testing.T, content string) (*Disk, env.File) {
	d := NewDisk(1, DiskConfig{Keep: []float64{0}})
	put(t, d, "f", content, true)
	syncDir(t, d, "/")
	f, err := d.OpenReadWrite("f", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	return d, f
}

// Goal: a failing write writes nothing, or half when told to, and only as often as
// told. Method: fail the second of three; then a partial one.
func TestFailingWrites(t *testing.T) {
	d, f := synced(t, "")
	fault := d.Inject(Fault{Ops: OpWrite, Match: "f", Skip: 1, Count: 1})
	for i, want := range []error{nil, syscall.EIO, nil} {
		n, err := f.Write([]byte("ab"))
		require.ErrorIs(t, err, want, i)
		require.Equal(t, want != nil, Injected(err))
		require.Equal(t, want == nil, n == 2)
	}
	require.Equal(t, "abab", get(t, d, "f"))
	require.Equal(t, 1, fault.Hits)
	d.Inject(Fault{Ops: OpWrite, Count: 1, Partial: true, Err: syscall.ENOSPC})
	n, err := f.Write([]byte("cdef"))
	require.Equal(t, 2, n)
	require.True(t, vfs.IsNoSpaceError(err))
	require.Equal(t, "ababcd", get(t, d, "f"))
	require.EqualValues(t, 2, d.Stats().WriteErrors)
}

// Goal: a failed sync drops what it should have written: still visible, not written by
// later syncs, gone after a power loss (SIM-10). Method: the fsyncgate sequence.
func TestAFailedSyncDropsDirtyData(t *testing.T) {
	for _, keepDirty := range []bool{false, true} {
		d, f := synced(t, "old")
		_, err := f.Write([]byte("new"))
		require.NoError(t, err)
		d.FailNextSync("f").KeepDirty = keepDirty
		require.ErrorIs(t, f.Sync(), syscall.EIO)
		require.NoError(t, f.Sync())
		require.Equal(t, "new", get(t, d, "f"))
		d.PowerLoss()
		s := d.Stats()
		require.EqualValues(t, 1, s.SyncErrors)
		if keepDirty {
			require.Equal(t, "new", get(t, d, "f"))
			require.Zero(t, s.DroppedDirtyBytes)
		} else {
			require.Equal(t, "old", get(t, d, "f"))
			require.EqualValues(t, 3, s.DroppedDirtyBytes)
		}
	}
}

// Goal: faults hit the operations they name, and can be taken away. Method: each kind.
func TestFaultsHitWhatTheyName(t *testing.T) {
	d, f := synced(t, "x")
	custom := errors.New("custom")
	for op, fn := range map[Op]func() error{
		OpCreate:      func() error { _, err := d.Create("n", vfs.WriteCategoryUnspecified); return err },
		OpWrite:       func() error { _, err := f.Write([]byte("y")); return err },
		OpSync:        f.Sync,
		OpRename:      func() error { return d.Rename("nothing", "more") },
		OpRemove:      func() error { return d.Remove("nothing") },
		OpLink:        func() error { return d.Link("nothing", "more") },
		OpMkdir:       func() error { return d.MkdirAll("d/e", 0) },
		OpPreallocate: func() error { return f.Preallocate(0, 1) },
		OpRead:        func() error { _, err := f.ReadAt(make([]byte, 1), 0); return err },
		OpOpen:        func() error { _, err := d.Open("f"); return err },
		OpList:        func() error { _, err := d.List("/"); return err },
		OpStat:        func() error { _, err := d.Stat("f"); return err },
		OpSyncDir: func() error {
			g, err := d.OpenDir("/")
			require.NoError(t, err)
			return g.Sync()
		},
	} {
		ft := d.Inject(Fault{Ops: op, Err: custom})
		other := d.Inject(Fault{Ops: ^op &^ OpOpen, Match: "no such path"})
		require.ErrorIs(t, fn(), custom, "op %b", op)
		require.Equal(t, 1, ft.Hits)
		d.Eject(ft)
		require.NotErrorIs(t, fn(), custom)
		d.Eject(nil)
		require.Zero(t, other.Hits)
	}
	s := d.Stats()
	require.EqualValues(t, 1, s.ReadErrors)
	require.EqualValues(t, 9, s.MetaErrors)
	d.FailReads("f")
	_, err := f.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.EIO)
	d.FailNextWrite("other")
	_, err = f.Write([]byte("z"))
	require.NoError(t, err)
}

// Goal: a lying disk claims success and does nothing. Method: lie about a sync, then
// about a write.
func TestLies(t *testing.T) {
	d, f := synced(t, "old")
	_, err := f.Write([]byte("new"))
	require.NoError(t, err)
	lie := d.Inject(Fault{Ops: OpSync, Lie: true})
	require.NoError(t, f.Sync())
	d.Eject(lie)
	d.Inject(Fault{Ops: OpWrite, Lie: true, Count: 1})
	n, err := f.Write([]byte("!!"))
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, "new", get(t, d, "f"))
	d.PowerLoss()
	require.Equal(t, "old", get(t, d, "f"))
	require.EqualValues(t, 2, d.Stats().SilentLies)
}

// Goal: a misdirected write lands elsewhere, once, and its place stays as it was.
// Method: misdirect one of two writes.
func TestMisdirectedWrites(t *testing.T) {
	d, f := synced(t, strings.Repeat(".", 8))
	d.MisdirectNextWrite("f", 4)
	_, err := f.WriteAt([]byte("ab"), 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("c"), 2)
	require.NoError(t, err)
	require.Equal(t, "..c.ab..", get(t, d, "f"))
	require.NoError(t, f.Sync())
	d.PowerLoss()
	require.Equal(t, "..c.ab..", get(t, d, "f"))
	require.EqualValues(t, 1, d.Stats().Misdirected)
}

// Goal: bit flips and truncations at rest are durable and counted, and cannot miss
// the file. Method: each, and out of bounds.
func TestDamageAtRest(t *testing.T) {
	d, f := synced(t, "abcd")
	require.NoError(t, d.FlipBit("f", 1, 0))
	require.Equal(t, "accd", get(t, d, "f"))
	b, _ := d.DurableBytes("f")
	require.Equal(t, "accd", string(b))
	require.Error(t, d.FlipBit("f", 4, 0))
	require.Error(t, d.FlipBit("f", 0, 8))
	require.Error(t, d.FlipBit("g", 0, 0))
	require.NoError(t, d.Truncate("f", 2))
	require.Error(t, d.Truncate("f", 3))
	d.PowerLoss()
	require.Equal(t, "ac", get(t, d, "f"))
	_, err := f.Write(nil)
	require.ErrorIs(t, err, ErrCrashed)
	s := d.Stats()
	require.EqualValues(t, 1, s.BitFlips)
	require.EqualValues(t, 1, s.Truncations)
}

// Goal: random flips reach every bit of the files that match and no other. Method: all
// draws; flip back.
func TestRandomFlipsReachEveryBit(t *testing.T) {
	d, _ := synced(t, "ab")
	put(t, d, "g", "c", true)
	put(t, d, "spared", "d", true)
	seen := make(map[string]bool)
	require.NoError(t, d.Rename("f", "x-f"))
	require.NoError(t, d.Rename("g", "x-g"))
	for draw := range uint64(1000) {
		name, off, bit, ok := d.FlipRandomBit("x-", draw)
		require.True(t, ok)
		seen[fmt.Sprint(name, off, bit)] = true
	}
	require.Len(t, seen, 16+8)
	_, _, _, ok := d.FlipRandomBit("nothing", 1)
	require.False(t, ok)
	require.Equal(t, "d", get(t, d, "spared"))
}

// Goal: audits tell visible from durable, per file. Method: synced, unsynced, renamed.
func TestAudits(t *testing.T) {
	d, f := synced(t, "old")
	_, err := f.Write([]byte("newer"))
	require.NoError(t, err)
	put(t, d, "g", "nameless", true)
	require.Equal(t, []FileState{
		{Path: "/f", Size: 5, DurableSize: 3, DurableName: true, UnsyncedSize: 5},
		{Path: "/g", Size: 8, DurableSize: 8},
	}, d.Files())
	certain, ok := d.DurableBytes("f")
	require.True(t, ok)
	require.Equal(t, "old", string(certain))
	seen, ok := d.VisibleBytes("f")
	require.True(t, ok)
	require.Equal(t, "newer", string(seen))
	_, ok = d.DurableBytes("g")
	require.False(t, ok)
	_, ok = d.VisibleBytes("h")
	require.False(t, ok)
}

// Goal: the durable view shows exactly what certainly survives and refuses changes.
// Method: read all, try to change.
func TestTheDurableViewIsReadOnly(t *testing.T) {
	d, f := synced(t, "old")
	_, err := f.Write([]byte("new"))
	require.NoError(t, err)
	put(t, d, "g", "x", true)
	v := d.DurableView()
	names, err := v.List("/")
	require.NoError(t, err)
	require.Equal(t, []string{"f"}, names)
	require.Equal(t, "old", get(t, v, "f"))
	_, err = v.Create("h", vfs.WriteCategoryUnspecified)
	require.ErrorIs(t, err, syscall.EROFS)
	_, err = v.OpenReadWrite("f", vfs.WriteCategoryUnspecified)
	require.ErrorIs(t, err, syscall.EROFS)
	require.ErrorIs(t, v.Remove("f"), syscall.EROFS)
	require.Equal(t, "new", get(t, d, "f"))
}

// Goal: a clone is a copy with all unsynced state; its power losses follow its seed
// and leave the original alone. Method: lose power on clones with several seeds.
func TestClonesShowPossibleFutures(t *testing.T) {
	d := NewDisk(1, DiskConfig{Keep: []float64{0.5}})
	put(t, d, "d", "x", false)
	require.NoError(t, d.Rename("d", "e"))
	want := d.Files()
	futures := make(map[string]bool)
	for seed := range uint64(400) {
		c := d.Clone()
		require.Equal(t, want, c.Files())
		c.Reseed(seed)
		c.PowerLoss()
		futures[get(t, c, "d")+"/"+get(t, c, "e")] = true
		put(t, c, "new", "y", true)
	}
	require.Equal(t, want, d.Files())
	require.Len(t, futures, 1+2*3, "no name, or one of two, with nothing, a hole or the byte: %v", futures)
	same := d.Clone()
	same.PowerLoss()
	d.PowerLoss()
	require.Equal(t, d.Files(), same.Files())
}

// Goal: the disk is a vfs.FS for code that only knows that. Method: Pebble's own way
// of copying files, which syncs, then a power loss.
func TestTheDiskServesPebblesFileCode(t *testing.T) {
	d, _ := synced(t, "content")
	require.NoError(t, vfs.Copy(d, "f", "copy"))
	syncDir(t, d, "/")
	d.PowerLoss()
	require.Equal(t, "content", get(t, d, "copy"))
	f, err := d.Open("copy", vfs.SequentialReadsOption)
	require.NoError(t, err)
	b := make([]byte, 3)
	_, err = io.ReadFull(f, b)
	require.NoError(t, err)
	require.Equal(t, "con", string(b))
	require.Equal(t, vfs.InvalidFd, f.Fd())
	require.Nil(t, d.Unwrap())
}
