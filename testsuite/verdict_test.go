package testsuite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/bench"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// calm is a plan without faults and with an operation every 50 ms for a second.
func calm() *plan.Plan {
	p := bench.Steady(1)
	p.Nodes, p.Clients, p.HealAt = 3, 2, time.Second
	p.Operations, p.Faults = nil, nil
	for at := time.Duration(0); at < p.HealAt; at += 50 * time.Millisecond {
		p.Operations = append(p.Operations, plan.Operation{At: at, Client: 1, Kind: history.Put, Key: "k", Value: at.String()})
	}
	return p
}

func outcome(t *testing.T, p *plan.Plan) verdict.Outcome {
	require.NoError(t, p.Validate())
	return run.Execute(p, run.Options{}).Verdict.Outcome
}

// Goal: a calm run passes, so that the tests below fail for their own reasons.
func TestCalmRunPasses(t *testing.T) {
	require.Equal(t, verdict.Pass, outcome(t, calm()))
}

// Goal: a run in which nothing happened is vacuous (RUN-3). Method: no operations.
func TestRunWithoutOperationsIsVacuous(t *testing.T) {
	p := calm()
	p.Operations = nil
	require.Equal(t, verdict.Vacuous, outcome(t, p))
}

// Goal: operations that do not get through after healing are a liveness violation, not a pass. Method: the
// request that opens the session is lost before healing, and the client has a day's patience.
func TestClientThatWaitsForeverIsStalled(t *testing.T) {
	p := calm()
	p.Settings.AttemptTimeout = 24 * time.Hour
	p.Settings.OperationTimeout = 500 * time.Millisecond
	p.Network.Loss = 0.9
	r := run.Execute(p, run.Options{})
	require.Equal(t, verdict.Stalled, r.Verdict.Outcome, "%v", r.Verdict.Reasons)
}
