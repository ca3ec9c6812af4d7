package run

import (
	"errors"
	"slices"
	"syscall"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// nemesis carries out the plan's faults.
type nemesis struct {
	*runner
	// active are the faults under way, in the order they struck.
	active []*strike
	// failing are the nodes whose disk has been made to fail.
	failing map[int]bool
	// damaged are the nodes whose disk was damaged or wiped.
	damaged  map[int]bool
	atlas    *atlas
	operator *operator
	// joined are the spare nodes that were started in a cluster with partitions.
	joined map[int]bool
	healed bool
	// served are the operations that were acknowledged while faults of a kind were on.
	served map[plan.FaultKind]int64
	// inert are the kinds that are carried out as nothing at all; a run with faults of such a kind must be vacuous.
	inert map[plan.FaultKind]bool
}

// strike is one fault under way.
type strike struct {
	fault  *plan.Fault
	target int
	before marks // when it struck
	disk   *netsim.Fault
	// misdirect and task belong to faults of these kinds; loses says that the atlas allowed
	// the target's copy to be lost.
	misdirect *netsim.Misdirection
	task      *task
	placed    *placed
	loses     bool
	// links are the directions between nodes that the fault cuts or clogs.
	links map[link]bool
	// ranks is how long messages are held back by the ranks of their links.
	ranks map[link]time.Duration
	// off are the nodes that a swizzle has cut off.
	off map[int]bool
	// hits counts the effects that were seen when they came; nemesis.hits adds those that counters tell.
	hits uint64
	bit  bool // the observer knows that it had an effect
}

// Struck is a fault that began.
type Struck struct {
	At    time.Duration
	Fault *plan.Fault
	// Target is the node that it aims at, 0 if it is about several.
	Target int
}

// link is one direction between two processes.
type link struct{ from, to env.NodeID }

// sent is told of each message: one on a link that a fault cuts, clogs or holds back is an effect of that fault.
func (n *nemesis) sent(m *netsim.Message) {
	at := link{m.From, m.To}
	for _, s := range n.active {
		switch {
		case s.links[at] && n.world.IsBlocked(m.From, m.To):
			s.hits++
		case s.ranks[at] > 0:
			s.hits++
			m.Delay += s.ranks[at]
		}
	}
}

func newNemesis(r *runner) *nemesis {
	n := &nemesis{runner: r, failing: make(map[int]bool), damaged: make(map[int]bool), joined: make(map[int]bool), atlas: newAtlas(r.plan), served: make(map[plan.FaultKind]int64)}
	n.operator = newOperator(r.world, r.plan, r.cluster, n.atlas)
	return n
}

// mayNotBoot says whether a start may fail: by a fuse, or by the failing or full disk.
func (n *nemesis) mayNotBoot(p *netsim.Process) bool {
	err := p.BootError()
	return p.Disk().FuseArmed() || p.Panicked() != nil || netsim.Injected(err) || crashed(err) || errors.Is(err, syscall.ENOSPC)
}

func (n *nemesis) schedule() {
	for i := range n.plan.Faults {
		f := &n.plan.Faults[i]
		if f.At < n.plan.HealAt {
			n.world.At(env.Instant(f.At), func() { n.strike(f) })
		}
	}
}

// strike begins a fault and schedules its end.
func (n *nemesis) strike(f *plan.Fault) {
	if n.healed {
		return
	}
	s := &strike{fault: f}
	if len(f.Targets) > 0 {
		s.target = f.Targets[0]
	}
	if leader := n.leaderFor(f); f.Leader && leader != 0 {
		s.target = leader
	}
	if n.struck != nil {
		n.struck(Struck{At: time.Duration(n.world.Now()), Fault: f, Target: s.target})
	}
	n.active = append(n.active, s)
	s.before = n.marksOf(s)
	n.observer.begun(s)
	n.begin(s)
	if !f.Kind.Changes() {
		n.world.After(f.For, func() { n.end(s) })
	}
}

// leaderFor is the leader that a fault aims at: that of one of the groups, a different one at different times.
func (n *nemesis) leaderFor(f *plan.Fault) int {
	groups := n.cluster.Groups()
	return n.cluster.LeaderOf(groups[int(f.At/time.Microsecond)%len(groups)])
}

func (n *nemesis) end(s *strike) {
	i := slices.Index(n.active, s)
	if i < 0 {
		return
	}
	n.active = slices.Delete(n.active, i, i+1)
	hits := n.hits(s)
	n.undo(s)
	n.count(s, hits)
}

// heal ends everything at once and brings the nodes back.
func (n *nemesis) heal() {
	n.healed = true
	n.drawn = n.drawnSoFar()
	n.observer.healed()
	for len(n.active) > 0 {
		n.end(n.active[0])
	}
	w := n.world
	w.HealAll()
	w.UnclogAll()
	w.SetDefaultLink(netsim.DefaultConfig().Link, false)
	w.SetDefaultLink(netsim.DefaultConfig().Link, true)
	for number := 1; number <= n.plan.Machines(); number++ {
		p := n.cluster.Process(number)
		p.Disk().CrashAfterOps(-1)
		p.Disk().SetCapacity(0)
		if n.plan.Quirks.LoopBusy > 0 {
			p.SlowLoop(0)
		}
		if p.Paused() {
			p.Resume()
		}
		if slices.Contains(n.plan.StayDead, number) {
			if p.Alive() {
				p.Crash(netsim.PowerLoss)
			}
			continue
		}
		n.revive(number)
	}
	n.world.After(2*n.plan.Settings.ElectionTimeout, n.reviveLate)
}

// reviveLate restarts nodes whose disk failed before healing and who were told of it only then (plan.Quirks.LateDone). That nodes stop for no
// reason is the oracle's matter.
func (n *nemesis) reviveLate() {
	for number := 1; number <= n.plan.Machines(); number++ {
		if m := n.cluster.Member(number); m != nil && m.Failed() != nil && n.failing[number] {
			n.revive(number)
		}
	}
}

// revive restarts a node that is down or has stopped serving, unless it is to stay dead.
func (n *nemesis) revive(number int) {
	if n.healed && slices.Contains(n.plan.StayDead, number) || n.plan.Sharded() && number > n.plan.Nodes && !n.joined[number] {
		return
	}
	p := n.cluster.Process(number)
	if p.Alive() && n.cluster.Member(number).Failed() != nil {
		p.Crash(netsim.PowerLoss)
	}
	if !p.Alive() {
		n.failing[number] = false
		p.Disk().Eject(nil)
		_ = p.Start() // World.OnBoot judges the outcome
	}
}
