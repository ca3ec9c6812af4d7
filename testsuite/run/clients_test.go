package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// underClientFault executes a plan of a second with two clients, the first of which has a fault from 300 ms on, and returns the first
// client's operations that were called while it was on.
func underClientFault(t *testing.T, f plan.Fault) (r *Result, during []history.Operation) {
	f.At, f.For, f.Param = 300*time.Millisecond, 400*time.Millisecond, 1
	p := quiet(f)
	p.Clients = 2
	for i := range p.Operations {
		p.Operations[i].Client = 1 + i%2
	}
	require.NoError(t, p.Validate())
	r = Execute(p, Options{})
	require.Equal(t, verdict.Pass, r.Verdict.Outcome, "%v", r.Verdict.Reasons)
	require.EqualValues(t, 1, r.Verdict.Evidence.Count(f.Kind.Counter()), "it bites")
	for _, op := range r.History.Operations {
		if at := time.Duration(op.CallTime); op.Client == 1 && at >= f.At && at < f.At+f.For {
			during = append(during, op)
		}
	}
	p.Faults[0].At = p.HealAt
	require.Zero(t, Execute(p, Options{}).Verdict.Evidence.Count(f.Kind.Counter()), "it never strikes")
	return r, during
}

// Goal: a client that loses all answers learns of none before the fault ends. Method: when its operations return.
func TestDeafClientLearnsNothing(t *testing.T) {
	_, during := underClientFault(t, plan.Fault{Kind: plan.DeafClient})
	require.NotEmpty(t, during)
	for _, op := range during {
		require.GreaterOrEqual(t, time.Duration(op.ReturnTime), 700*time.Millisecond)
	}
}

// Goal: a client that cannot reach the leader tries others, and is told of the leader again. Method: cut it off from the leader; nothing is
// answered meanwhile, and all is afterwards, through whoever it asked.
func TestDivertedClientTriesOthers(t *testing.T) {
	_, during := underClientFault(t, plan.Fault{Kind: plan.DivertClient, Leader: true, Targets: []int{1}})
	require.NotEmpty(t, during)
	for _, op := range during {
		require.Equal(t, history.OK, op.Outcome)
	}
}

// Goal: a silent client calls nothing. Method: look for calls.
func TestSilentClientCallsNothing(t *testing.T) {
	_, during := underClientFault(t, plan.Fault{Kind: plan.SilentClient})
	require.Empty(t, during)
}

// Goal: what a client that crashes had under way has an unknown outcome, it works on, and its session stays. Method: a crash while the
// leader hangs, so that something is under way, and the sessions at the end.
func TestCrashedClientLeavesUnknownOutcomesAndASession(t *testing.T) {
	p := quiet(plan.Fault{Kind: plan.Pause, At: 290 * time.Millisecond, For: 100 * time.Millisecond, Leader: true, Targets: []int{1}})
	p.Faults = append(p.Faults, plan.Fault{Kind: plan.CrashClient, At: 350 * time.Millisecond, For: time.Millisecond, Param: 1})
	require.NoError(t, p.Validate())
	r := Execute(p, Options{})
	require.Equal(t, verdict.Pass, r.Verdict.Outcome, "%v", r.Verdict.Reasons)
	require.EqualValues(t, 1, r.Verdict.Evidence.Count(plan.CrashClient.Counter()))
	unknown, later := 0, 0
	for _, op := range r.History.Operations {
		if op.Outcome == history.Unknown && op.Error == "the client crashed" {
			unknown++
		}
		if op.Outcome == history.OK && time.Duration(op.CallTime) > 400*time.Millisecond {
			later++
		}
	}
	require.Positive(t, unknown)
	require.Positive(t, later)
}

// Goal: multi-gets, multi-puts and scans leave an operation for each key in the history, with what they saw. Method: one after the other on
// two keys, the second of which is erased in the end. The scan has a page for each key.
func TestOperationsOnSeveralKeysAreJudgedKeyByKey(t *testing.T) {
	p := quiet(plan.Fault{})
	put := []plan.Item{{Kind: history.Put, Key: "b", Value: "b1"}}
	p.Operations = []plan.Operation{
		{At: 600 * time.Millisecond, Client: 1, Kind: history.Put, Key: "a", Value: "a1", Also: put},
		{At: 700 * time.Millisecond, Client: 1, Kind: history.Get, Key: "a", Also: []plan.Item{{Kind: history.Get, Key: "b"}}},
		{At: 800 * time.Millisecond, Client: 1, Kind: history.Put, Key: "a", Value: "a2", Also: []plan.Item{{Kind: history.Erase, Key: "b"}}},
		{At: 900 * time.Millisecond, Client: 1, Kind: history.Get, Key: "a", Scan: 1},
	}
	require.NoError(t, p.Validate())
	r := Execute(p, Options{})
	require.Equal(t, verdict.Pass, r.Verdict.Outcome, "%v", r.Verdict.Reasons)
	var saw []string
	for _, op := range r.History.Operations[:8] {
		require.Equal(t, history.OK, op.Outcome)
		if op.Key != "k" {
			saw = append(saw, op.Kind.String()+" "+op.Key+" "+op.Value+op.Result.Value)
		}
	}
	require.Equal(t, []string{"put a a1", "put b b1", "get a a1", "get b b1", "put a a2", "erase b ", "get a a2", "get b "}, saw)
}
