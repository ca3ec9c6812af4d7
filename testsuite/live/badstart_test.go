package live

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/osio"
	"github.com/holdfastdb/holdfast/kv/wal"
)

// exitFailure is the exit code of a node that cannot start (docs/cli.md).
const exitFailure = 1

// refuses starts a node that must end by itself with exit code 1, and returns what it said.
func refuses(ctx context.Context, t *testing.T, c *Cluster, args []string, parts ...string) {
	t.Helper()
	exit, err := Exec(ctx, "", c.cfg.Binary, args...)
	require.NoError(t, err)
	require.Equal(t, exitFailure, exit.Code, exit)
	require.Empty(t, exit.Stdout, "errors belong to standard error")
	for _, part := range append(parts, "error: ") {
		require.Contains(t, exit.Stderr, part)
	}
	require.NotContains(t, exit.Stderr, "goroutine ", "a person gets a sentence, not a stack")
}

// files is the content of all files below a directory, but for those that opening may
// touch.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "LOCK" {
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	}))
	require.NotEmpty(t, all)
	return all
}

// loaded is a running cluster with acknowledged writes, whose load is stopped.
func loaded(ctx context.Context, t *testing.T) (*Cluster, *Run) {
	t.Helper()
	c := startCluster(t)
	run := &Run{
		Cluster: c, Load: newLoad(t, c, LoadConfig{Seed: 3}), Watch: newWatch(t, c), Log: t.Logf,
		Script: Script{{Do: Work, Count: 200}, {Do: CatchUp}},
	}
	run.Load.Start()
	_, err := run.Load.Work(ctx, 100)
	require.NoError(t, err)
	run.Load.Stop()
	require.NoError(t, c.CaughtUp(ctx))
	return c, run
}

// requireNothingLost lets the load go on, and judges all it saw since its start.
func requireNothingLost(t *testing.T, c *Cluster, run *Run) {
	t.Helper()
	res, err := run.Play(t.Context())
	require.NoError(t, err)
	require.Equal(t, "pass", string(res.Verdict.Outcome), res.Verdict.Reasons)
	require.Equal(t, c.Ids(), c.Up())
}

// Goal: a node does not start where it must not (a taken port, a directory in use, of another node or of another
// cluster, or lost), says why with exit code 1, and changes nothing; then it starts as it should.
// Method: a node of a cluster at work is killed, and started wrongly.
func TestNodesRefuseStartsThatWouldDoHarm(t *testing.T) {
	ctx := patience(t)
	c, run := loaded(ctx, t)
	leader, _, err := c.Leader(ctx, 0)
	require.NoError(t, err)
	victim, other := leader%3+1, (leader+1)%3+1
	taken := c.Addresses()[other-1]
	require.NoError(t, c.Kill9(ctx, victim))
	before := files(t, c.Data(victim))

	refuses(ctx, t, c, c.Args(victim, "--listen", taken), "cannot listen on "+taken, "the port is in use", "ss -ltnp")
	free := c.Addresses()[victim-1]
	refuses(ctx, t, c, c.Args(other, "--listen", free, "--data", c.Data(victim)), "the data directory belongs to another node",
		fmt.Sprintf("it is of node %d, this is node %d", victim, other))
	refuses(ctx, t, c, c.Args(victim, "--cluster", "theirs"), "the data directory belongs to another cluster", `"live"`, `"theirs"`)
	refuses(ctx, t, c, c.Args(other, "--listen", free), "the data directory is in use")
	empty := filepath.Join(t.TempDir(), "empty")
	refuses(ctx, t, c, c.Args(victim, "--data", empty), "is empty", "may have been part of it", "--new")
	refuses(ctx, t, c, c.Args(victim, "--data", empty, "--new=no"), "the data directory is empty or missing", "--new")
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "thesis.tex"), []byte("x"), 0o600))
	refuses(ctx, t, c, c.Args(victim, "--data", full, "--new"), "the directory holds something else", "thesis.tex")
	require.Len(t, files(t, full), 1)
	require.NoDirExists(t, empty)
	require.Equal(t, before, files(t, c.Data(victim)), "a refused start changes nothing")

	require.NoError(t, c.Start(ctx, victim))
	requireNothingLost(t, c, run)
}

