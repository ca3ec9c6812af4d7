package run

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
	"github.com/holdfastdb/holdfast/testsuite/coverage"
	"github.com/holdfastdb/holdfast/testsuite/oracle"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/workload"
)

// Options change how a run is watched, never what happens in it.
type Options struct {
	// Sink receives the trace; nil for none.
	Sink func(netsim.Event)
	// Look is called every LookEvery of virtual time until everything is healed; nil for not at
	// all. It must leave the cluster as it is.
	Look      func(now time.Duration, c *cluster.Cluster)
	LookEvery time.Duration
	// Events is written what the nodes go through and which faults strike; nil for not at all, which
	// costs nothing.
	Events *events.Log
	// Seen is added which abstract states the cluster was in; nil for not at all.
	Seen coverage.Seen
	// Struck is told of each fault when it begins; nil for nobody.
	Struck func(Struck)
	// Mute says which oracles are not listened to, by their names (verdict.Violation.Oracle): the run goes on as if they had said nothing.
	// nil is none.
	Mute func(oracle string) bool
	// Linear bounds the check of the history. With bounds lower than the defaults a run may be undecided that
	// otherwise is not.
	Linear linear.Options
}

// Result is a finished run.
type Result struct {
	Plan      *plan.Plan
	Verdict   verdict.Verdict
	History   *history.History
	Linear    *linear.Result
	TraceHash uint64
	// Virtual is how long the run was in virtual time.
	Virtual time.Duration
	Events  uint64
}

// auditEvery is the distance between two audits of durable bytes, in acknowledged
// writes. An audit costs as much as some hundred events.
const auditEvery = 16

// runner is one run under way.
type runner struct {
	plan    *plan.Plan
	world   *netsim.World
	cluster *cluster.Cluster
	oracle  *oracle.Oracle
	clients *workload.Clients
	nemesis *nemesis
	// observer is nil if nobody wants to know.
	observer *observer

	violations []verdict.Violation
	evidence   verdict.Evidence
	struck     func(Struck)
	mute       func(oracle string) bool
	// drawn is what the plan's network and disks had done when everything was healed; nil before.
	drawn *drawn
}

// Execute runs a plan to its verdict. The plan must be valid.
func Execute(p *plan.Plan, o Options) *Result { return execute(p, o, sabotage{}) }

// sabotage takes the effect from faults, so that tests can see that the verdict then is not pass.
type sabotage struct {
	// kinds are carried out as nothing at all.
	kinds map[plan.FaultKind]bool
	// world takes from the configuration what the plan asks for; nil for nothing.
	world func(*netsim.Config)
}

func execute(p *plan.Plan, o Options, s sabotage) *Result {
	cfg := worldConfig(p)
	if s.world != nil {
		s.world(&cfg)
	}
	r := &runner{plan: p, world: netsim.New(p.Seed, cfg), oracle: oracle.New(auditEvery), struck: o.Struck, mute: o.Mute}
	r.oracle.Mute = o.Mute
	r.world.Sink = o.Sink
	r.oracle.Report = func(v *verdict.Violation) {
		r.violations = append(r.violations, *v)
		r.world.Stop()
	}
	r.world.OnPanic = r.panicked
	watcher := cluster.Watcher(r.oracle)
	if r.observer = observe(r.world, o.Events, r.oracle); r.observer != nil {
		watcher = r.observer
	}
	var seer *coverage.Watcher
	if o.Seen != nil {
		seer = coverage.Watch(watcher, o.Seen)
		watcher = seer
	}
	r.cluster = cluster.New(r.world, p, watcher)
	seer.Of(r.cluster)
	r.oracle.Watch(r.cluster)
	r.nemesis = newNemesis(r)
	r.nemesis.inert = s.kinds
	if r.observer != nil {
		r.world.AfterEvent = r.nemesis.bites
	}
	r.oracle.MayFail = r.nemesis.diskFailing
	r.world.OnSend = r.nemesis.sent
	r.oracle.Damaged = r.nemesis.lostCopy
	r.world.OnBoot = r.booted
	r.clients = workload.New(r.world, p)
	r.clients.Opened, r.clients.Acknowledged = r.nemesis.opened, r.nemesis.acknowledged
	if err := r.cluster.Start(); err == nil {
		r.phases(&o)
	}
	return r.judge(o.Linear)
}

