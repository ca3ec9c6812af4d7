package attack

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/live"
	"github.com/holdfastdb/holdfast/testsuite/live/proxy"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// rested is a store that comes to rest as it is told.
type rested struct {
	acted
	found verdict.Case
	err   error
}

func (s *rested) Observed() verdict.Case { return verdict.Case{} }
func (s *rested) Said() []string         { return []string{"node 1: follower of term 3"} }

func (s *rested) Name() string                                       { return "rested" }
func (s *rested) Died() []uint64                                     { return nil }
func (s *rested) Rest(context.Context) (found verdict.Case, e error) { return s.found, s.err }

// Goal: what is wrong at rest is a violation; that a store does not come to rest leaves the verdict unknown (ATTACK-2).
// Method: a run without faults or operations is judged after each.
func TestWhatIsFoundAtRestIsJudged(t *testing.T) {
	for want, s := range map[verdict.Outcome]*rested{
		verdict.Pass:     {},
		verdict.Violated: {found: verdict.Case{Violations: []verdict.Violation{*verdict.Violationf("placement", "not-as-planned", "node 4 still has replica 7")}}},
		verdict.Unknown:  {err: errors.New("group 1: catching up")},
	} {
		s.net, s.course = proxy.New(nil), target.NewCourse()
		defer s.net.Close()
		r := &Run{Store: s, Plan: &plan.Plan{}, Patience: time.Minute, Log: t.Logf}
		n, c := newNemesis(r), &clients{run: r, recorder: history.NewSyncRecorder()}
		n.evidence.Add(counterFinal, 1)
		n.evidence.Add(verdict.CounterAcknowledged, 1)
		found := r.rest(t.Context(), n)
		res := &Result{Translation: &Translation{}}
		r.judge(res, n, c, &found)
		require.Equal(t, want, res.Verdict.Outcome, res.Verdict.Reasons)
		if want == verdict.Unknown {
			require.Contains(t, fmt.Sprint(res.Verdict.Reasons), "catching up\nwhat the nodes said last:\nnode 1: follower of term 3")
		}
	}
}

// Goal: a cluster with partitions whose nodes come, go and are killed is as its table says in the end.
// Method: a short run of real servers; the placement at rest is compared, and so are the tables on the way.
func TestPartitionsAreWhereTheyAreToBe(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	p := Draw(12, true)
	p.Nodes, p.Spares, p.HealAt, p.Network = 3, 1, 3*time.Second, plan.Network{FIFO: true}
	p.Operations = p.Operations[:100]
	p.Faults = []plan.Fault{
		{At: 100 * time.Millisecond, Kind: plan.Join, Targets: []int{4}},
		{At: time.Second, For: 500 * time.Millisecond, Kind: plan.Kill, Leader: true, Targets: []int{1}},
		{At: 2 * time.Second, Kind: plan.Reweight, Targets: []int{2}, Param: 50},
	}
	require.NoError(t, p.Validate())
	dir := t.TempDir()
	binary, err := live.Build(t.Context(), dir)
	require.NoError(t, err)
	h, err := live.NewHoldfast(binary, dir, p, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, h.Close()) }()
	res, err := (&Run{Store: h, Plan: p, Scale: 1, Patience: 2 * time.Minute, Log: t.Logf}).Play(t.Context())
	require.NoError(t, err)
	require.Equal(t, verdict.Pass, res.Verdict.Outcome, res.Verdict.Reasons)
	for _, name := range []string{"placements at rest compared", "tables of partitions compared"} {
		require.Positive(t, res.Verdict.Evidence.Count(name), name)
	}
}
