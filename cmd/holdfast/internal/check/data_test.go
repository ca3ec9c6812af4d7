package check

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/osio"
	"github.com/holdfastdb/holdfast/kv/server"
	"github.com/holdfastdb/holdfast/raft"
)

// Goal: CHECK-1, the directory of a real node passes, started and stopped several times, and is refused while the node runs.
// Method: the server itself.
func TestDataOfARealNodePasses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	dir := filepath.Join(t.TempDir(), "d")
	for i := range 3 {
		s, err := server.Start(server.Config{
			Node: 1, ClusterName: "c", Members: map[env.NodeID]string{1: address}, Dir: dir, New: i == 0,
			Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		code, _, talk := judgeData(t, dir)
		require.Equal(t, exit.Failure, code)
		require.Contains(t, talk, "the data directory is in use: ")
		require.Contains(t, talk, "stop the node first")
		require.NoError(t, s.Stop(context.Background()))
	}
	code, out, _ := judgeData(t, dir)
	require.Zero(t, code, out)
	require.Contains(t, out, `pass: node 1 of cluster "c" in `)
}

// Goal: CHECK-1, an intact directory passes, with what it holds told and nothing changed; the dump has every record. Method:
// a directory with several segments; all files before and after.
func TestIntactDataPasses(t *testing.T) {
	dir := newNode(t)
	before := contents(t, dir)
	code, out, _ := judgeData(t, dir)
	require.Zero(t, code, out)
	require.Contains(t, out, `pass: node 1 of cluster "mine" in `)
	require.Contains(t, out, "30 records")
	require.Contains(t, out, "partition 1: replica 1.0, state of entry 30 (term 2, hash ")
	require.Contains(t, out, "), 30 keys, 0 sessions, ")
	require.Contains(t, out, "partition 1: log of replica 1.0, entries 1 to 30, term 2\n")
	require.Empty(t, oraclesOf(t, dir))
	_, out, _ = judgeData(t, dir, "--dump")
	require.Contains(t, out, ": segment 1 of node 1, cluster ")
	require.Contains(t, out, " entries 30-30\n")
	require.Equal(t, before, contents(t, dir))
	_, out, _ = judgeData(t, dir, "json")
	v, err := verdict.Decode(strings.NewReader(out))
	require.NoError(t, err)
	require.Equal(t, verdict.Pass, v.Outcome)
	require.Equal(t, int64(30), v.Evidence.Count("engine.keys"))
	require.Greater(t, v.Evidence.Count("log.segments"), int64(2))
}

// Goal: an unclean end passes: entries that are not applied or not flushed, and an interrupted write. Method: stop without a
// flush, and append half a frame's bytes to the log.
func TestUncleanEndIsNoDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	openNode(t, path, 1).write(10, true).close()
	d := openNode(t, path, 1).write(5, true).write(3, false)
	require.NoError(t, d.engine.Close()) // what was not flushed is lost
	require.NoError(t, d.dir.Close())    // and the log has no mark that it was closed
	code, out, _ := judgeData(t, path)
	require.Zero(t, code, out)
	require.Contains(t, out, "state of entry 10 ")
	require.Contains(t, out, "entries 1 to 18,")
}

