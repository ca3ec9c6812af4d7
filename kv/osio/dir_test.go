package osio

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

var nodeOne = Identity{Cluster: 0xfeedfacecafebeef, ClusterName: "test", Node: 1}

// populate stands in for the log and the engine.
func populate(t *testing.T, d *Dir) {
	t.Helper()
	for _, sub := range []string{d.WALPath(), d.EnginePath()} {
		require.NoError(t, d.fs.MkdirAll(sub, 0o700))
		require.NoError(t, writeSynced(d.fs, d.fs.PathJoin(sub, "file"), []byte("x")))
		require.NoError(t, syncDir(d.fs, sub))
	}
	require.NoError(t, syncDir(d.fs, d.path))
}

// makeReady creates a complete data directory and closes it.
func makeReady(t *testing.T, path string) {
	t.Helper()
	d, err := OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: nodeOne, Create: true})
	require.NoError(t, err)
	populate(t, d)
	require.NoError(t, d.MarkReady())
	require.NoError(t, d.Close())
}

// OSIO-5, OSIO-6: each directory that must not be used is refused with its own reason and a next
// step, and is left as it was.
func TestDirRefusals(t *testing.T) {
	write := func(name, content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			require.NoError(t, os.MkdirAll(path, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte(content), 0o600))
		}
	}
	remove := func(sub string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			makeReady(t, path)
			require.NoError(t, os.RemoveAll(filepath.Join(path, sub)))
		}
	}
	node2, cluster2 := nodeOne, nodeOne
	node2.Node = 2
	cluster2.Cluster++
	cases := []struct {
		name    string
		prepare func(*testing.T, string)
		id      Identity
		create  bool
		want    error
	}{
		{"missing directory of a known member", func(*testing.T, string) {}, nodeOne, false, ErrDirEmpty},
		{"empty directory of a known member", func(t *testing.T, p string) { require.NoError(t, os.Mkdir(p, 0o700)) }, nodeOne, false, ErrDirEmpty},
		{"somebody else's files", write("thesis.tex", "x"), nodeOne, true, ErrDirForeign},
		{"another node", makeReady, node2, true, ErrDirOtherNode},
		{"another cluster", makeReady, cluster2, true, ErrDirOtherCluster},
		{"newer format", write(identityFile, `{"format":2,"shape":"unheard of"}`), nodeOne, true, ErrDirNewerFormat},
		{"damaged identity", write(identityFile, `{"format":1,"clus`), nodeOne, true, ErrDirBadIdentity},
		{"identity without node", write(identityFile, `{"format":1,"cluster":"feedfacecafebeef","state":"ready"}`), nodeOne, true, ErrDirBadIdentity},
		{"log lost", remove(walDir), nodeOne, true, ErrDirDataMissing},
		{"engine lost", remove(engineDir), nodeOne, true, ErrDirDataMissing},
		{"log emptied", remove(walDir + "/file"), nodeOne, true, ErrDirDataMissing},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data")
			c.prepare(t, path)
			before := listing(t, path)
			_, err := OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: c.id, Create: c.create})
			require.ErrorIs(t, err, c.want)
			de, ok := errors.AsType[*DirError](err)
			require.True(t, ok)
			require.NotEmpty(t, de.Next)
			require.Contains(t, err.Error(), path)
			require.Equal(t, before, listing(t, path))
			// Refused again: looking must not have changed anything, nor left the lock.
			_, err = OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: c.id, Create: c.create})
			require.ErrorIs(t, err, c.want)
		})
	}
}

// listing is the tree below path, without LOCK.
func listing(t *testing.T, path string) []string {
	var names []string
	require.NoError(t, filepath.WalkDir(path, func(p string, _ os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) && p == path {
			return nil
		}
		if filepath.Base(p) != lockFile {
			names = append(names, p)
		}
		return err
	}))
	return names
}

// OSIO-5: one process at a time, also by another name of the directory; free again after Close.
func TestDirIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	makeReady(t, path)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(path, link))
	d, err := OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: nodeOne})
	require.NoError(t, err)
	for _, p := range []string{path, link, path + "/../data"} {
		_, err = OpenDir(DirOptions{FS: RealFS(), Path: p, Identity: nodeOne})
		require.ErrorIs(t, err, ErrDirLocked)
	}
	require.NoError(t, d.Close())
	d, err = OpenDir(DirOptions{FS: RealFS(), Path: link, Identity: nodeOne})
	require.NoError(t, err)
	require.NoError(t, d.Close())
}

// A directory whose creation was interrupted before MarkReady promised nothing and may be taken up again.
func TestInterruptedCreationContinues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "data")
	opts := DirOptions{FS: RealFS(), Path: path, Identity: nodeOne, Create: true}
	d, err := OpenDir(opts)
	require.NoError(t, err)
	require.NoError(t, d.Close())
	opts.Create = false
	d, err = OpenDir(opts)
	require.NoError(t, err)
	require.Panics(t, func() { _ = d.MarkReady() }, "ready without a log")
	populate(t, d)
	require.NoError(t, d.CheckLog(true), "the first log is empty")
	require.NoError(t, d.MarkReady())
	require.NoError(t, d.MarkReady())
	require.NoError(t, d.CheckLog(false))
	require.ErrorIs(t, d.CheckLog(true), ErrDirDataMissing)
	require.NoError(t, d.Close())
}

// OSIO-7: a crash that loses all unsynced data keeps a directory that was opened, its parents and
// its state. Method: Pebble's crashable memory file system, crashed after each step.
func TestIdentitySurvivesCrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	opts := DirOptions{FS: fs, Path: "/a/b/data", Identity: nodeOne, Create: true}
	d, err := OpenDir(opts)
	require.NoError(t, err)
	opts.Create = false

	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	opened := opts
	opened.FS = crashed
	d2, err := OpenDir(opened)
	require.NoError(t, err, "an opened directory must be known after a crash")
	require.Equal(t, stateCreating, d2.state)

	populate(t, d)
	require.NoError(t, d.MarkReady())
	opened.FS = fs.CrashClone(vfs.CrashCloneCfg{})
	d2, err = OpenDir(opened)
	require.NoError(t, err)
	require.Equal(t, stateReady, d2.state)

	// The same crash, and then the log is gone.
	lost := fs.CrashClone(vfs.CrashCloneCfg{})
	require.NoError(t, lost.RemoveAll("/a/b/data/wal"))
	opened.FS = lost
	_, err = OpenDir(opened)
	require.ErrorIs(t, err, ErrDirDataMissing)
}

// An error of the file system is passed on with the path and what to check.
func TestDirFileSystemError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := OpenDir(DirOptions{FS: RealFS(), Path: filepath.Join(file, "data"), Identity: nodeOne, Create: true})
	de, ok := errors.AsType[*DirError](err)
	require.True(t, ok, "%v", err)
	require.NotEmpty(t, de.Next)
}
