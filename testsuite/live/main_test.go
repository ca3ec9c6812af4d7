package live

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
)

// buildDir holds the program, for all tests of this process.
var buildDir string

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if buildDir != "" {
			_ = os.RemoveAll(buildDir)
		}
		os.Exit(code)
	}))
}

var built = sync.OnceValues(func() (string, error) {
	var err error
	if buildDir, err = os.MkdirTemp("", "holdfast-live-"); err != nil {
		return "", err
	}
	return Build(context.Background(), buildDir)
})

// program is the path of the holdfast program; it is built once. With -short the test is
// skipped, as all that need the program start processes.
func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	binary, err := built()
	require.NoError(t, err)
	return binary
}

// patience bounds a test that waits for something; running into it says nothing about
// the cluster but that it hangs.
func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// newCluster is a cluster of three nodes, none of which runs yet. Its files are kept if
// the test fails.
func newCluster(t *testing.T) *Cluster {
	t.Helper()
	c, err := NewCluster(ClusterConfig{Binary: program(t), Dir: t.TempDir(), Name: "live", Nodes: 3})
	require.NoError(t, err)
	closeAtEnd(t, c)
	return c
}

// closeAtEnd ends a cluster with its test, and shows the logs if that failed.
func closeAtEnd(t *testing.T, c *Cluster) {
	t.Helper()
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		if t.Failed() {
			t.Log(c.Tails())
		}
	})
}

// startCluster is a cluster whose nodes run.
func startCluster(t *testing.T) *Cluster {
	t.Helper()
	c := newCluster(t)
	require.NoError(t, c.StartAll(patience(t), c.Ids()...))
	return c
}

func newLoad(t *testing.T, c *Cluster, cfg LoadConfig) *Load {
	t.Helper()
	cfg.Endpoints = c.Addresses()
	l, err := NewLoad(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func newWatch(t *testing.T, c *Cluster) *Watch {
	t.Helper()
	w := NewWatch(c)
	t.Cleanup(w.Close)
	return w
}

// requireOutcome fails with the reasons, and keeps the run's files, if a run did not
// end as it should.
func requireOutcome(t *testing.T, want verdict.Outcome, c *Cluster, res *Result) {
	t.Helper()
	v := res.Verdict
	for _, counter := range v.Evidence.Counters() {
		t.Logf("%8d  %s", counter.Count, counter.Name)
	}
	if v.Outcome == want {
		return
	}
	dir, err := keep(c, res)
	require.NoError(t, err)
	require.Failf(t, "wrong outcome", "%s instead of %s; the files are in %s\n%q", v.Outcome, want, dir, v.Reasons)
}

// keep saves what is needed to understand a run.
func keep(c *Cluster, res *Result) (dir string, err error) {
	dir = os.Getenv("HOLDFAST_LIVE_KEEP")
	if dir == "" {
		if dir, err = os.MkdirTemp("", "holdfast-live-kept-"); err != nil {
			return "", err
		}
	}
	write := func(name string, to func(*os.File) error) {
		if err != nil {
			return
		}
		var f *os.File
		if f, err = os.Create(filepath.Join(dir, name)); err != nil {
			return
		}
		defer f.Close()
		err = to(f)
	}
	if err = os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	write("history.jsonl", func(f *os.File) error { return history.Write(f, res.History) })
	write("verdict.json", func(f *os.File) error { return res.Verdict.Encode(f) })
	for _, id := range c.Ids() {
		var data []byte
		if data, err = os.ReadFile(c.Log(id)); err != nil {
			return dir, err
		}
		write(fmt.Sprintf("node%d.log", id), func(f *os.File) error { _, err := f.Write(data); return err })
	}
	if err == nil {
		_, err = res.Linear.WriteVisualization(filepath.Join(dir, "pictures"))
	}
	return dir, err
}