// Goal: a node whose log or engine is gone does not start as if it had never promised
// anything, and starts once the files are back.
// Method: take each away and put it back.
func TestNodesRefuseToForget(t *testing.T) {
	ctx := patience(t)
	c, run := loaded(ctx, t)
	const victim = 1
	require.NoError(t, c.Stop(ctx, victim))
	for _, part := range []string{"wal", "engine"} {
		dir := filepath.Join(c.Data(victim), part)
		aside := filepath.Join(t.TempDir(), part)
		require.NoError(t, os.Rename(dir, aside))
		refuses(ctx, t, c, c.Args(victim), "the node's data is gone", part+" is missing or empty")
		refuses(ctx, t, c, c.Args(victim, "--new"), "the node's data is gone")
		require.NoDirExists(t, dir)
		require.NoError(t, os.Rename(aside, dir))
	}
	require.NoError(t, c.Start(ctx, victim))
	requireNothingLost(t, c, run)
}

// frame is a frame of a log.
type frame struct{ offset, size int64 }

// frames are the frames of a node's first segment, as `wal.Dump` lists them.
func frames(t *testing.T, c *Cluster, id uint64) (path string, list []frame) {
	t.Helper()
	dir := filepath.Join(c.Data(id), "wal")
	var dump bytes.Buffer
	require.NoError(t, wal.Dump(osio.RealFS(), dir, &dump))
	for _, m := range regexp.MustCompile(`(?m)^ +(\d+) frame \d+ batch, (\d+) bytes$`).FindAllStringSubmatch(dump.String(), -1) {
		offset, err := strconv.ParseInt(m[1], 10, 64)
		require.NoError(t, err)
		size, err := strconv.ParseInt(m[2], 10, 64)
		require.NoError(t, err)
		list = append(list, frame{offset, size})
	}
	require.Greater(t, len(list), 10)
	names, err := filepath.Glob(filepath.Join(dir, "wal-*.log"))
	require.NoError(t, err)
	require.Len(t, names, 1, "the test writes less than a segment")
	return names[0], list
}

// change edits a file in place and returns what undoes it.
func change(t *testing.T, path string, edit func([]byte) []byte) (undo func()) {
	t.Helper()
	was, err := os.ReadFile(path)
	require.NoError(t, err)
	now := edit(bytes.Clone(was))
	require.NotEqual(t, was, now)
	require.NoError(t, os.WriteFile(path, now, 0o600))
	return func() { require.NoError(t, os.WriteFile(path, was, 0o600)) }
}

// Goal: WAL-5 on a real disk: damage to a frame that others follow is never taken for an interrupted write; the node
// says where it is, keeps the damaged files as they are, and comes back by itself under a new replica id, with nothing lost.
// Method: flip one bit of a killed node's log, in payload and in header, first and middle, of one node after the other; the
// cluster goes on meanwhile.
func TestDamageInTheMiddleOfTheLogHealsAndLosesNothing(t *testing.T) {
	ctx := patience(t)
	c, run := loaded(ctx, t)
	for victim, place := range map[uint64]func(list []frame) (frame, int64){
		1: func(list []frame) (frame, int64) { f := list[len(list)/2]; return f, 32 + f.size/2 },
		2: func(list []frame) (frame, int64) { return list[len(list)/2], 3 },
		3: func(list []frame) (frame, int64) { return list[0], 30 },
	} {
		require.NoError(t, c.Kill9(ctx, victim))
		path, list := frames(t, c, victim)
		damaged, at := place(list)
		change(t, path, func(b []byte) []byte { b[damaged.offset+at] ^= 4; return b })
		before := files(t, filepath.Join(c.Data(victim), "wal"))
		_, err := run.Load.FirstWrite(ctx)
		require.NoError(t, err)

		require.NoError(t, c.Start(ctx, victim))
		log := c.whole(t, victim)
		for _, say := range []string{"the log is damaged", path, fmt.Sprintf("at offset %d:", damaged.offset)} {
			require.Contains(t, log, say)
		}
		for file, content := range files(t, filepath.Join(c.Data(victim), "damaged-1", "wal")) {
			require.Equal(t, before[filepath.Join(c.Data(victim), "wal", filepath.Base(file))], content, "the evidence stays as it is")
		}
		c.mustReplace(victim)
		require.NoError(t, c.CaughtUp(ctx))
		s, err := c.Status(ctx, victim)
		require.NoError(t, err)
		require.Positive(t, theGroup(s).GetReplica()>>32, "a replica of a later generation")
	}
	requireNothingLost(t, c, run)
}

