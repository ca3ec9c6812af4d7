package osio

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/netsim"
)

// OSIO-8: data that is set aside leaves a directory that may be empty, and that knows over all starts that the node
// has to rejoin, until it did. Method: one life of a directory on real files.
func TestSetAsideUntilRejoined(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	makeReady(t, path)
	opts := DirOptions{FS: RealFS(), Path: path, Identity: nodeOne}
	d, err := OpenDir(opts)
	require.NoError(t, err)
	_, rejoining := d.Rejoining()
	require.False(t, rejoining)
	require.True(t, d.MustHaveLog())
	require.NoError(t, d.SetAside("frame 7 is rotten"))
	require.FileExists(t, filepath.Join(path, "damaged-1", "wal", "file"))
	require.FileExists(t, filepath.Join(path, "damaged-1", "engine", "file"))
	require.Panics(t, func() { _ = d.Rejoined() }, "nothing is there that could have rejoined")
	require.NoError(t, d.CheckLog(true))
	require.NoError(t, d.Close())

	for round := range 3 {
		d, err = OpenDir(opts)
		require.NoError(t, err)
		reason, rejoining := d.Rejoining()
		require.True(t, rejoining)
		require.Equal(t, "frame 7 is rotten", reason)
		require.Empty(t, d.Founders(), "it does not begin the cluster a second time")
		require.False(t, d.MustHaveLog())
		require.NoError(t, d.CheckLog(round == 0))
		if round == 0 {
			populate(t, d)
		}
		require.NoError(t, d.MarkReady())
		require.ErrorIs(t, d.CheckLog(true), ErrDirDataMissing)
		if round < 2 {
			require.NoError(t, d.Close())
		}
	}
	require.NoError(t, d.Rejoined())
	_, rejoining = d.Rejoining()
	require.False(t, rejoining)
	require.NoError(t, d.Close())
	d, err = OpenDir(opts)
	require.NoError(t, err)
	_, rejoining = d.Rejoining()
	require.False(t, rejoining)
	require.True(t, d.MustHaveLog())
	require.Empty(t, d.Founders())
	require.NoError(t, d.Close())
}

// OSIO-8: wherever SetAside is cut off by a power loss, and the start after it by another one, the next start either finds
// everything as it was, or nothing in place, everything in one damaged directory, and the mark: never an empty directory
// that could be taken for a member's. Method: the simulated disk dies at the nth operation, for all n, and loses
// some of what was not synced.
func TestInterruptedSetAside(t *testing.T) {
	before, after := 0, 0
	for seed := range uint64(6) {
		for n, dead := 0, true; dead; n++ {
			disk := netsim.NewDisk(seed, netsim.DiskConfig{})
			opts := DirOptions{FS: disk, Path: "/data", Identity: nodeOne, Create: true}
			d, err := OpenDir(opts)
			require.NoError(t, err)
			populate(t, d)
			require.NoError(t, d.MarkReady())
			disk.CrashAfterOps(n)
			dead = d.SetAside("cut off") != nil
			disk.PowerLoss()
			opts.Create = false
			disk.CrashAfterOps(n % 11)
			_, _ = OpenDir(opts)
			disk.CrashAfterOps(-1)
			disk.PowerLoss()
			d, err = OpenDir(opts)
			require.NoError(t, err, "operation %d", n)
			if _, rejoining := d.Rejoining(); rejoining {
				after++
				requireSetAside(t, disk, d)
				continue
			}
			before++
			require.Equal(t, stateReady, d.state)
			require.True(t, dead)
		}
	}
	require.Greater(t, before, 6)
	require.Greater(t, after, 60)
}

// requireSetAside checks that nothing is in place and everything in one damaged directory. A crash may leave a second
// name of the same directory there.
func requireSetAside(t *testing.T, fs env.FS, d *Dir) {
	t.Helper()
	require.Equal(t, stateCreating, d.state)
	names, err := fs.List(d.path)
	require.NoError(t, err)
	require.Subset(t, []string{lockFile, identityFile, identityFile + tmpSuffix, datadir.MarkFile, datadir.MarkFile + tmpSuffix, "damaged-1"}, names)
	names, err = fs.List("/data/damaged-1")
	require.NoError(t, err)
	for _, sub := range []string{walDir, engineDir} {
		require.Contains(t, names, sub)
		data, err := datadir.ReadFile(fs, "/data/damaged-1/"+sub+"/file")
		require.NoError(t, err)
		require.Equal(t, "x", string(data))
	}
}

