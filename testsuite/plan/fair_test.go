package plan_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: what is drawn is fair, so that shrinking may begin with it. Method: the plans of many seeds.
func TestDrawnPlansAreFair(t *testing.T) {
	for seed := range uint64(3000) {
		require.NoError(t, plan.Draw(seed).Fair(), "seed %d", seed)
		require.NoError(t, plan.DrawSharded(seed).Fair(), "seed %d, sharded", seed)
	}
}

// Goal: what a correct cluster need not survive is unfair. Method: plans that Validate accepts, each with one thing too much.
func TestUnfairPlans(t *testing.T) {
	calm := func(sharded bool, kind plan.FaultKind, param int64) *plan.Plan {
		p := plan.Draw(1)
		if sharded {
			p = plan.DrawSharded(1)
			p.Sharding.Weights, p.Sharding.Zones = nil, nil
		}
		p.Nodes, p.Spares, p.StayDead, p.Settings.Priorities = 3, 0, nil, nil
		p.Faults = []plan.Fault{{At: time.Second, For: time.Second, Kind: kind, Targets: []int{1, 2}, Param: param}}
		return p
	}
	leases := calm(false, plan.ClockDrift, 300)
	leases.Settings.LeaseReads, leases.Settings.NoCheckQuorum, leases.Settings.MaxClockDrift = true, false, 200
	hurried := calm(false, plan.Kill, 0)
	hurried.Settings.AttemptTimeout = hurried.Settings.ElectionTimeout / 2
	late := calm(false, plan.Kill, 0)
	late.HealAt = late.Operations[len(late.Operations)-1].At - 1
	emptied := calm(true, plan.Drain, 0)
	for range 2 {
		emptied.Faults = append(emptied.Faults, emptied.Faults[0])
	}
	impatient := calm(true, plan.Wipe, 0)
	impatient.Sharding.Replicas, impatient.Sharding.DeadAfter = 3, 4*impatient.Sharding.ReportEvery
	impatient.HealAt = impatient.Sharding.DeadAfter + time.Hour
	for name, p := range map[string]*plan.Plan{
		"ring of three": calm(false, plan.Ring, 0), "add nobody": calm(false, plan.AddNode, 0), "replace by nobody": calm(false, plan.Replace, 0),
		"founder joins": calm(true, plan.Join, 0), "drift beyond leases": leases, "client in a hurry": hurried, "operation after healing": late,
		"all drained": emptied, "driver gives up": impatient,
	} {
		require.NoError(t, p.Validate(), name)
		require.Error(t, p.Fair(), name)
	}
	require.NoError(t, calm(false, plan.Kill, 0).Fair())
	require.NoError(t, calm(true, plan.Drain, 0).Fair())
}
