package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// suited is a short plan in which a fault of a kind finds something to hit.
func suited(kind plan.FaultKind) *plan.Plan {
	f := plan.Fault{At: 300 * time.Millisecond, For: 400 * time.Millisecond, Kind: kind, Leader: true, Targets: []int{1}, Param: 1}
	p := quiet(f)
	p.Clients = 2
	for i := range p.Operations {
		p.Operations[i].Client = 1 + i%2
	}
	fault := &p.Faults[0]
	switch kind {
	case plan.Ring:
		p.Nodes, fault.Leader, fault.Targets = 5, false, nil
	case plan.Bridge, plan.Blackout:
		fault.Leader, fault.Targets = false, nil
	case plan.Swizzle:
		fault.Leader, fault.Targets = false, []int{1, 2}
	case plan.DeafClient, plan.SilentClient, plan.CrashClient:
		fault.Leader, fault.Targets = false, nil
	case plan.FloodSessions:
		fault.Leader, fault.Targets, p.Settings.MaxSessions = false, nil, 8
	case plan.ClockDrift:
		fault.Param = 20_000
	case plan.Misdirect:
		fault.Param = -512
	case plan.Throttle:
		fault.Param = 10_000
	case plan.SlowProcess:
		fault.Param = 1000
	case plan.SlowSnapshot, plan.StallSnapshot:
		p.Settings.CompactBytes, fault.Param = 1<<10, 50
	case plan.SlowDisk, plan.SlowApply, plan.ClockJump, plan.ClockOffset, plan.ClockStrobe:
		fault.Param = 50
	case plan.FullDisk:
		fault.For = 600 * time.Millisecond
	case plan.AddNode, plan.Promote:
		p.HealAt, p.Spares, fault.Leader, fault.Targets, fault.Param = 3*time.Second, 1, false, []int{4}, 0
	case plan.RemoveNode, plan.Demote:
		fault.Leader, fault.Targets, fault.Param = false, []int{3}, 0
	case plan.Replace:
		p.HealAt, p.Spares, fault.Leader, fault.Targets, fault.Param = 3*time.Second, 1, false, []int{3, 4}, 0
	case plan.Join, plan.Drain, plan.Retire, plan.Reweight, plan.Rezone:
		return placing(p)
	}
	return p
}

// placing turns a plan into one of a cluster with partitions, in which there is time for a change of nodes.
func placing(p *plan.Plan) *plan.Plan {
	p.HealAt, p.Spares = 3*time.Second, 1
	p.Sharding = &plan.Sharding{
		Partitions: 2, Replicas: 3, ReportEvery: 100 * time.Millisecond, DeadAfter: time.Minute, MaxMoves: 4, ExpectFor: time.Second,
	}
	for i := range p.Operations {
		p.Operations[i].At += 2 * time.Second
	}
	f := &p.Faults[0]
	f.At, f.For, f.Leader, f.Targets, f.Param = 1500*time.Millisecond, time.Second, false, []int{3}, 50
	switch f.Kind {
	case plan.Join:
		f.Targets = []int{4}
	case plan.Drain:
		f.Param = 1
	}
	return p
}

// Goal: a nemesis that does nothing makes the run vacuous, one that bites does not (RUN-3). Method: for every kind of fault there is a
// short plan in which it finds something to hit; as it is, and with that nemesis as a no-op.
func TestEveryNemesisThatDoesNothingIsVacuous(t *testing.T) {
	for _, kind := range plan.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			p := suited(kind)
			require.NoError(t, p.Validate())
			require.NoError(t, p.Fair())
			bites := Execute(p, Options{}).Verdict
			require.Equal(t, verdict.Pass, bites.Outcome, "%v", bites.Reasons)
			require.EqualValues(t, 1, bites.Evidence.Count(kind.Counter()))
			idle := execute(p, Options{}, sabotage{kinds: map[plan.FaultKind]bool{kind: true}}).Verdict
			require.Equal(t, verdict.Vacuous, idle.Outcome, "%v", idle.Reasons)
			require.Zero(t, idle.Evidence.Count(kind.Counter()))
		})
	}
}

