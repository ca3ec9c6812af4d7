package careless

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/live/attack"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Word {
		fmt.Fprintln(os.Stderr, Serve(os.Args[1:]))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// busy is a plan of two seconds in which three clients write and read two keys, with a delay between the nodes so that the
// replicas lag, on any machine.
func busy(faults ...plan.Fault) *plan.Plan {
	ms := time.Millisecond
	p := &plan.Plan{
		Version: plan.Version, Seed: 1, Nodes: 3, Clients: 3, HealAt: 2 * time.Second, Faults: faults,
		Settings: plan.Settings{Heartbeat: 100 * ms, ElectionTimeout: 400 * ms, AttemptTimeout: 300 * ms, OperationTimeout: 2 * time.Second},
		Network:  plan.Network{DelayBase: 20 * ms, FIFO: true},
	}
	for i := range 300 {
		op := plan.Operation{At: time.Duration(i) * 6 * ms, Client: 1 + i%3, Kind: history.Get, Key: fmt.Sprintf("k%d", i%2)}
		if i%4 < 2 {
			op.Kind, op.Value = history.Put, fmt.Sprintf("v%d", i)
		}
		p.Operations = append(p.Operations, op)
	}
	return p
}

func attacked(t *testing.T, p *plan.Plan, set func(*Store)) *attack.Result {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	require.NoError(t, p.Validate())
	s, err := New(os.Args[0], t.TempDir(), p.Machines())
	require.NoError(t, err)
	set(s)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	res, err := (&attack.Run{Store: s, Plan: p, Scale: 1, Log: t.Logf}).Play(t.Context())
	require.NoError(t, err)
	for _, c := range res.Verdict.Evidence.Counters() {
		t.Logf("%8d  %s", c.Count, c.Name)
	}
	return res
}

func atPrimary(s *Store) { s.PrimaryOnly = true }

// Goal: the attack finds a store that is not linearizable, in processes whose code it does not know.
// Method: replicas that lag answer reads; no fault is needed.
func TestStaleReplicasAreCaught(t *testing.T) {
	v := attacked(t, busy(), func(*Store) {}).Verdict
	require.Equal(t, verdict.Violated, v.Outcome, v.Reasons)
}

// Goal: each fault finds what a store without agreement does under it, when all reads go to the primary.
// Method: the primary is killed, and with it what no replica has; it is stalled, so that there are two.
func TestTwoPrimariesAndLostWritesAreCaught(t *testing.T) {
	for _, kind := range []plan.FaultKind{plan.Kill, plan.Pause, plan.Isolate} {
		t.Run(string(kind), func(t *testing.T) {
			v := attacked(t, busy(plan.Fault{At: 600 * time.Millisecond, For: 700 * time.Millisecond, Kind: kind, Targets: []int{1}, Param: 1}), atPrimary).Verdict
			require.Equal(t, verdict.Violated, v.Outcome, v.Reasons)
			require.EqualValues(t, 1, v.Evidence.Count("fault "+string(kind)+" took effect"))
		})
	}
}

// Goal: the store is not caught for something else (CARELESS-1), and the judgement is no alarm that always rings.
// Method: without faults, and without a node that is taken for dead because the machine is busy, read at the primary, it passes.
func TestPrimaryAloneIsLinearizable(t *testing.T) {
	v := attacked(t, busy(), func(s *Store) { s.PrimaryOnly, s.Patience = true, time.Minute }).Verdict
	require.Equal(t, verdict.Pass, v.Outcome, v.Reasons)
}

// Goal: a fault that does nothing leaves the verdict vacuous (ATTACK-1).
// Method: a node is cut off from the others where there are no others.
func TestFaultWithoutEffectIsVacuous(t *testing.T) {
	p := busy(plan.Fault{At: 600 * time.Millisecond, For: 700 * time.Millisecond, Kind: plan.Isolate, Targets: []int{1}, Param: 1})
	p.Nodes = 1
	v := attacked(t, p, atPrimary).Verdict
	require.Equal(t, verdict.Vacuous, v.Outcome, v.Reasons)
}

// Goal: ATTACK-2: that nobody answers in time says nothing about what the clients saw.
// The reason tells how often the clients tried. Method: the only node stays dead, which no plan that is valid asks for.
func TestSilenceAfterHealingLeavesTheVerdictUnknown(t *testing.T) {
	p := busy()
	p.Nodes, p.StayDead, p.HealAt, p.Operations = 1, []int{1}, time.Second, p.Operations[:100]
	if testing.Short() {
		t.Skip("starts processes")
	}
	s, err := New(os.Args[0], t.TempDir(), 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	res, err := (&attack.Run{Store: s, Plan: p, Scale: 1, Patience: 5 * time.Second, Log: t.Logf}).Play(t.Context())
	require.NoError(t, err)
	require.Equal(t, verdict.Unknown, res.Verdict.Outcome, res.Verdict.Reasons)
	require.Regexp(t, `client \d did not get through with a get of "k0" within the bound \(attempts: [1-9]\d*\), at last: `, res.Verdict.Reasons[0])
}
