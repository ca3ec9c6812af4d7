package live

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Goal: a node that ends by itself is a violation, whatever else holds.
// Method: a node is ended without the cluster's knowledge before a harmless script.
func TestNodeThatEndsByItselfIsAViolation(t *testing.T) {
	ctx := patience(t)
	c := startCluster(t)
	p := c.process(2)
	require.NoError(t, p.signal(os.Kill))
	require.NoError(t, p.wait(ctx))
	run := &Run{Cluster: c, Load: newLoad(t, c, LoadConfig{Seed: 5}), Watch: newWatch(t, c), Script: Script{{Do: Work, Count: 10}}}
	res, err := run.Play(t.Context())
	require.NoError(t, err)
	requireOutcome(t, verdict.Violated, c, res)
	require.Equal(t, []string{"process/died"}, fingerprints(res))
	require.Error(t, c.Kill9(ctx, 2), "LIVE-2: it cannot be killed any more, so that does not count")
	require.Zero(t, c.counts()[counterKilled])
}

// Goal: LIVE-3, a cluster that does not answer in time is neither good nor bad.
// Method: too few nodes run, and the bound is short.
func TestStepThatHitsItsBoundLeavesTheVerdictUnknown(t *testing.T) {
	ctx := patience(t)
	c := startCluster(t)
	require.NoError(t, c.Kill9(ctx, 1, 2))
	run := &Run{
		Cluster: c, Load: newLoad(t, c, LoadConfig{Seed: 6, OpTimeout: 300 * time.Millisecond}), Watch: newWatch(t, c),
		Script: Script{{Do: FirstWrite}}, StepTimeout: 500 * time.Millisecond,
	}
	res, err := run.Play(t.Context())
	require.NoError(t, err)
	requireOutcome(t, verdict.Unknown, c, res)
	require.Contains(t, res.Verdict.Reasons[0], "step 1, first-write")
}

const (
	orphanBinary = "LIVE_ORPHAN_BINARY"
	orphanDir    = "LIVE_ORPHAN_DIR"
)

// Goal: LIVE-1, nodes do not outlive the process that started them, even if it does not close its cluster.
// Method: this test starts itself again; that process starts a node, pauses it, and ends at once.
func TestNodesDoNotOutliveTheProcessThatStartedThem(t *testing.T) {
	if binary := os.Getenv(orphanBinary); binary != "" {
		c, err := NewCluster(ClusterConfig{Binary: binary, Dir: os.Getenv(orphanDir), Name: "orphan", Nodes: 2})
		require.NoError(t, err)
		require.NoError(t, c.StartAll(t.Context(), 1, 2))
		require.NoError(t, c.Pause(t.Context(), 2))
		fmt.Println(strings.Join(c.Addresses(), "\n"))
		os.Exit(0)
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends the children of a process that died")
	}
	child := exec.Command(os.Args[0], "-test.run", "^TestNodesDoNotOutliveTheProcessThatStartedThem$")
	child.Env = append(os.Environ(), orphanBinary+"="+program(t), orphanDir+"="+t.TempDir())
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	addresses := strings.Fields(string(out))
	require.Len(t, addresses, 2, "%s", out)
	for _, address := range addresses {
		require.NoError(t, await(patience(t), "nobody to listen on "+address, func() (bool, error) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return true, nil
			}
			return false, conn.Close()
		}))
	}
}
