package attack

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/live"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play plays a plan to real servers.
func play(t *testing.T, p *plan.Plan) *Result {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	binary, err := live.Build(context.Background(), dir)
	require.NoError(t, err)
	h, err := live.NewHoldfast(binary, dir, p, Scale(p))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	res, err := (&Run{Store: h, Plan: p, Log: t.Logf}).Play(t.Context())
	require.NoError(t, err)
	for _, c := range res.Verdict.Evidence.Counters() {
		t.Logf("%8d  %s", c.Count, c.Name)
	}
	if kept := os.Getenv("HOLDFAST_LIVE_KEEP"); kept != "" && res.Verdict.Outcome != verdict.Pass {
		require.NoError(t, res.Write(kept))
	}
	return res
}

func TestSeed(t *testing.T) {
	res := play(t, Draw(1, false))
	require.Equal(t, verdict.Pass, res.Verdict.Outcome, res.Verdict.Reasons)
}
