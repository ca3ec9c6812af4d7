package netsim

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Goal: rot reaches every durable byte in use of the files in a directory, and no other: not
// what is unsynced, not the zeros at the end, not a file without a durable name or elsewhere.
// Method: all draws on a copy each.
func TestRotReachesEveryByteInUse(t *testing.T) {
	d := NewDisk(1, DiskConfig{})
	for _, dir := range []string{"x", "aside/x", "x2"} {
		require.NoError(t, d.MkdirAll(dir, 0o755))
		put(t, d, dir+"/f", "ab\x00c\x00\x00", true)
		syncDir(t, d, dir)
	}
	syncDir(t, d, "/")
	syncDir(t, d, "aside")
	f, err := d.OpenReadWrite("x/f", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("unsynced"), 6)
	require.NoError(t, err)
	put(t, d, "x/nameless", "x", true)
	hit := make(map[int64]int)
	for draw := range uint64(64) {
		c := d.Clone()
		name, off, bit, ok := c.Rot("x", draw, false)
		require.True(t, ok)
		require.Equal(t, "/x/f", name)
		hit[off]++
		before, _ := d.DurableBytes("x/f")
		after, _ := c.DurableBytes("x/f")
		require.Equal(t, before[off]^1<<bit, after[off])
		require.EqualValues(t, 1, c.Stats().BitFlips)
	}
	require.Equal(t, map[int64]int{0: 16, 1: 16, 2: 16, 3: 16}, hit)
	_, _, _, ok := d.Rot("nothing", 1, false)
	require.False(t, ok)
}

// Goal: rot of old bytes spares what the newest sync of all files wrote, also after that was
// written in the middle of a file. Method: all draws, before and after a newer sync
// elsewhere.
func TestRotOfOldBytesSparesTheNewestSync(t *testing.T) {
	d := NewDisk(1, DiskConfig{})
	put(t, d, "a", "1234", true)
	syncDir(t, d, "/")
	offsets := func() map[string]bool {
		seen := make(map[string]bool)
		for draw := range uint64(200) {
			if name, off, _, ok := d.Clone().Rot("", draw, true); ok {
				seen[name+string(rune('0'+off))] = true
			}
		}
		return seen
	}
	require.Empty(t, offsets())
	f, err := d.OpenReadWrite("a", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	for _, off := range []int64{3, 2} {
		_, err = f.WriteAt([]byte("x"), off)
		require.NoError(t, err)
	}
	require.NoError(t, f.Sync())
	require.Equal(t, map[string]bool{"/a0": true, "/a1": true}, offsets())
	put(t, d, "b", "56", true)
	syncDir(t, d, "/")
	require.Equal(t, map[string]bool{"/a0": true, "/a1": true, "/a2": true, "/a3": true}, offsets())
}

// Goal: a misdirected write can land in another file, or nowhere when there is none, and
// only after those it is to let pass. Method: each.
func TestMisdirectedWritesLandInOtherFiles(t *testing.T) {
	d, f := synced(t, "......")
	put(t, d, "g", "------", true)
	m := d.Misdirect(Misdirection{Match: "f", Skip: 1, To: "g", Delta: 2})
	for _, off := range []int64{0, 1, 2} {
		_, err := f.WriteAt([]byte("x"), off)
		require.NoError(t, err)
	}
	require.Equal(t, "x.x...", get(t, d, "f"))
	require.Equal(t, "---x--", get(t, d, "g"))
	require.Equal(t, 1, m.Hits)
	d.Misdirect(Misdirection{To: "missing"})
	n, err := f.WriteAt([]byte("y"), 5)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, "x.x...", get(t, d, "f"))
	spared := d.Misdirect(Misdirection{Match: "f", Delta: 1})
	d.Redirect(spared)
	_, err = f.WriteAt([]byte("z"), 5)
	require.NoError(t, err)
	require.Equal(t, "x.x..z", get(t, d, "f"))
	require.Zero(t, spared.Hits)
	require.EqualValues(t, 2, d.Stats().Misdirected)
	require.Panics(t, func() { d.Misdirect(Misdirection{}) })
}

// Goal: a late misdirected write is seen in its place until a later write is durable, and then
// its place is as it was and the later write whole. Method: land before, behind and on the
// later write.
func TestLateMisdirectedWrites(t *testing.T) {
	for delta, want := range map[int64]string{-4: "abcd....ef", 1: ".....abcef", 8: "......" + "..ef" + "\x00\x00abcd"} {
		d, f := synced(t, "......")
		m := d.Misdirect(Misdirection{Match: "f", Delta: delta, Late: true})
		write := func(s string, off int64) {
			_, err := f.WriteAt([]byte(s), off)
			require.NoError(t, err)
		}
		write("abcd", 4)
		write("....", 4)
		write("abcd", 4)
		require.NoError(t, f.Sync())
		require.Zero(t, m.Hits, "a write that shares its sync is not a later one")
		d.Redirect(m)
		write("....", 4)
		require.NoError(t, f.Sync())
		m = d.Misdirect(Misdirection{Match: "f", Delta: delta, Late: true})
		write("abcd", 4)
		require.NoError(t, f.Sync())
		write("ef", 8)
		require.Equal(t, "....abcdef", get(t, d, "f"))
		require.Zero(t, m.Hits)
		require.NoError(t, f.Sync())
		require.Equal(t, 1, m.Hits)
		require.Equal(t, want, get(t, d, "f"), "delta %d", delta)
		b, _ := d.DurableBytes("f")
		require.Equal(t, want, string(b))
		d.PowerLoss()
		require.Equal(t, want, get(t, d, "f"))
	}
}

