package testsuite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/live"
	"github.com/holdfastdb/holdfast/testsuite/live/attack"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: what a plan says can be done to real servers, over real gRPC, with real signals and connections, and they survive it.
// Method: a plan with a fault of each sort, most of which aim at the leader; every sort must have taken effect. On a busy machine
// one may find nothing to hit, so a vacuous run is played again.
func TestLiveServersSurviveAPlan(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	binary, err := live.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	for range 3 {
		v := playLive(t, binary, livePlan(t)).Verdict
		if v.Outcome != verdict.Vacuous {
			require.Equal(t, verdict.Pass, v.Outcome, v.Reasons)
			return
		}
		t.Logf("played again: %q", v.Reasons)
	}
	require.Fail(t, "three vacuous runs")
}

func livePlan(t *testing.T) *plan.Plan {
	p := attack.Draw(1, false)
	p.Nodes, p.Spares, p.HealAt, p.Network = 3, 1, 7*time.Second, plan.Network{FIFO: true, DelayBase: time.Millisecond}
	p.Operations = p.Operations[:400]
	at := func(ms, lasting int, k plan.FaultKind, target int) plan.Fault {
		return plan.Fault{
			At: time.Duration(ms) * time.Millisecond, For: time.Duration(lasting) * time.Millisecond, Kind: k, Leader: k != plan.Wipe, Targets: []int{target},
		}
	}
	p.Faults = []plan.Fault{
		at(200, 700, plan.Kill, 1), at(1200, 900, plan.Isolate, 1), at(2200, 700, plan.Pause, 1), at(3200, 400, plan.Wipe, 2),
		at(4400, 700, plan.OneWay, 1), at(5300, 800, plan.Split, 1),
	}
	require.NoError(t, p.Validate())
	return p
}

func playLive(t *testing.T, binary string, p *plan.Plan) *attack.Result {
	store, err := live.NewHoldfast(binary, t.TempDir(), p, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	res, err := (&attack.Run{Store: store, Plan: p, Scale: 1, Log: t.Logf}).Play(t.Context())
	require.NoError(t, err)
	for _, c := range res.Verdict.Evidence.Counters() {
		t.Logf("%8d  %s", c.Count, c.Name)
	}
	return res
}
