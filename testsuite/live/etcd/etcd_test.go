package etcd

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/live/attack"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Word {
		fmt.Fprintln(os.Stderr, Serve(os.Args[1:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// Goal: a store that is right passes, whoever wrote it: the attack and the judgement do not rest on what Holdfast does.
// Method: kills, pauses and faults of the network, mostly of the leader.
func TestEtcdSurvivesAPlan(t *testing.T) {
	p := attack.Draw(1, false)
	p.Nodes, p.Spares, p.HealAt, p.Network = 3, 0, 20*time.Second, plan.Network{FIFO: true, DelayBase: time.Millisecond}
	for i := range p.Operations { // spread over the longer time that etcd's election timeout asks for
		p.Operations[i].At = p.HealAt * time.Duration(i) / time.Duration(len(p.Operations))
	}
	p.Faults = nil
	for i, kind := range []plan.FaultKind{plan.Kill, plan.Isolate, plan.Pause, plan.Blackout, plan.OneWay, plan.Split, plan.Isolate} {
		p.Faults = append(p.Faults, plan.Fault{At: time.Duration(i)*2500*time.Millisecond + time.Second, For: 1800 * time.Millisecond, Kind: kind, Leader: true, Targets: []int{1}})
	}
	require.NoError(t, p.Validate())
	s, err := New(os.Args[0], t.TempDir(), p.Nodes)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	res, err := (&attack.Run{Store: s, Plan: p, Scale: 1, Log: t.Logf}).Play(t.Context())
	require.NoError(t, err)
	for _, c := range res.Verdict.Evidence.Counters() {
		t.Logf("%8d  %s", c.Count, c.Name)
	}
	require.Equal(t, verdict.Pass, res.Verdict.Outcome, res.Verdict.Reasons)
}
