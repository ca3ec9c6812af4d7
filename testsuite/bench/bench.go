package bench

import (
	"fmt"
	"syscall"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// Result is what was measured.
type Result struct {
	// SteadyRatio is simulated seconds per CPU second of the steady plan.
	SteadyRatio float64 `json:"steady_simulated_seconds_per_cpu_second"`
	// ShardedRatio is that of the steady plan with eight partitions.
	ShardedRatio float64 `json:"sharded_simulated_seconds_per_cpu_second"`
	// SwarmRatio and SeedsPerSecond are of plans drawn from seeds.
	SwarmRatio     float64 `json:"swarm_simulated_seconds_per_cpu_second"`
	SeedsPerSecond float64 `json:"swarm_seeds_per_cpu_second"`
}

// Steady is the plan on which the simulation's speed is stated: five nodes with
// production's settings and ten clients, each with an operation every five seconds, and
// now and then a fault, for ten minutes.
func Steady(seed uint64) *plan.Plan {
	const (
		length  = 10 * time.Minute
		clients = 10
	)
	p := plan.Draw(seed)
	p.Nodes, p.Spares, p.Clients, p.HealAt, p.StayDead = 5, 0, clients, length, nil
	p.Settings = plan.Settings{
		Heartbeat: 50 * time.Millisecond, ElectionTimeout: 200 * time.Millisecond,
		MaxAppendBytes: 256 << 10, MaxInflightAppends: 64, MaxUncommittedBytes: 32 << 20,
		MaxCacheBytes: 1 << 20, MaxApplyBytes: 1 << 20, SegmentBytes: 64 << 10, FlushEvery: 100, CompactBytes: 64 << 10,
		SessionTTL: 10 * time.Minute, SessionWindow: 1024, MaxSessions: 1 << 16,
		AttemptTimeout: time.Second, OperationTimeout: 5 * time.Second,
	}
	p.Network = plan.Network{DelayBase: 200 * time.Microsecond, DelayJitter: 800 * time.Microsecond}
	p.Disk = plan.Disk{FsyncBase: 150 * time.Microsecond, FsyncJitter: 150 * time.Microsecond, ApplyJitter: 50 * time.Microsecond}
	p.Operations, p.Faults, p.Quirks = nil, nil, plan.Quirks{}
	s := netsim.NewStream(seed, "bench/steady")
	for at, i := time.Duration(0), 0; at < length; i++ {
		op := plan.Operation{At: at, Client: 1 + i%clients, Kind: history.Get, Key: fmt.Sprintf("k%d", s.IntN(50))}
		if i%2 == 0 {
			op.Kind, op.Value = history.Put, fmt.Sprintf("v%d", i)
		}
		p.Operations = append(p.Operations, op)
		at += time.Duration(s.Int64N(int64(time.Second)))
	}
	for at := 10 * time.Second; at < length; at += 20 * time.Second {
		kind := []plan.FaultKind{plan.Kill, plan.PowerLoss, plan.Pause, plan.Isolate}[s.IntN(4)]
		p.Faults = append(p.Faults, plan.Fault{At: at, For: 2 * time.Second, Kind: kind, Leader: true, Targets: []int{1 + s.IntN(5)}})
	}
	return p
}

// Sharded is Steady on eight partitions of three copies, with what servers use by default.
func Sharded(seed uint64) *plan.Plan {
	p := Steady(seed)
	p.Sharding = &plan.Sharding{
		Partitions: 8, Replicas: 3, ReportEvery: time.Second, DeadAfter: 5 * time.Minute, FlapDamping: time.Minute, MaxMoves: 8,
		ExpectFor: 30 * time.Second, QuiesceAfter: 5 * time.Second,
	}
	return p
}

// Measure measures each figure for about the given CPU time.
func Measure(each time.Duration) Result {
	var r Result
	r.SteadyRatio, r.ShardedRatio = ratio(Steady, each), ratio(Sharded, each)
	virtual, begin := time.Duration(0), CPU()
	seeds := 0
	for ; CPU()-begin < each; seeds++ {
		virtual += run.Execute(plan.Draw(uint64(seeds+1)), run.Options{}).Virtual
	}
	used := (CPU() - begin).Seconds()
	r.SwarmRatio, r.SeedsPerSecond = virtual.Seconds()/used, float64(seeds)/used
	return r
}

// ratio is how many seconds are simulated in a CPU second.
func ratio(draw func(seed uint64) *plan.Plan, each time.Duration) float64 {
	virtual, begin := time.Duration(0), CPU()
	for seed := uint64(1); CPU()-begin < each; seed++ {
		virtual += run.Execute(draw(seed), run.Options{}).Virtual
	}
	return virtual.Seconds() / (CPU() - begin).Seconds()
}

// CPU is the CPU time that this process has used.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(fmt.Sprintf("bench: reading the CPU time: %v", err))
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