// damages are done to a sound directory; each returns the place that is to be named.
var damages = map[string]struct {
	damage func(t *testing.T, dir string) (place string)
	print  string
	next   string
}{
	"a bit in the middle of a segment": {func(t *testing.T, dir string) string {
		segment := files(t, dir, "wal/*.log")[1]
		flip(t, segment, 1500)
		return segment + " at offset "
	}, "log-intact/damaged", "sets log and engine aside"},
	"a missing segment": {func(t *testing.T, dir string) string {
		segment := files(t, dir, "wal/*.log")[1]
		require.NoError(t, os.Remove(segment))
		return filepath.Dir(segment)
	}, "log-intact/damaged", "sets log and engine aside"},
	"a bit in a block of a table": {func(t *testing.T, dir string) string {
		table := files(t, dir, "engine/*.sst")[0]
		flip(t, table, 300)
		return table
	}, "engine-intact/damaged", "log and engine are set aside"},
	"a missing table": {func(t *testing.T, dir string) string {
		table := files(t, dir, "engine/*.sst")[0]
		require.NoError(t, os.Remove(table))
		return strings.TrimSuffix(filepath.Base(table), ".sst")
	}, "engine-intact/damaged", "log and engine are set aside"},
	"no log": {func(t *testing.T, dir string) string {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "wal")))
		return filepath.Join(dir, "wal") + " is gone"
	}, "log-intact/gone", "refuses the directory until the original files are back"},
	"an empty log": {func(t *testing.T, dir string) string {
		for _, segment := range files(t, dir, "wal/*.log") {
			require.NoError(t, os.Remove(segment))
		}
		return filepath.Join(dir, "wal") + " is gone"
	}, "log-intact/gone", "refuses the directory"},
	"a log cut to nothing": {func(t *testing.T, dir string) string {
		onlyFirst(t, dir, nil)
		return filepath.Join(dir, "wal") + " is gone"
	}, "log-intact/gone", "or it is started with --rejoin"},
	"a log of zeros": {func(t *testing.T, dir string) string {
		onlyFirst(t, dir, make([]byte, 4<<10))
		return filepath.Join(dir, "wal") + " is gone"
	}, "log-intact/gone", "or it is started with --rejoin"},
	"a log's file system that is empty": {func(t *testing.T, dir string) string {
		require.NoError(t, os.Remove(onlyFirst(t, dir, nil)))
		require.NoError(t, os.Mkdir(filepath.Join(dir, "wal", "lost+found"), 0o700))
		return filepath.Join(dir, "wal") + " is gone"
	}, "log-intact/gone", "or it is started with --rejoin"},
	"no engine": {func(t *testing.T, dir string) string {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "engine")))
		return filepath.Join(dir, "engine") + " is gone"
	}, "engine-intact/gone", "refuses the directory"},
	"IDENTITY cut off": {func(t *testing.T, dir string) string {
		require.NoError(t, os.Truncate(filepath.Join(dir, "IDENTITY"), 20))
		return filepath.Join(dir, "IDENTITY")
	}, "directory-intact/identity", "until IDENTITY is restored"},
	"IDENTITY without a node": {func(t *testing.T, dir string) string {
		path := filepath.Join(dir, "IDENTITY")
		require.NoError(t, os.WriteFile(path, []byte(`{"format":2,"cluster":"000000000000feed","state":"ready"}`), 0o600))
		return path + " makes no sense"
	}, "directory-intact/identity", "until IDENTITY is restored"},
	"PEERS": {func(t *testing.T, dir string) string {
		require.NoError(t, datadir.WritePeers(osio.RealFS(), dir, map[env.NodeID]string{1: "a:1"}))
		flip(t, filepath.Join(dir, "PEERS"), 18)
		return filepath.Join(dir, "PEERS")
	}, "directory-intact/peers", "the next start warns and goes on"},
	"REJOIN": {func(t *testing.T, dir string) string {
		require.NoError(t, datadir.MarkEmpty(osio.RealFS(), dir, "x"))
		flip(t, filepath.Join(dir, "REJOIN"), 25)
		return filepath.Join(dir, "REJOIN")
	}, "directory-intact/mark", "sets log and engine aside"},
}

// onlyFirst leaves only the first segment of the log, with this content.
func onlyFirst(t *testing.T, dir string, data []byte) (path string) {
	for _, segment := range files(t, dir, "wal/*.log") {
		require.NoError(t, os.Remove(segment))
	}
	path = filepath.Join(dir, "wal", "wal-0000000000000001.log")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// Goal: where the log is said to be gone, starts do what is said about it. Method: each such damage; two starts, which change
// nothing; then one with Rejoin, after which nothing is wrong any more.
func TestGoneLogIsRefusedUntilRejoin(t *testing.T) {
	gone := 0
	for name, x := range damages {
		if x.print != "log-intact/gone" {
			continue
		}
		gone++
		t.Run(name, func(t *testing.T) {
			dir := newNode(t)
			x.damage(t, dir)
			before := contents(t, dir)
			opts := osio.DirOptions{FS: osio.RealFS(), Path: dir, Identity: osio.Identity{Cluster: theCluster, ClusterName: "mine", Node: 1}}
			for range 2 {
				_, err := osio.OpenDir(opts)
				require.ErrorIs(t, err, osio.ErrDirDataMissing)
				require.Equal(t, before, contents(t, dir))
			}
			opts.Rejoin = true
			d, err := osio.OpenDir(opts)
			require.NoError(t, err)
			require.NoError(t, d.Close())
			openNode(t, dir, 1).close()
			code, out, _ := judgeData(t, dir)
			require.Zero(t, code, out)
			require.Contains(t, out, "note: the node has no new replica yet and asks its group for one: ")
		})
	}
	require.Greater(t, gone, 4)
}

// Goal: of a log that cannot be read at all nothing is told but that. Method: damage the first header.
func TestUnreadableLogHasNoFacts(t *testing.T) {
	dir := newNode(t)
	flip(t, files(t, dir, "wal/*.log")[0], 20)
	code, out, _ := judgeData(t, dir)
	require.Equal(t, exit.Violation, code, out)
	require.Contains(t, out, "the segment's header is damaged")
	require.NotContains(t, out, "0 segments")
}

// Goal: what is said of a state without a log is what the next start does: only a node that begins the cluster meets it.
// Method: an engine with a state and an empty log, with founders, with a mark beside them, and without founders.
func TestStateWithoutALogOfItsGroup(t *testing.T) {
	build := func() string {
		dir, empty := newNode(t), filepath.Join(t.TempDir(), "empty")
		openNode(t, empty, 1).close()
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "wal")))
		require.NoError(t, os.Rename(filepath.Join(empty, "wal"), filepath.Join(dir, "wal")))
		return dir
	}
	dir := build()
	_, out, _ := judgeData(t, dir)
	require.Contains(t, out, "the log knows nothing of it; "+setsAside)
	require.NoError(t, datadir.MarkEmpty(osio.RealFS(), dir, "x"))
	_, out, _ = judgeData(t, dir)
	require.Contains(t, out, "the log knows nothing of it; the next start has no replica of it: "+byHand)
	d, err := osio.OpenDir(osio.DirOptions{FS: osio.RealFS(), Path: dir, Identity: osio.Identity{Cluster: theCluster, ClusterName: "mine", Node: 1}})
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "REJOIN")))
	_, out, _ = judgeData(t, dir)
	require.Contains(t, out, "the log knows nothing of it; the next start has no replica of it: "+byHand)
}

