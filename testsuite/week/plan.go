package week

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Plan is a cluster of three nodes that clients write to all the time, a write each second and now and
// then a read, while it is disturbed every quarter of an hour: nodes are killed, lose power, are cut
// off so long that they need a snapshot, lose their disk, and clients are cut off so long that their
// sessions expire.
func Plan(seed uint64, length time.Duration) *plan.Plan {
	const clients = 4
	p := &plan.Plan{Version: plan.Version, Seed: seed, Nodes: 3, Clients: clients, HealAt: length}
	p.Settings = plan.Settings{
		Heartbeat: time.Second, ElectionTimeout: 4 * time.Second,
		MaxAppendBytes: 64 << 10, MaxInflightAppends: 64, MaxUncommittedBytes: 1 << 20,
		MaxCacheBytes: 16 << 10, MaxApplyBytes: 64 << 10, SegmentBytes: 64 << 10, FlushEvery: 1000, CompactBytes: 16 << 10,
		SessionTTL: time.Minute, SessionWindow: 64, MaxSessions: 64,
		AttemptTimeout: 8 * time.Second, OperationTimeout: 30 * time.Second,
	}
	p.Network = plan.Network{DelayBase: 200 * time.Microsecond, DelayJitter: 800 * time.Microsecond}
	p.Disk = plan.Disk{FsyncBase: 150 * time.Microsecond, FsyncJitter: 150 * time.Microsecond, ApplyJitter: 50 * time.Microsecond}
	s := netsim.NewStream(seed, "week")
	for at, i := time.Duration(0), 0; at < length; i++ {
		op := plan.Operation{At: at, Client: 1 + i%clients, Kind: history.Put, Key: fmt.Sprintf("k%d", s.IntN(200)), Value: fmt.Sprintf("v%d", i)}
		if s.IntN(8) == 0 {
			op.Kind, op.Value = history.Get, ""
		}
		p.Operations = append(p.Operations, op)
		at += time.Duration(s.Int64N(int64(2 * time.Second)))
	}
	kinds := []plan.FaultKind{plan.Kill, plan.PowerLoss, plan.Pause, plan.Isolate, plan.Split, plan.Wipe}
	for at, i := time.Minute, 0; at < length-20*time.Minute; at, i = at+15*time.Minute, i+1 {
		f := plan.Fault{At: at, For: 10 * time.Second, Kind: kinds[i%len(kinds)], Leader: i%2 == 0, Targets: []int{1 + s.IntN(p.Nodes)}}
		if f.Kind == plan.Split || f.Kind == plan.Isolate {
			f.For, f.Leader = 12*time.Minute, false // beyond what the log keeps, and the sessions' patience
		}
		if f.Kind == plan.Wipe {
			f.Targets, f.Leader = []int{3}, false // always the same one: a majority must keep its data
		}
		p.Faults = append(p.Faults, f)
	}
	return p
}
