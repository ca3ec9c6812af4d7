package attack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/live/proxy"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// nemesis carries out the faults, one event after the other; changes of members have a lane of their own, since they take
// as long as they take.
type nemesis struct {
	run   *Run
	nodes []uint64 // all that there may be
	begun time.Time
	// pending are the ends of faults, in time order.
	pending []event
	active  []*strike

	changes chan *plan.Fault
	lane    sync.WaitGroup

	mu       sync.Mutex
	evidence verdict.Evidence
	troubles []string
	// changing: a change of members was begun at some time; wiped are nodes whose disk is being replaced.
	changing bool
	wiped    map[uint64]bool
	// on is how many faults last, struckSoFar how many faults and changes there were.
	on, struckSoFar int
}

// strike is one fault under way.
type strike struct {
	fault  plan.Fault
	number int // in the course
	hit    uint64
	killed []uint64
	links  []proxy.Link
	cuts   bool
	before proxy.Effects
	paused bool
}

type event struct {
	at time.Duration
	do func(context.Context)
}

func newNemesis(r *Run) *nemesis {
	n := &nemesis{run: r, changes: make(chan *plan.Fault, len(r.Plan.Faults)), wiped: map[uint64]bool{}}
	for id := range uint64(r.Plan.Machines()) {
		n.nodes = append(n.nodes, id+1)
	}
	return n
}

// rage plays the faults until the time to heal, and heals.
func (n *nemesis) rage(ctx context.Context, faults []plan.Fault) {
	n.begun = time.Now()
	n.lane.Go(func() { n.changeMembers(ctx) })
	n.apply()
	for i := range faults {
		n.after(faults[i].At, func(ctx context.Context) { n.strike(ctx, faults[i], i) })
	}
	for ctx.Err() == nil {
		heal := len(n.pending) == 0 || n.pending[0].at >= n.run.Plan.HealAt
		at := n.run.Plan.HealAt
		if !heal {
			at = n.pending[0].at
		}
		if !proxy.SleepUntil(ctx, n.begun.Add(n.run.scaled(at))) || heal {
			break
		}
		next := n.pending[0]
		n.pending = n.pending[1:]
		next.do(ctx)
	}
	n.heal(ctx)
}

// after plans an event at a time of the plan.
func (n *nemesis) after(at time.Duration, do func(context.Context)) {
	i, _ := slices.BinarySearchFunc(n.pending, at, func(e event, at time.Duration) int { return cmp.Compare(e.at, at+1) })
	n.pending = slices.Insert(n.pending, i, event{at, do})
}

func (n *nemesis) strike(ctx context.Context, f plan.Fault, number int) {
	if f.Kind.Changes() {
		n.changes <- &f
		return
	}
	s := &strike{fault: f, cuts: number%2 == 1 && f.Kind != plan.Clog}
	if len(f.Targets) > 0 {
		s.hit = uint64(f.Targets[0])
	}
	if f.Leader {
		if leader := n.run.Store.Leader(ctx); leader != 0 {
			s.hit = leader
		}
	}
	if f.Kind == plan.Wipe && !n.mayWipe(s.hit) {
		f.At += postponed
		n.after(f.At, func(ctx context.Context) { n.strike(ctx, f, number) })
		return
	}
	n.run.Log("%8s  %s %s", n.clock(), f.Kind, n.describe(s))
	s.number = n.begins(&s.fault, s.targets())
	n.active = append(n.active, s)
	n.lasting(1)
	switch {
	case isNetwork(f.Kind):
		s.links = linksOf(&f, s.hit, n.nodes)
		s.before = n.run.Store.Net().Effects(s.links...)
		n.apply()
	case f.Kind == plan.Pause:
		s.paused = n.has(n.run.Store.Running(), s.hit) && !n.has(n.run.Store.Paused(), s.hit) &&
			n.try("pausing", n.run.Store.Pause(ctx, s.hit))
	case f.Kind == plan.Blackout:
		for _, id := range n.run.Store.Running() {
			n.kill(ctx, s, id)
		}
	case f.Kind == plan.Wipe:
		n.wipe(ctx, s)
	default:
		n.kill(ctx, s, s.hit)
	}
	n.after(f.At+f.For, func(ctx context.Context) { n.end(ctx, s) })
}

func (n *nemesis) describe(s *strike) string {
	switch {
	case len(s.fault.Targets) > 1:
		return fmt.Sprint(s.fault.Targets)
	case s.hit == 0:
		return ""
	}
	return fmt.Sprintf("node %d", s.hit)
}

func (n *nemesis) clock() string { return time.Since(n.begun).Round(time.Millisecond).String() }

func (n *nemesis) has(ids []uint64, id uint64) bool { return slices.Contains(ids, id) }