// Goal: each damage is found, with its place and what the next start does about it. Method: one damage at a time to a sound
// directory with real files.
func TestDamageIsFoundAndExplained(t *testing.T) {
	for name, x := range damages {
		t.Run(name, func(t *testing.T) {
			dir := newNode(t)
			place := x.damage(t, dir)
			code, out, _ := judgeData(t, dir)
			require.Equal(t, exit.Violation, code, out)
			require.Contains(t, out, "violation: ")
			require.Contains(t, out, place)
			require.Contains(t, out, x.next)
			require.Equal(t, []string{x.print}, oraclesOf(t, dir))
		})
	}
}

// Goal: the log of another node is found, though it is intact. Method: swap the logs of two nodes.
func TestForeignLogIsFound(t *testing.T) {
	dir, other := newNode(t), filepath.Join(t.TempDir(), "other")
	openNode(t, other, 2).write(30, true).close()
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "wal")))
	require.NoError(t, os.Rename(filepath.Join(other, "wal"), filepath.Join(dir, "wal")))
	code, out, _ := judgeData(t, dir)
	require.Equal(t, exit.Violation, code, out)
	require.Equal(t, []string{"log-intact/foreign"}, oraclesOf(t, dir))
	require.Contains(t, out, "was written by node 2 of cluster 000000000000feed, but IDENTITY is of node 1 of cluster 000000000000feed")
	require.Contains(t, out, "refuses the directory")
}

// Goal: log and engine that contradict each other are found, and an engine that is newer than the log's mark is fine. Method: an
// engine from before the mark; a log that is shorter than what was applied; a mark at and below what is applied.
func TestLogAndEngineMustAgree(t *testing.T) {
	mark := func(d *nodeDir, index uint64) {
		d.commit(&raft.Persist{State: raft.HardState{Term: 2, Vote: 1, Commit: d.last}, Mark: raft.Mark{Index: index, Term: 2, Config: []byte("c")}})
	}
	build := func(fill func(d *nodeDir)) string {
		path := filepath.Join(t.TempDir(), "data")
		d := openNode(t, path, 1)
		fill(d)
		d.close()
		return path
	}
	older := build(func(d *nodeDir) {
		mark(d.write(20, true).write(10, false), 25)
	})
	code, out, _ := judgeData(t, older)
	require.Equal(t, exit.Violation, code, out)
	require.Equal(t, []string{"log-and-engine-agree/group"}, oraclesOf(t, older))
	require.Contains(t, out, "partition 1: the log begins after entry 25, but the storage engine holds the state of entry 20 only: it lost data; "+setsAside)

	for _, at := range []uint64{15, 20} {
		fine := build(func(d *nodeDir) { mark(d.write(20, true).write(10, false), at) })
		code, out, _ = judgeData(t, fine)
		require.Zero(t, code, out)
	}

	long, short := newNode(t), build(func(d *nodeDir) { d.write(12, true) })
	require.NoError(t, os.RemoveAll(filepath.Join(long, "wal")))
	require.NoError(t, os.Rename(filepath.Join(short, "wal"), filepath.Join(long, "wal")))
	code, out, _ = judgeData(t, long)
	require.Equal(t, exit.Violation, code, out)
	require.Contains(t, out, "the storage engine holds the state of entry 30, but the log ends at 12: it lost entries")

	unknown := newNode(t)
	empty := build(func(*nodeDir) {})
	require.NoError(t, os.RemoveAll(filepath.Join(unknown, "wal")))
	require.NoError(t, os.Rename(filepath.Join(empty, "wal"), filepath.Join(unknown, "wal")))
	code, out, _ = judgeData(t, unknown)
	require.Equal(t, exit.Violation, code, out)
	require.Contains(t, out, "holds the state of entry 30, the log knows nothing of it; "+setsAside)
}

