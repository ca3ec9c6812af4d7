package osio

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/wal"
)

var nodeOne = Identity{Cluster: 0xfeedfacecafebeef, ClusterName: "test", Node: 1, Founders: members(3, 1, 2)}

func members(ids ...env.NodeID) []env.NodeID { return ids }

// populate makes a log, and in both directories a file, which stands in for the engine.
func populate(t *testing.T, d *Dir) {
	t.Helper()
	l, _, err := openLog(d)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for _, sub := range []string{d.WALPath(), d.EnginePath()} {
		require.NoError(t, d.fs.MkdirAll(sub, 0o700))
		require.NoError(t, datadir.Replace(d.fs, sub, "file", []byte("x")))
	}
	require.NoError(t, datadir.SyncDir(d.fs, d.path))
}

// openLog opens the log as a start does.
func openLog(d *Dir) (*wal.Log, *wal.Recovery, error) {
	return wal.Open(wal.Options{
		FS: d.fs, Dir: d.WALPath(), SegmentBytes: 1 << 10, Cluster: 1, Node: d.id.Node, Store: 5, MustExist: d.MustHaveLog(),
	})
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

const firstSegment = "wal-0000000000000001.log"

// losses are ways to lose a log and keep its directory.
var losses = map[string]func(t *testing.T, walPath string){
	"log emptied": func(t *testing.T, p string) {
		require.NoError(t, os.RemoveAll(p))
		require.NoError(t, os.Mkdir(p, 0o700))
	},
	"segments deleted": func(t *testing.T, p string) { require.NoError(t, os.Remove(filepath.Join(p, firstSegment))) },
	"segment cut to nothing": func(t *testing.T, p string) {
		require.NoError(t, os.Truncate(filepath.Join(p, firstSegment), 0))
	},
	"segment zeroed": func(t *testing.T, p string) {
		require.NoError(t, os.WriteFile(filepath.Join(p, firstSegment), make([]byte, 1<<10), 0o600))
	},
	"only lost+found": func(t *testing.T, p string) {
		require.NoError(t, os.RemoveAll(p))
		require.NoError(t, os.MkdirAll(filepath.Join(p, "lost+found"), 0o700))
	},
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
	type refusal struct {
		name    string
		prepare func(*testing.T, string)
		id      Identity
		create  bool
		want    error
	}
	cases := []refusal{
		{"missing directory of a known member", func(*testing.T, string) {}, nodeOne, false, ErrDirEmpty},
		{"empty directory of a known member", func(t *testing.T, p string) { require.NoError(t, os.Mkdir(p, 0o700)) }, nodeOne, false, ErrDirEmpty},
		{"somebody else's files", write("thesis.tex", "x"), nodeOne, true, ErrDirForeign},
		{"another node", makeReady, node2, true, ErrDirOtherNode},
		{"another cluster", makeReady, cluster2, true, ErrDirOtherCluster},
		{"identity of a node that is no member", write(identityFile,
			`{"format":1,"cluster":"feedfacecafebeef","node":1,"members":[2,3],"state":"ready"}`), nodeOne, true, ErrDirBadIdentity},
		{"newer format", write(identityFile, `{"format":4,"shape":"unheard of"}`), nodeOne, true, ErrDirNewerFormat},
		{"damaged identity", write(identityFile, `{"format":1,"clus`), nodeOne, true, ErrDirBadIdentity},
		{"identity without node", write(identityFile, `{"format":1,"cluster":"feedfacecafebeef","state":"ready"}`), nodeOne, true, ErrDirBadIdentity},
		{"log lost", remove(walDir), nodeOne, true, ErrDirDataMissing},
		{"engine lost", remove(engineDir), nodeOne, true, ErrDirDataMissing},
	}
	for name, lose := range losses {
		cases = append(cases, refusal{name, func(t *testing.T, path string) {
			makeReady(t, path)
			lose(t, filepath.Join(path, walDir))
		}, nodeOne, true, ErrDirDataMissing})
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

// listing is the tree below path with the content of its files, without LOCK.
func listing(t *testing.T, path string) map[string]string {
	names := make(map[string]string)
	require.NoError(t, filepath.WalkDir(path, func(p string, entry os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) && p == path {
			return nil
		}
		if err != nil || filepath.Base(p) == lockFile {
			return err
		}
		var data []byte
		if !entry.IsDir() {
			data, err = os.ReadFile(p)
		}
		names[p] = string(data)
		return err
	}))
	return names
}

// OSIO-5: whatever members the directory is opened with, the founders are those it was created with, and the lists
// that the caller has are left as they are. A node that joined has none.
func TestFoundersAreThoseOfTheCreation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	makeReady(t, path)
	for _, given := range [][]env.NodeID{members(5, 1, 2, 3, 4), members(2, 1), nil} {
		id := nodeOne
		id.Founders = slices.Clone(given)
		d, err := OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: id})
		require.NoError(t, err)
		require.Equal(t, members(1, 2, 3), d.Founders())
		require.Equal(t, given, id.Founders)
		require.NoError(t, d.Close())
	}
	id := nodeOne
	id.Node = 7
	require.Panics(t, func() { _, _ = OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: id}) }, "not a founder itself")

	joined := DirOptions{FS: RealFS(), Path: filepath.Join(t.TempDir(), "data"), Identity: nodeOne, Create: true}
	joined.Identity.Founders = nil
	d, err := OpenDir(joined)
	require.NoError(t, err)
	populate(t, d)
	require.NoError(t, d.MarkReady())
	require.NoError(t, d.Close())
	d, err = OpenDir(DirOptions{FS: RealFS(), Path: joined.Path, Identity: nodeOne})
	require.NoError(t, err)
	require.Empty(t, d.Founders())
	require.NoError(t, d.Close())
}

// OSIO-5: an IDENTITY of format 1 is accepted and brought up to date once the node's data is open and not before. Its members
// are the founders; where it is from before they were recorded, those that it is opened with the first time are.
// Method: the texts the earlier programs wrote, in both states.
func TestOldIdentityIsBroughtUpToDate(t *testing.T) {
	for name, list := range map[string]string{"with members": "  \"members\": [1, 2, 4],\n", "without": ""} {
		for _, state := range []dirState{stateCreating, stateReady} {
			t.Run(name+" "+string(state), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "data")
				makeReady(t, path)
				file := filepath.Join(path, identityFile)
				old := fmt.Sprintf("{\n  \"format\": 1,\n  \"cluster\": \"feedfacecafebeef\",\n  \"cluster_name\": \"test\",\n"+
					"  \"node\": 1,\n%s  \"state\": %q\n}\n", list, state)
				require.NoError(t, os.WriteFile(file, []byte(old), 0o600))
				founders := members(1, 2, 3)
				if list != "" {
					founders = members(1, 2, 4)
				}

				d, err := OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: nodeOne})
				require.NoError(t, err)
				got, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, old, string(got))
				require.Equal(t, founders, d.Founders())
				require.NoError(t, d.MarkReady())
				require.NoError(t, d.Close())

				found, err := readIdentity(RealFS(), path)
				require.NoError(t, err)
				require.Equal(t, identityFound{
					Identity: Identity{Cluster: nodeOne.Cluster, ClusterName: "test", Node: 1, Founders: founders}, state: stateReady, format: nodeOne.format(),
				}, found)
			})
		}
	}
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
