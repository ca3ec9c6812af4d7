package osio

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

var nodeOne = Identity{Cluster: 0xfeedfacecafebeef, ClusterName: "test", Node: 1, Members: members(3, 1, 2)}

func members(ids ...env.NodeID) []env.NodeID { return ids }

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
	node2, cluster2, more, fewer, replaced := nodeOne, nodeOne, nodeOne, nodeOne, nodeOne
	more.Members, fewer.Members, replaced.Members = members(1, 2, 3, 4), members(1, 2), members(1, 2, 4)
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
		{"a member more", makeReady, more, true, ErrDirOtherMembers},
		{"a member less", makeReady, fewer, true, ErrDirOtherMembers},
		{"a member replaced", makeReady, replaced, false, ErrDirOtherMembers},
		{"identity of a node that is no member", write(identityFile,
			`{"format":1,"cluster":"feedfacecafebeef","node":1,"members":[2,3],"state":"ready"}`), nodeOne, true, ErrDirBadIdentity},
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

// OSIO-5: the refusal of another member list tells both lists and what to start with, and the order of a list does
// not matter. Method: a directory opened with more members, and with the same ones in another order.
func TestOtherMembersAreExplained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	makeReady(t, path)
	id := nodeOne
	id.Members = members(5, 1, 2, 3, 4)
	_, err := OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: id})
	require.ErrorContains(t, err, "made for a cluster of the nodes 1, 2, 3; given were the nodes 1, 2, 3, 4, 5")
	require.ErrorContains(t, err, "start it with the nodes 1, 2, 3")
	require.ErrorContains(t, err, "cannot be changed in this version")
	id.Members = members(2, 3, 1)
	d, err := OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: id})
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.Equal(t, members(2, 3, 1), id.Members, "the caller's list is left as it was")
	id.Node = 7
	require.Panics(t, func() { _, _ = OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: id}) }, "not a member itself")
}

// OSIO-5: an IDENTITY from before the members were recorded is accepted, completed once the node's data is open and
// not before, and then refuses other lists. Method: the text the earlier program wrote, in both states.
func TestIdentityWithoutMembersIsCompleted(t *testing.T) {
	for _, state := range []dirState{stateCreating, stateReady} {
		t.Run(string(state), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data")
			makeReady(t, path)
			file := filepath.Join(path, identityFile)
			complete, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Contains(t, string(complete), `"members"`)
			old := fmt.Sprintf("{\n  \"format\": 1,\n  \"cluster\": \"feedfacecafebeef\",\n  \"cluster_name\": \"test\",\n"+
				"  \"node\": 1,\n  \"state\": %q\n}\n", state)
			require.NoError(t, os.WriteFile(file, []byte(old), 0o600))

			d, err := OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: nodeOne})
			require.NoError(t, err)
			got, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, old, string(got))
			require.NoError(t, d.MarkReady())
			require.NoError(t, d.Close())
			got, err = os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(complete), string(got))

			other := nodeOne
			other.Members = members(1, 2)
			_, err = OpenDir(DirOptions{FS: RealFS(), Path: path, Identity: other})
			require.ErrorIs(t, err, ErrDirOtherMembers)
		})
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