// Goal: a record of the state machine that no machine writes is found, with its group, although the blocks it is in are sound.
// Method: write one past the machine.
func TestDamagedRecordIsFound(t *testing.T) {
	dir := newNode(t)
	d := openNode(t, dir, 1)
	b := d.engine.NewBatch()
	key := append([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0x10}, "key007"...)
	b.Set(key, []byte{0xff})
	require.NoError(t, d.engine.Apply(b))
	d.close()
	code, out, _ := judgeData(t, dir)
	require.Equal(t, exit.Violation, code, out)
	require.Equal(t, []string{"records-intact/damaged"}, oraclesOf(t, dir))
	require.Contains(t, out, "partition 1 in "+filepath.Join(dir, "engine")+": ")
	require.Contains(t, out, "but it does not read every one: set log and engine aside yourself")
}

// Goal: a state of another replica of the node is no damage: the next start begins anew. Method: give the state an owner of a
// later generation; the log still has all entries.
func TestStateOfAnotherReplicaIsToldApart(t *testing.T) {
	dir := newNode(t)
	d := openNode(t, dir, 1)
	b := d.engine.NewBatch()
	b.Set([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0x70}, []byte{1, 0x81, 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 0})
	require.NoError(t, d.engine.Apply(b))
	d.close()
	code, out, _ := judgeData(t, dir)
	require.Zero(t, code, out)
	require.Contains(t, out, "note: the state of partition 1 is that of replica 1.1, the log is of replica 1.0: the next start begins with an empty state")
}

// Goal: data that was set aside, and a move that was interrupted, are named; what was left of a new directory is checked.
// Method: set aside with kv/datadir, in each of its phases.
func TestDataThatWasSetAsideIsNamed(t *testing.T) {
	dir := newNode(t)
	require.NoError(t, datadir.Begin(osio.RealFS(), dir, "the log is damaged: here; keep the directory"))
	code, out, _ := judgeData(t, dir)
	require.Equal(t, exit.Undecided, code, out)
	require.Contains(t, out, "note: setting data aside was interrupted, and the next start completes it: the log is damaged: here")
	openNode(t, dir, 1).close() // completes it
	code, out, _ = judgeData(t, dir)
	require.Zero(t, code, out)
	require.Contains(t, out, "note: the node has no new replica yet and asks its group for one: the log is damaged: here\n")
	require.Contains(t, out, "note: "+filepath.Join(dir, "damaged-1")+" holds data that was set aside (the log is damaged: here)")
	openNode(t, dir, 1).write(1, true).close()
	_, out, _ = judgeData(t, dir)
	require.Contains(t, out, "note: the node has rejoined its group after this, and the next start removes the mark: the log is damaged: here\n")
}

// Goal: CHECK-2, what is not a node's data directory is an error; CHECK-1, a directory without data shows nothing, and files of
// a newer program cannot be judged. Method: one of each.
func TestWhatIsNoDataDirectory(t *testing.T) {
	foreign := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "thesis.tex"), nil, 0o600))
	for _, dir := range []string{foreign, filepath.Join(foreign, "thesis.tex"), filepath.Join(foreign, "none")} {
		code, out, talk := judgeData(t, dir)
		require.Equal(t, exit.Failure, code, dir)
		require.Contains(t, talk, "give a node's data directory")
		require.Empty(t, out)
	}
	code, out, _ := judgeData(t, t.TempDir())
	require.Equal(t, exit.Undecided, code)
	require.Contains(t, out, "vacuous: ")
	require.Contains(t, out, "there is no data")
	newer := newNode(t)
	require.NoError(t, os.WriteFile(filepath.Join(newer, "IDENTITY"), []byte(`{"format":99}`), 0o600))
	code, out, _ = judgeData(t, newer)
	require.Equal(t, exit.Undecided, code)
	require.Contains(t, out, "unknown: ")
	require.Contains(t, out, "has format 99, this program knows up to")
}
