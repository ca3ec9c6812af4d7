package run

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// quiet is a plan of a second with a write each 20 ms, small segments and one fault.
func quiet(f plan.Fault) *plan.Plan {
	p := plan.Draw(1)
	p.Nodes, p.Spares, p.Clients, p.HealAt, p.StayDead = 3, 0, 1, time.Second, nil
	p.Settings = plan.Settings{
		Heartbeat: 50 * time.Millisecond, ElectionTimeout: 200 * time.Millisecond,
		MaxAppendBytes: 256 << 10, MaxInflightAppends: 64, MaxUncommittedBytes: 32 << 20,
		MaxCacheBytes: 1 << 20, MaxApplyBytes: 1 << 20, SegmentBytes: 2 << 10, FlushEvery: 2,
		SessionTTL: 10 * time.Minute, SessionWindow: 1024, MaxSessions: 1 << 16,
		AttemptTimeout: 200 * time.Millisecond, OperationTimeout: 2 * time.Second,
	}
	p.Network = plan.Network{DelayBase: 200 * time.Microsecond}
	p.Disk = plan.Disk{FsyncBase: 150 * time.Microsecond}
	p.Operations, p.Faults, p.Quirks = nil, nil, plan.Quirks{}
	for at := time.Duration(0); at < p.HealAt; at += 20 * time.Millisecond {
		p.Operations = append(p.Operations, plan.Operation{At: at, Client: 1, Kind: history.Put, Key: "k", Value: at.String()})
	}
	if f.Kind != "" {
		p.Faults = []plan.Fault{f}
	}
	return p
}

// Goal: each fault of a disk bites when it should, and is counted only then (RUN-3). Method: each
// kind and parameter while clients write, and too late.
func TestMediaFaultsBite(t *testing.T) {
	for _, f := range []plan.Fault{
		{Kind: plan.FailWrite},
		{Kind: plan.FailWrite, Param: 1},
		{Kind: plan.FullDisk},
		{Kind: plan.FullDisk, Param: 1},
		{Kind: plan.BitRot},
		{Kind: plan.BitRot, Param: 1},
		{Kind: plan.BitRot, Param: 2},
		{Kind: plan.BitRot, Param: 3},
		{Kind: plan.Misdirect, Param: -512},
		{Kind: plan.Misdirect, Param: 4096},
		{Kind: plan.Misdirect, Param: 32},
		{Kind: plan.FailRead, Param: 1},
		{Kind: plan.Wipe},
	} {
		t.Run(fmt.Sprintf("%s %d", f.Kind, f.Param), func(t *testing.T) {
			f.At, f.For, f.Leader, f.Targets = 400*time.Millisecond, 400*time.Millisecond, true, []int{1}
			p := quiet(f)
			require.NoError(t, p.Validate())
			count := func() int64 {
				r := Execute(p, Options{})
				require.Equal(t, r.TraceHash, Execute(p, Options{}).TraceHash)
				return r.Verdict.Evidence.Count(f.Kind.Counter())
			}
			require.EqualValues(t, 1, count(), "it bites")
			p.Faults[0].At = p.HealAt
			require.Zero(t, count(), "it never strikes")
		})
	}
}

// Goal: after an error of the disk that a restart survives, the run passes. Method: such errors on
// the leader.
func TestDiskErrorsAreSurvived(t *testing.T) {
	for _, f := range []plan.Fault{{Kind: plan.FailWrite}, {Kind: plan.FailWrite, Param: 1}, {Kind: plan.FullDisk}, {Kind: plan.FullDisk, Param: 1}} {
		f.At, f.For, f.Leader, f.Targets = 400*time.Millisecond, 400*time.Millisecond, true, []int{1}
		r := Execute(quiet(f), Options{})
		require.EqualValues(t, "pass", r.Verdict.Outcome, "%s: %v", f.Kind, r.Verdict.Reasons)
	}
}

// Goal: what must not be lost is not damaged, though a plan's file asks for it. Method: two nodes
// of three wiped, one of them as leader, in a plan made past Validate.
func TestTheAtlasStopsFaultsThatNoSystemSurvives(t *testing.T) {
	p := quiet(plan.Fault{})
	for i := range 3 {
		p.Faults = append(p.Faults, plan.Fault{At: time.Duration(i+1) * 10 * time.Millisecond, For: time.Millisecond, Kind: plan.FailRead, Targets: []int{i + 1}})
	}
	require.Error(t, p.Validate())
	r := Execute(p, Options{})
	require.Less(t, r.Verdict.Evidence.Count(plan.FailRead.Counter()), int64(2))
}

// starts are the times at which nodes start, beside the first.
func starts(p *plan.Plan) map[env.NodeID][]time.Duration {
	out := make(map[env.NodeID][]time.Duration)
	Execute(p, Options{Sink: func(e netsim.Event) {
		if e.Kind == netsim.KindStart && e.At > 0 {
			out[e.To] = append(out[e.To], time.Duration(e.At))
		}
	}})
	return out
}

// Goal: after a blackout the nodes return one by one over its time, in orders drawn from its
// parameter, or together if that is 0. Method: look at their starts.
func TestNodesReturnOneByOneAfterABlackout(t *testing.T) {
	orders := make(map[string]bool)
	for param := range int64(30) {
		p := quiet(plan.Fault{At: 300 * time.Millisecond, For: 600 * time.Millisecond, Kind: plan.Blackout, Param: param})
		got := starts(p)
		var times []time.Duration
		order := ""
		for n := env.NodeID(1); n <= 3; n++ {
			require.Len(t, got[n], 1)
			times = append(times, got[n][0])
			order += got[n][0].String() + " "
		}
		orders[order] = true
		slices.Sort(times)
		want := []time.Duration{300 * time.Millisecond, 500 * time.Millisecond, 700 * time.Millisecond}
		if param == 0 {
			want = []time.Duration{900 * time.Millisecond, 900 * time.Millisecond, 900 * time.Millisecond}
		}
		require.Equal(t, want, times)
	}
	require.Len(t, orders, 1+6)
}

// Goal: what is to stay dead stays dead, though healing ends a fault that would have restarted it.
// Method: faults under way when everything is healed.
func TestTheDeadStayDead(t *testing.T) {
	for _, kind := range []plan.FaultKind{plan.Blackout, plan.Kill, plan.PowerLoss, plan.FailDisk, plan.FullDisk} {
		p := quiet(plan.Fault{At: 900 * time.Millisecond, For: time.Hour, Kind: kind, Targets: []int{3}})
		p.StayDead = []int{3}
		require.NoError(t, p.Validate())
		got := starts(p)
		require.Empty(t, got[3], "%s", kind)
		if kind == plan.Blackout {
			require.NotEmpty(t, got[1])
		}
	}
}
