package check

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/osio"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/raft"
)

const (
	theGroup   raft.GroupID   = 1
	theReplica raft.ReplicaID = 1
	theCluster                = 0xfeed
)

// nodeDir is a node's data directory with real files, that a test fills and closes.
type nodeDir struct {
	t      *testing.T
	path   string
	dir    *osio.Dir
	log    *wal.Log
	engine *storage.Pebble
	m      *machine.Machine
	last   uint64
}

// openNode opens the directory of a node, which is created if need be, with segments of 4 KiB.
func openNode(t *testing.T, path string, node env.NodeID) *nodeDir {
	d := &nodeDir{t: t, path: path}
	var err error
	d.dir, err = osio.OpenDir(osio.DirOptions{
		FS: osio.RealFS(), Path: path, Create: true,
		Identity: osio.Identity{Cluster: theCluster, ClusterName: "mine", Node: node, Founders: []env.NodeID{node}},
	})
	require.NoError(t, err)
	var found *wal.Recovery
	d.log, found, err = wal.Open(wal.Options{
		FS: osio.RealFS(), Dir: d.dir.WALPath(), SegmentBytes: 4 << 10, Cluster: theCluster, Node: node, Store: 9,
	})
	require.NoError(t, err)
	d.engine, err = storage.OpenPebble(d.dir.EnginePath(), osio.RealFS(), storage.PebbleOptions{})
	require.NoError(t, err)
	require.NoError(t, d.dir.MarkReady())
	d.m, err = machine.Open(theGroup, theReplica, d.engine, machine.DefaultLimits())
	require.NoError(t, err)
	if len(found.Groups) > 0 {
		d.last = found.Groups[0].Restored.LastIndex
	}
	return d
}

// write appends n entries of half a kilobyte, and applies them if asked to.
func (d *nodeDir) write(n int, apply bool) *nodeDir {
	value := bytes.Repeat([]byte("v"), 400)
	for range n {
		d.last++
		e := raft.Entry{Index: d.last, Term: 2, Data: machine.AppendCommand(nil, &machine.Command{
			Kind: machine.CmdApply, Time: 1, Ops: []machine.Op{{Kind: machine.OpPut, Key: fmt.Appendf(nil, "key%03d", d.last), Value: value}},
		})}
		d.commit(&raft.Persist{State: raft.HardState{Term: 2, Vote: 1, Commit: d.last}, Entries: []raft.Entry{e}})
		if apply {
			_, err := d.m.Apply([]raft.Entry{e}, nil)
			require.NoError(d.t, err)
		}
	}
	return d
}

func (d *nodeDir) commit(p *raft.Persist) {
	b := wal.NewBatch()
	b.Add(theGroup, theReplica, p)
	require.NoError(d.t, d.log.Commit(b))
}

// close stops the node in order.
func (d *nodeDir) close() {
	require.NoError(d.t, d.engine.Flush())
	require.NoError(d.t, d.engine.Close())
	require.NoError(d.t, d.log.Close())
	require.NoError(d.t, d.dir.Close())
}

// newNode makes the directory of a stopped node with 30 entries in several segments, all applied.
func newNode(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "data")
	openNode(t, path, 1).write(30, true).close()
	return path
}

// judgeData runs the command and returns exit code, standard output and what was said.
func judgeData(t *testing.T, dir string, args ...string) (code int, out, talk string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	format := style.Text
	if len(args) > 0 && args[0] == "json" {
		format, args = style.JSON, args[1:]
	}
	c := DataCommand(&style.Streams{Out: &stdout, Err: &stderr}, &format)
	c.SetArgs(append([]string{dir}, args...))
	c.SilenceErrors, c.SilenceUsage = true, true
	err := c.Execute()
	if err != nil {
		stderr.WriteString(exit.Text(err))
	}
	return exit.Code(err), stdout.String(), stderr.String()
}

// oraclesOf lists the fingerprints of what was found.
func oraclesOf(t *testing.T, dir string) (prints []string) {
	_, out, _ := judgeData(t, dir, "json")
	v, err := verdict.Decode(strings.NewReader(out))
	require.NoError(t, err, out)
	for i := range v.Violations {
		prints = append(prints, v.Violations[i].Fingerprint)
	}
	return prints
}

// contents are all files below a directory, with their contents.
func contents(t *testing.T, dir string) map[string]string {
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	}))
	return all
}

// files are those that match a pattern below a directory, sorted.
func files(t *testing.T, dir, pattern string) []string {
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, found, pattern)
	slices.Sort(found)
	return found
}

// flip changes a bit in the middle of a file.
func flip(t *testing.T, path string, at int) {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[at] ^= 0x10
	require.NoError(t, os.WriteFile(path, data, 0o600))
}