// mustReplace has CaughtUp wait until a node of the first generation has another replica.
func (c *Cluster) mustReplace(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node(id).wiped, c.node(id).replica = true, id
}

// Goal: WAL-3 on a real disk: what an interrupted write leaves behind the last frame is cut off, and the node starts with
// all its promises.
// Method: leave garbage, the beginning of a frame, and a file that ends in one, behind the log of a killed node.
func TestTornTailOfTheLogIsCutOff(t *testing.T) {
	ctx := patience(t)
	c, run := loaded(ctx, t)
	const victim = 3
	for name, tear := range map[string]func(log []byte, end int64, last frame) []byte{
		"garbage": func(log []byte, end int64, _ frame) []byte {
			for i := range 5000 {
				log[end+int64(i)] = byte(i*7 + 1)
			}
			return log
		},
		"the beginning of a frame": func(log []byte, end int64, last frame) []byte {
			copy(log[end:], log[last.offset:last.offset+20])
			return log
		},
		"a file that ends": func(log []byte, end int64, last frame) []byte {
			copy(log[end:], log[last.offset:last.offset+20])
			return log[:end+20]
		},
	} {
		require.NoError(t, c.Kill9(ctx, victim))
		path, list := frames(t, c, victim)
		last := list[len(list)-1]
		// A frame is a header of 32 bytes and the payload, up to a multiple of 8.
		end := (last.offset + 32 + last.size + 7) &^ 7
		change(t, path, func(b []byte) []byte {
			require.Zero(t, binary.LittleEndian.Uint64(b[end:]), "the log must end there")
			return tear(b, end, last)
		})
		mark := len(c.whole(t, victim))
		require.NoError(t, c.Start(ctx, victim), name)
		require.Regexp(t, `node is serving.* torn_bytes=[1-9]`, c.whole(t, victim)[mark:], name)
		_, err := run.Load.FirstWrite(ctx)
		require.NoError(t, err)
		require.NoError(t, c.CaughtUp(ctx))
	}
	requireNothingLost(t, c, run)
}

// whole is all of a node's log.
func (c *Cluster) whole(t *testing.T, id uint64) string {
	t.Helper()
	data, err := os.ReadFile(c.Log(id))
	require.NoError(t, err)
	return string(data)
}

// Goal: a node of a cluster of another name is not listened to, both sides say so, and the others work on.
// Method: the third member is started with another name; it must learn nothing.
func TestNodesOfAnotherClusterAreRefused(t *testing.T) {
	ctx := patience(t)
	c := newCluster(t)
	require.NoError(t, c.StartAll(ctx, 1, 2))
	_, _, err := c.Leader(ctx, 0)
	require.NoError(t, err)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	require.NoError(t, c.Start(ctx, 3, "--cluster", "theirs", "--data", elsewhere, "--new"))

	l := newLoad(t, c, LoadConfig{Seed: 4, Endpoints: c.Addresses()[:2]})
	_, err = l.FirstWrite(ctx)
	require.NoError(t, err)
	require.NoError(t, await(ctx, "both sides to log the refusal", func() (bool, error) {
		theirs, ours := c.whole(t, 3), c.whole(t, 1)+c.whole(t, 2)
		return bytes.Contains([]byte(ours), []byte("refused a peer")) && bytes.Contains([]byte(theirs), []byte("peer refuses this node")),
			fmt.Errorf("theirs:\n%s\nours:\n%s", theirs, ours)
	}))
	s, err := c.Status(ctx, 3)
	require.NoError(t, err)
	require.EqualValues(t, 1, theGroup(s).GetCommit(), "the entry that its own cluster begins with: %v", s)
	require.Zero(t, theGroup(s).GetLeaderNode(), s)
	require.NotEqual(t, roleLeader, theGroup(s).GetRole())

	require.NoError(t, c.Kill9(ctx, 3))
	require.NoError(t, c.Start(ctx, 3, "--new"))
	require.NoError(t, c.CaughtUp(ctx))
}