// phases drives the world through the plan.
func (r *runner) phases(o *Options) {
	r.clients.Start()
	r.nemesis.schedule()
	for at := o.LookEvery; o.Look != nil && at < r.plan.HealAt; at += o.LookEvery {
		if !r.world.RunUntil(env.Instant(at)) {
			return
		}
		o.Look(at, r.cluster)
	}
	if !r.world.RunUntil(env.Instant(r.plan.HealAt)) {
		return
	}
	r.nemesis.heal()
	r.clients.Final()
	limit := env.Instant(r.plan.HealAt + recoveryBound(r.plan))
	for !r.clients.Finished() && r.world.Now() < limit {
		if !r.world.RunUntil(min(limit, r.world.Now().Add(50*time.Millisecond))) {
			return
		}
	}
	for repair := (repairing{}); repair.goesOn(r); {
		if !r.world.RunUntil(r.world.Now().Add(100 * time.Millisecond)) {
			return
		}
	}
	if late := r.clients.Late(); late != "" {
		r.violate(verdict.Violationf(verdict.OracleLiveness, "no-progress-after-healing",
			"%v after everything was healed %s", recoveryBound(r.plan), late))
	} else if n := r.clients.Open(); n > 0 {
		r.violate(verdict.Violationf(verdict.OracleLiveness, "operations-without-end",
			"%v after everything was healed %d operations have not ended, though they have deadlines", recoveryBound(r.plan), n))
	}
	if missing := r.unrepaired(); missing != "" {
		r.violate(verdict.Violationf(verdict.OracleLiveness, "not-repaired",
			"%v after everything was healed %s", time.Duration(r.world.Now())-r.plan.HealAt, missing))
	}
	r.oracle.Finish()
}

// recoveryBound is how long after healing the last client may take: some elections
// and retries, with the plan's own timeouts, and the work that piled up, for which the
// log may hold several copies of each operation, applied one by one.
func recoveryBound(p *plan.Plan) time.Duration {
	s := &p.Settings
	const copies = 4
	backlog := copies * time.Duration(len(p.Operations)) * p.Disk.ApplyJitter
	if p.Sharded() {
		backlog += 2 * p.Sharding.ExpectFor // until partitions are made, perhaps by the second driver
	}
	return 10*time.Second + 40*s.ElectionTimeout + 4*s.OperationTimeout + backlog
}

func (r *runner) violate(v *verdict.Violation) {
	v.At = int64(r.world.Now())
	r.violations = append(r.violations, *v)
}

// panicked turns a panic of a node or client into a violation.
func (r *runner) panicked(p *netsim.Process, value any, stack []byte) {
	r.violate(verdict.Violationf(OracleCrash, panicAspect(value), "process %d panicked: %v\n%s", p.ID(), value, stack))
	r.world.Stop()
}

// panicAspect keeps the words of a panic and drops its numbers.
func panicAspect(value any) string {
	text := []byte(fmt.Sprint(value))
	out := text[:0]
	for _, c := range text {
		switch {
		case c == '\n':
			return string(out)
		case c >= '0' && c <= '9':
			continue
		}
		out = append(out, c)
	}
	return string(out[:min(len(out), 80)])
}

// booted is told of each start: one that fails without cause is a violation.
func (r *runner) booted(p *netsim.Process, err error) {
	if err == nil || r.nemesis.mayNotBoot(p) {
		return
	}
	r.violate(verdict.Violationf("recovery", "does-not-start", "process %d cannot start: %v", p.ID(), err))
	r.world.Stop()
}

func worldConfig(p *plan.Plan) netsim.Config {
	cfg := netsim.DefaultConfig()
	n, d := &p.Network, &p.Disk
	cfg.Link = netsim.LinkConfig{
		Delay: netsim.Dist{Base: n.DelayBase, Jitter: n.DelayJitter, Tail: n.Tail, TailMax: n.TailMax},
		Loss:  n.Loss, Duplicate: n.Duplicate, FIFO: n.FIFO,
	}
	client := cfg.Link
	// A client's stream does not deliver a request twice, and the client's account of
	// what was certainly not applied rests on that. Retries make duplicates enough.
	client.Duplicate = 0
	cfg.ClientLink = &client
	cfg.Lanes[env.LaneWAL].Run = netsim.Dist{Base: d.FsyncBase, Jitter: d.FsyncJitter, Tail: d.StallChance, TailMax: d.StallMax}
	cfg.Lanes[env.LaneApply].Run = netsim.Dist{Jitter: d.ApplyJitter}
	cfg.InputsPerTurn = p.Quirks.Crowd
	return cfg
}