// try notes an error, which leaves the verdict unknown.
func (n *nemesis) try(what string, err error) bool {
	if err != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.troubles = append(n.troubles, fmt.Sprintf("%s: %v", what, err))
	}
	return err == nil
}

func (n *nemesis) kill(ctx context.Context, s *strike, id uint64) {
	if n.has(n.run.Store.Running(), id) && n.try("killing", n.run.Store.Kill(ctx, id)) {
		s.killed = append(s.killed, id)
	}
}

// postponed is by how much a wipe is put off, again and again, until the rest of the cluster is well.
const postponed = 250 * time.Millisecond

// mayWipe tells whether the rest of the cluster survives the loss of a node's disk (ATTACK-3).
func (n *nemesis) mayWipe(id uint64) bool {
	store, p := n.run.Store, n.run.Plan
	members := store.Members()
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.changing && len(n.wiped) == 0 && len(n.active) == 0 && len(members) >= 3 && n.has(members, id) &&
		len(store.Running()) == len(members) && len(store.Paused()) == 0 && (!p.Sharded() || p.Sharding.Replicas >= 3)
}

// wipe takes a node away with its disk.
func (n *nemesis) wipe(ctx context.Context, s *strike) {
	if err := n.run.Store.(target.Changer).Wipe(ctx, s.hit); err != nil {
		n.run.Log("          %v", err)
		return
	}
	s.killed = []uint64{s.hit}
	n.mu.Lock()
	n.wiped[s.hit] = true
	n.mu.Unlock()
}

// apply brings the network into the state that the faults under way ask for.
func (n *nemesis) apply() {
	n.run.Store.Net().Set(worthwhile(rules(n.run.Plan, n.nodes, n.active)))
}

// end undoes a fault, and counts it if it took effect.
func (n *nemesis) end(ctx context.Context, s *strike) {
	i := slices.Index(n.active, s)
	if i < 0 {
		return
	}
	n.active = slices.Delete(n.active, i, i+1)
	n.lasting(-1)
	effects := uint64(len(s.killed))
	switch {
	case s.paused:
		effects = 1
	case s.links != nil:
		effects = uint64(n.run.Store.Net().Effects(s.links...).Struck() - s.before.Struck())
		n.apply()
	}
	if s.paused && n.has(n.run.Store.Paused(), s.hit) {
		n.try("resuming", n.run.Store.Resume(ctx, s.hit))
	}
	for _, id := range s.killed {
		n.revive(ctx, id)
	}
	if s.fault.Kind == plan.Wipe && effects > 0 {
		n.lane.Go(func() { n.rejoin(ctx, s) })
		return
	}
	n.isOver(&s.fault, s.number, effects)
	if effects > 0 {
		n.count(s.fault.Kind)
	}
}

// rejoin waits until a wiped node has a replica again; only then was its disk lost and replaced.
func (n *nemesis) rejoin(ctx context.Context, s *strike) {
	ctx, cancel := context.WithTimeout(ctx, n.run.Patience)
	defer cancel()
	back := n.try("rejoining", n.run.Store.(target.Changer).Rejoined(ctx, s.hit))
	n.isOver(&s.fault, s.number, 1)
	if back {
		n.count(plan.Wipe)
		n.mu.Lock()
		delete(n.wiped, s.hit)
		n.mu.Unlock()
	}
}

// revive starts a member that is down.
func (n *nemesis) revive(ctx context.Context, id uint64) {
	store := n.run.Store
	if n.has(store.Members(), id) && !n.has(store.Running(), id) {
		n.try("starting", store.Start(ctx, id))
	}
}

func (n *nemesis) count(k plan.FaultKind) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.evidence.Add(k.Counter(), 1)
	if group := k.Group(); group != "" {
		n.evidence.Add(group, 1)
	}
}

func (n *nemesis) lasting(by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.on += by
}

// struck tells whether some fault lasts.
func (n *nemesis) struck() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.on > 0
}

// heal ends all faults, and brings back all nodes but those that the plan wants dead.
func (n *nemesis) heal(ctx context.Context) {
	n.run.Log("%8s  heal", n.clock())
	for len(n.active) > 0 {
		n.end(ctx, n.active[0])
	}
	n.run.Store.Net().Set(nil)
	n.run.Store.Course().Add(events.Event{Kind: events.Healed})
	close(n.changes)
	dead := map[uint64]bool{}
	n.mu.Lock()
	changing, wiped := n.changing, len(n.wiped)
	n.mu.Unlock()
	for _, id := range n.run.Plan.StayDead {
		// A minority of those that the cluster began with, unless that is another cluster by now.
		dead[uint64(id)] = !changing && wiped == 0
	}
	for _, id := range n.run.Store.Members() {
		switch {
		case !dead[id]:
			n.revive(ctx, id)
		case n.has(n.run.Store.Running(), id):
			n.try("killing", n.run.Store.Kill(ctx, id))
		}
	}
	n.lane.Wait()
}