// Goal: a network or a disk that does not do what the plan asks of it makes the run vacuous. Method: plans that ask for one thing
// each, as they are, and in a world that has no such thing.
func TestEveryDrawThatDoesNothingIsVacuous(t *testing.T) {
	for name, c := range map[string]struct {
		ask func(*plan.Plan)
		no  func(*netsim.Config)
	}{
		"message loss": {
			func(p *plan.Plan) { p.Network.Loss = 0.1 },
			func(c *netsim.Config) { c.Link.Loss, c.ClientLink.Loss = 0, 0 },
		},
		"message duplication": {
			func(p *plan.Plan) { p.Network.Duplicate = 0.2 },
			func(c *netsim.Config) { c.Link.Duplicate = 0 },
		},
		"slow messages": {
			func(p *plan.Plan) { p.Network.Tail, p.Network.TailMax = 0.1, 20*time.Millisecond },
			func(c *netsim.Config) { c.Link.Delay.Tail, c.ClientLink.Delay.Tail = 0, 0 },
		},
		"fsync stalls": {
			func(p *plan.Plan) { p.Disk.StallChance, p.Disk.StallMax = 0.5, 20*time.Millisecond },
			func(c *netsim.Config) { c.Lanes[env.LaneWAL].Run.Tail = 0 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := quiet(plan.Fault{})
			p.HealAt, p.Settings.Heartbeat, p.Settings.ElectionTimeout = 3*time.Second, 10*time.Millisecond, 200*time.Millisecond
			c.ask(p)
			counter := "draw " + name + " took effect"
			bites := Execute(p, Options{}).Verdict
			require.Equal(t, verdict.Pass, bites.Outcome, "%v", bites.Reasons)
			require.Positive(t, bites.Evidence.Count(counter))
			idle := execute(p, Options{}, sabotage{world: c.no}).Verdict
			require.Equal(t, verdict.Vacuous, idle.Outcome, "%v", idle.Reasons)
			require.Zero(t, idle.Evidence.Count(counter))
		})
	}
}

// Goal: of what only long hunts can miss there is a counter whose 0 makes the hunt vacuous, by its name, and it counts. Method: a
// plan of power losses in the middle of writes on a network that reorders, with some seeds, and worlds without either.
func TestRareDrawsAreCounted(t *testing.T) {
	p := quiet(plan.Fault{})
	p.Network.DelayJitter, p.Disk.FsyncBase = 5*time.Millisecond, 5*time.Millisecond
	for i := range 12 {
		at := 200*time.Millisecond + time.Duration(i)*60*time.Millisecond
		p.Faults = append(p.Faults, plan.Fault{At: at, For: 30 * time.Millisecond, Kind: plan.Fuse, Targets: []int{1 + i%3}, Param: 1 + int64(i%2)})
	}
	require.NoError(t, p.Validate())
	none := sabotage{world: func(c *netsim.Config) {
		c.Link.Delay.Jitter, c.ClientLink.Delay.Jitter, c.Disk = 0, 0, netsim.DiskConfig{Keep: []float64{1}}
	}}
	var e, still verdict.Evidence
	for p.Seed = 1; p.Seed <= 10; p.Seed++ {
		e.Merge(&Execute(p, Options{}).Verdict.Evidence)
		still.Merge(&execute(p, Options{}, none).Verdict.Evidence)
	}
	for _, name := range []string{"message reordering", "loss of unsynced writes", "torn writes", "loss of directory entries"} {
		counter := "draw " + name + " took effect"
		require.Positive(t, e.Count(counter), counter)
		require.Zero(t, still.Count(counter), counter)
	}
}

// Goal: the effect of a fault is its own. Method: two nodes with armed fuses, one of which has nothing to write.
func TestEffectsAreNotSharedBetweenFaults(t *testing.T) {
	p := quiet(plan.Fault{})
	p.StayDead = []int{3}
	at := 300 * time.Millisecond
	p.Faults = []plan.Fault{
		{At: at - 100*time.Millisecond, For: time.Second, Kind: plan.Pause, Targets: []int{3}},
		{At: at, For: 300 * time.Millisecond, Kind: plan.Fuse, Targets: []int{1}, Param: 1},
		{At: at, For: 300 * time.Millisecond, Kind: plan.Fuse, Targets: []int{3}, Param: 1},
	}
	require.NoError(t, p.Validate())
	r := Execute(p, Options{})
	require.EqualValues(t, 1, r.Verdict.Evidence.Count("world FuseCrashes"))
	require.EqualValues(t, 1, r.Verdict.Evidence.Count(plan.Fuse.Counter()))
	require.NotEmpty(t, r.History.Operations)
	require.Equal(t, history.OK, r.History.Operations[0].Outcome)
}