// Goal: a crash before a later write is durable leaves the write in its place, and the
// fault to strike another one. Method: crash, then two writes.
func TestLateMisdirectionWaitsForASuccessor(t *testing.T) {
	d, f := synced(t, "......")
	m := d.Misdirect(Misdirection{Match: "f", Delta: 3, Late: true})
	_, err := f.WriteAt([]byte("a"), 0)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	d.PowerLoss()
	require.Equal(t, "a.....", get(t, d, "f"))
	f, err = d.OpenReadWrite("f", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	for _, off := range []int64{1, 2} {
		_, err = f.WriteAt([]byte("b"), off)
		require.NoError(t, err)
		require.NoError(t, f.Sync())
	}
	require.Equal(t, "a.b.b.", get(t, d, "f"))
	require.Equal(t, 1, m.Hits)
}

// Goal: reads fail once or always, in a range of a file or all of it, and writes likewise.
// Method: each, inside and outside the range.
func TestFaultsInARange(t *testing.T) {
	d, f := synced(t, strings.Repeat(".", 100))
	read := func(off int64, n int) error {
		_, err := f.ReadAt(make([]byte, n), off)
		return err
	}
	always := d.Inject(Fault{Ops: OpRead, Match: "f", From: 10, To: 20})
	for range 2 {
		require.NoError(t, read(0, 10))
		require.NoError(t, read(20, 10))
		require.ErrorIs(t, read(0, 11), syscall.EIO)
		require.ErrorIs(t, read(19, 1), syscall.EIO)
	}
	require.Equal(t, 4, always.Hits)
	d.Eject(always)
	once := d.FailNextRead("f")
	require.ErrorIs(t, read(0, 1), syscall.EIO)
	require.NoError(t, read(0, 1))
	require.Equal(t, 1, once.Hits)
	d.Eject(once)
	d.Inject(Fault{Ops: OpWrite | OpSync, Match: "f", From: 50})
	_, err := f.WriteAt([]byte("x"), 49)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("xx"), 49)
	require.ErrorIs(t, err, syscall.EIO)
	require.ErrorIs(t, f.Sync(), syscall.EIO, "a sync has no range")
}

// Goal: a full disk fails writes of old files too once they grow, not those in place, and works
// again when there is room. Method: fill, write, make room, write.
func TestAFullDiskRecovers(t *testing.T) {
	d, f := synced(t, "abcd")
	d.SetCapacity(d.Used())
	_, err := f.WriteAt([]byte("x"), 0)
	require.NoError(t, err)
	n, err := f.WriteAt([]byte("yz"), 3)
	require.Equal(t, 1, n)
	require.True(t, vfs.IsNoSpaceError(err))
	require.True(t, errors.Is(err, syscall.ENOSPC))
	require.NoError(t, f.Sync())
	d.SetCapacity(d.Used() + 1)
	_, err = f.WriteAt([]byte("z"), 4)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	d.PowerLoss()
	require.Equal(t, "xbcyz", get(t, d, "f"))
	require.EqualValues(t, 1, d.Stats().NoSpace)
}

// Goal: a wiped machine starts from nothing, whatever was synced, armed and broken before.
// Method: wipe the disk of a process between two starts.
func TestAWipedMachineStartsEmpty(t *testing.T) {
	w, a, _ := pair(t, Config{})
	p := w.Process(1)
	put(t, a.disk, "f", "synced", true)
	syncDir(t, a.disk, "/")
	_, err := a.disk.Lock("LOCK")
	require.NoError(t, err)
	p.Crash(PowerLoss)
	p.Disk().FailReads("")
	p.Disk().Misdirect(Misdirection{Delta: 1})
	p.Disk().Wipe()
	p.SetBoot(func(h env.Host, d *Disk) (env.Program, error) {
		require.Empty(t, d.Files())
		require.Equal(t, "<none>", get(t, d, "f"))
		put(t, d, "g", "new", true)
		require.Equal(t, "new", get(t, d, "g"))
		_, err := d.Lock("LOCK")
		return a, err
	})
	require.NoError(t, p.Start())
	require.EqualValues(t, 1, w.Stats().Wipes)
	require.Zero(t, w.Stats().ReadErrors+w.Stats().Misdirected)
}

// Goal: no lane of the default world is without latency. Method: look at all.
func TestEveryLaneHasALatency(t *testing.T) {
	cfg := DefaultConfig()
	for lane := range env.NumLanes {
		require.Positive(t, cfg.Lanes[lane].Run.Jitter, "%v", lane)
		require.Positive(t, cfg.Lanes[lane].Done.Jitter, "%v", lane)
	}
}