// OSIO-6, OSIO-8: Rejoin opens what is refused otherwise, an empty directory and one whose log or engine is gone, and marks it;
// a complete one it leaves alone. What was left of a broken one is set aside.
func TestRejoinAfterLoss(t *testing.T) {
	open := func(path string) *Dir {
		opts := DirOptions{FS: RealFS(), Path: path, Identity: nodeOne, Rejoin: true}
		d, err := OpenDir(opts)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, d.Close()) })
		return d
	}
	complete := filepath.Join(t.TempDir(), "data")
	makeReady(t, complete)
	_, rejoining := open(complete).Rejoining()
	require.False(t, rejoining)

	lost := open(filepath.Join(t.TempDir(), "data"))
	reason, rejoining := lost.Rejoining()
	require.True(t, rejoining)
	require.Contains(t, reason, "empty")
	require.NoError(t, lost.CheckLog(true))

	requireLost := func(path, why string) {
		d := open(path)
		reason, rejoining := d.Rejoining()
		require.True(t, rejoining)
		require.Contains(t, reason, why)
		require.NoDirExists(t, d.WALPath())
		require.NoDirExists(t, d.EnginePath())
		require.Empty(t, d.Founders())
		require.False(t, d.MustHaveLog())
		_, recovery, err := openLog(d)
		require.NoError(t, err)
		require.True(t, recovery.Fresh)
	}
	for _, sub := range []string{walDir, engineDir} {
		path := filepath.Join(t.TempDir(), "data")
		makeReady(t, path)
		require.NoError(t, RealFS().RemoveAll(filepath.Join(path, sub)))
		requireLost(path, sub+" is missing")
	}
	for _, lose := range losses {
		path := filepath.Join(t.TempDir(), "data")
		makeReady(t, path)
		lose(t, filepath.Join(path, walDir))
		requireLost(path, "wal ")
	}
}

// OSIO-6: a log that gets lost while the directory is open is not replaced by a new one. Method: lose it after OpenDir, open the
// log, twice; the directory stays as it was.
func TestLostLogIsNotReplaced(t *testing.T) {
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data")
			makeReady(t, path)
			d, err := OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: nodeOne})
			require.NoError(t, err)
			lose(t, d.WALPath())
			before := listing(t, path)
			for range 2 {
				_, _, err = openLog(d)
				require.ErrorIs(t, err, wal.ErrMissing)
				require.Equal(t, before, listing(t, path))
			}
			require.NoError(t, d.Close())
		})
	}
}

// OSIO-8: a node that lost its disk, and was first started as a new one by mistake, rejoins all the same, at every start,
// whatever the mistake left behind. Method: stop the creation before and after there is data; then Rejoin, then starts without it.
func TestRejoinAfterAnUnfinishedCreation(t *testing.T) {
	for _, data := range []bool{false, true} {
		opts := DirOptions{FS: RealFS(), Path: filepath.Join(t.TempDir(), "data"), Identity: nodeOne, Create: true}
		d, err := OpenDir(opts)
		require.NoError(t, err)
		if data {
			populate(t, d)
		}
		require.NoError(t, d.Close())
		opts.Create = false
		for _, rejoin := range []bool{true, true, false} {
			opts.Rejoin = rejoin
			d, err = OpenDir(opts)
			require.NoError(t, err)
			reason, rejoining := d.Rejoining()
			require.True(t, rejoining)
			require.Contains(t, reason, "not finished")
			require.Empty(t, d.Founders())
			require.NoDirExists(t, d.WALPath())
			require.NoDirExists(t, filepath.Join(opts.Path, "damaged-2"), "it is set aside once")
			require.NoError(t, d.Close())
		}
	}
}

// OSIO-8: a node whose mark got lost after its data did begins no cluster: it has no founders, at this start or a later one.
// Method: mark a directory in each way, also as programs did that kept the founders; delete the mark.
func TestLostMarkIsHarmless(t *testing.T) {
	reopen := func(path string, rejoin bool, then func(d *Dir)) {
		d, err := OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: nodeOne, Rejoin: rejoin})
		require.NoError(t, err)
		then(d)
		require.NoError(t, d.Close())
	}
	ways := map[string]func(path string){
		"set aside": func(path string) {
			makeReady(t, path)
			reopen(path, false, func(d *Dir) { require.NoError(t, d.SetAside("rotten")) })
		},
		"begun at the stop": func(path string) {
			makeReady(t, path)
			require.NoError(t, datadir.Begin(RealFS(), path, "rotten"))
			reopen(path, false, func(*Dir) {})
		},
		"lost disk": func(path string) { reopen(path, true, func(*Dir) {}) },
		"kept by an earlier program": func(path string) {
			require.NoError(t, os.Mkdir(path, 0o700))
			require.NoError(t, datadir.MarkEmpty(RealFS(), path, "rotten"))
			require.NoError(t, writeIdentity(RealFS(), path, Identity{Cluster: nodeOne.Cluster, Node: 1, Founders: members(1, 2, 3)}, stateCreating))
			reopen(path, false, func(*Dir) {})
		},
	}
	for name, mark := range ways {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data")
			mark(path)
			require.NoError(t, os.Remove(filepath.Join(path, datadir.MarkFile)))
			for range 2 {
				reopen(path, false, func(d *Dir) {
					_, rejoining := d.Rejoining()
					require.False(t, rejoining)
					require.Empty(t, d.Founders())
					populate(t, d)
					require.NoError(t, d.MarkReady())
				})
			}
		})
	}
}

// The address book of a directory survives it being opened again.
func TestDirKeepsPeers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	makeReady(t, path)
	want := map[env.NodeID]string{1: "a:1", 2: "b:2"}
	for round := range 2 {
		d, err := OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: nodeOne})
		require.NoError(t, err)
		got, err := d.Peers()
		require.NoError(t, err)
		if round == 0 {
			require.Nil(t, got)
			require.NoError(t, d.WritePeers(want))
		} else {
			require.Equal(t, want, got)
		}
		require.NoError(t, d.Close())
	}
}
