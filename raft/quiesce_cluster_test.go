package raft

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// asleep tells whether all members sleep.
func (c *cluster) asleep() bool {
	for _, id := range c.members() {
		if r := c.nodes[id]; r == nil || !r.Quiescent() {
			return false
		}
	}
	return true
}

// resigned tells whether all members sleep, or are learners that were not told: those have no timer to find out, and need none.
func (c *cluster) resigned() bool {
	for _, id := range c.members() {
		r := c.nodes[id]
		if r == nil || (!r.Quiescent() && r.promotable()) {
			return false
		}
	}
	return c.rests() && c.leader() != nil
}

// rests tells whether nobody, member or not, sends or waits for anything.
func (c *cluster) rests() bool {
	for _, r := range c.nodes {
		if r.Deadline() != Never {
			return false
		}
	}
	return len(c.mail) == 0
}

// watch is what shells owe sleeping replicas, and no more (Wake): each knows whom it heard lately, whatever of, and
// how often the others started.
type watch struct {
	*cluster
	heard  map[[2]ReplicaID]time.Duration
	starts map[ReplicaID]*Raft
	known  map[[2]ReplicaID]*Raft
	// restarts: they notice at once that a node restarted.
	restarts bool
	sleeps   int
	wakes    int
}

// watched gives a cluster shells that watch each other, from every step on.
func watched(c *cluster, restarts bool) *watch {
	w := &watch{
		cluster: c, heard: map[[2]ReplicaID]time.Duration{}, starts: map[ReplicaID]*Raft{}, known: map[[2]ReplicaID]*Raft{}, restarts: restarts,
	}
	c.each = w.look
	return w
}

// look lets all nodes that can hear each other do so, and then wakes who must be woken.
func (w *watch) look() {
	for _, a := range w.ids {
		r := w.nodes[a]
		if r == nil {
			continue
		}
		started := w.starts[a] != r
		w.starts[a] = r
		for _, b := range w.ids {
			link := [2]ReplicaID{a, b}
			if started || (w.nodes[b] != nil && !w.cut[[2]ReplicaID{b, a}]) {
				w.heard[link] = w.now
			}
		}
		if !r.Quiescent() {
			continue
		}
		w.sleeps++
		if w.lost(r) {
			w.wakes++
			r.Wake(w.now)
			w.after(a)
		}
	}
	for _, a := range w.ids {
		for _, b := range w.ids {
			w.known[[2]ReplicaID{a, b}] = w.nodes[b]
		}
	}
}

// lost tells whether a node that the replica goes by is silent or was restarted.
func (w *watch) lost(r *Raft) bool {
	for _, b := range w.ids {
		link := [2]ReplicaID{r.ID(), b}
		if b == r.ID() || (r.Role() != Leader && r.Leader() != b) || (r.Role() == Leader && r.peer(b) == nil) {
			continue
		}
		if w.now-w.heard[link] >= testElection || (w.restarts && w.nodes[b] != nil && w.known[link] != w.nodes[b]) {
			return true
		}
	}
	return false
}

// strike does something to a group that sleeps, as far as the network lets it, and lets time pass.
func (w *watch) strike() {
	w.recoverNodes()
	w.calm()
	id := w.ids[w.rng.IntN(len(w.ids))]
	if l := w.leader(); l != nil && w.rng.IntN(2) == 0 {
		id = l.ID()
	}
	switch w.rng.IntN(3) {
	case 0:
		w.crash(id)
	case 1:
		w.crash(id)
		w.start(id)
	default:
		w.isolate(id, true)
	}
	w.calm()
}

// recover ends all faults and lets the group come to rest without anybody asking it for anything.
func (w *watch) recover() {
	w.lose, w.double, w.syncDisk, w.delay, w.filter = 0, 0, true, time.Millisecond, nil
	w.recoverNodes()
}

// recoverNodes ends what is wrong with nodes and links, but for loss and delay.
func (w *watch) recoverNodes() {
	clear(w.cut)
	for _, id := range w.ids {
		if w.nodes[id] == nil {
			w.start(id)
		}
		w.persistSome(id)
		w.after(id)
	}
}

// drowse takes one random step of a schedule in which little is wanted of the group, and much goes wrong.
func (w *watch) drowse(i int) {
	id := w.ids[w.rng.IntN(len(w.ids))]
	if l := w.leader(); l != nil && w.rng.IntN(3) == 0 {
		// It matters more than others.
		id = l.ID()
	}
	r := w.nodes[id]
	switch x := w.rng.IntN(1000); {
	case x < 700:
		w.step()
	case x < 830:
		w.persistSome(id)
	case x < 860 && len(w.mail) > 0:
		w.deliver(w.rng.IntN(len(w.mail)))
	case x < 870:
		if r != nil {
			w.propose(r, fmt.Sprint(i))
		}
	case x < 875:
		if r != nil {
			w.read(r, uint64(i)+1)
		}
	case x < 880:
		// Nobody has to, but may.
		if r != nil {
			r.Wake(w.now)
			w.after(id)
		}
	case x < 895:
		w.calm()
	case x < 905:
		w.strike()
	case x < 925:
		if r != nil {
			w.crash(id)
		} else {
			w.start(id)
		}
	case x < 945:
		if r == nil {
			w.start(id)
		}
	case x < 960:
		w.churn(i)
	default:
		to := w.ids[w.rng.IntN(len(w.ids))]
		w.cut[[2]ReplicaID{id, to}] = w.rng.IntN(2) == 0
	}
}

// calm lets some time pass in which disks work and what was lost is served.
func (w *watch) calm() {
	for _, id := range w.ids {
		if w.nodes[id] != nil {
			w.persist(id, len(w.disks[id].pending))
			w.after(id)
		}
	}
	w.run(time.Duration(w.rng.Int64N(int64(4 * testElection))))
}

// settles lets the faults end and checks that the group comes to sleep by itself, as a whole, and does all that is wanted of it then.
func (w *watch) settles(what string) {
	w.recover()
	w.runUntil(what+": the group sleeps, though nobody wanted anything of it", w.resigned)
	l := w.leader()
	for _, id := range w.members() {
		if r := w.nodes[id]; r.Quiescent() {
			require.Equal(w.t, []any{l.ID(), l.Term(), l.LastIndex()}, []any{r.Leader(), r.Term(), r.LastIndex()}, what)
		}
	}
	sent := w.sent
	w.now += time.Hour
	w.run(2 * testElection)
	require.Equal(w.t, sent, w.sent, "%s: it sleeps", what)
	reader := w.nodes[w.members()[w.rng.IntN(len(w.members()))]]
	before := len(w.grants)
	if w.read(reader, 1<<40); reader.Leader() == 0 {
		w.runUntil(what+": it learns who leads", func() bool { return reader.Leader() != 0 })
		w.read(reader, 1<<40+1)
	}
	w.runUntil(what+": a read wakes it", func() bool { return len(w.grants) > before })
	w.heal()
	require.Equal(w.t, l.ID(), w.leader().ID(), "%s: nobody lost its leader over that", what)
}

// Goal: groups that sleep whenever they can are as safe as others, while messages are lost, late, doubled and cut off, nodes crash, groups change and
// shells wake replicas as Wake says, or for no reason; and when the faults end, the group finds to rest by itself, sleeps as a whole, and wakes when something is wanted. Method: schedules
// by seed, all invariants after each input.
func TestSleepingGroupsAreSafeAndNeverWedge(t *testing.T) {
	var slept, wakes, commits, leaders int
	for seed := range uint64(100) {
		c := newCluster(t, []int{3, 5, 3, 2, 3, 4, 1}[seed%7], seed, func(cfg *Config) {
			cfg.QuiesceAfter = []time.Duration{1, testHeartbeat, testElection}[seed%3]
			cfg.PreVote = seed%4 != 1
			cfg.CheckQuorum = seed%8 < 6
			cfg.LeaseReads = cfg.CheckQuorum && seed%2 == 0
			if seed%5 == 4 && cfg.ID == 1 {
				cfg.QuiesceAfter = 0
			}
		})
		c.lose, c.double = int(seed%4)*3, int(seed%3)*5
		c.delay = []time.Duration{time.Millisecond, 3 * time.Millisecond, 40 * time.Millisecond}[seed/3%3]
		c.syncDisk = seed%2 == 0
		w := watched(c, seed%2 == 1)
		for i := range 2500 {
			w.drowse(i)
		}
		slept += w.sleeps
		if seed%5 == 4 {
			// One that may not sleep keeps the others awake.
			w.heal()
		} else {
			w.settles(fmt.Sprintf("seed %d", seed))
		}
		wakes, commits, leaders = wakes+w.wakes, commits+len(w.committed), leaders+len(w.leaders)
	}
	t.Logf("%d replicas seen asleep, %d woken by their shells, %d commits, %d leaders", slept, wakes, commits, leaders)
	require.Greater(t, slept, 2000, "the groups must sleep under faults")
	require.Greater(t, wakes, 100, "shells must be needed")
	require.Greater(t, commits, 500)
	require.Greater(t, leaders, 200)
}

// Goal: the same, for schedules that rapid chooses and shrinks. Method: each draw is one step.
func TestSleepingGroupsRapid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{3, 5}).Draw(t, "replicas")
		c := newCluster(t, n, rapid.Uint64Range(0, 1000).Draw(t, "seed"), func(cfg *Config) { cfg.QuiesceAfter = testHeartbeat })
		w := watched(c, rapid.Bool().Draw(t, "restarts are noticed"))
		c.elect()
		pick := func() ReplicaID { return ReplicaID(rapid.IntRange(1, n).Draw(t, "replica")) }
		step := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"step": func(*rapid.T) { c.step() },
			"rest": func(*rapid.T) { c.run(5 * testHeartbeat) },
			"long": func(*rapid.T) { c.run(2 * testElection) },
			"lose": func(*rapid.T) { c.mail = nil },
			"wake": func(*rapid.T) {
				if id := pick(); c.nodes[id] != nil {
					c.nodes[id].Wake(c.now)
					c.after(id)
				}
			},
			"propose": func(*rapid.T) {
				if r := c.nodes[pick()]; r != nil {
					step++
					c.propose(r, fmt.Sprint(step))
				}
			},
			"read": func(*rapid.T) {
				if r := c.nodes[pick()]; r != nil {
					step++
					c.read(r, step)
				}
			},
			"crash": func(*rapid.T) {
				if id := pick(); c.nodes[id] != nil {
					c.crash(id)
				} else {
					c.start(id)
				}
			},
			"isolate": func(*rapid.T) { c.isolate(pick(), rapid.Bool().Draw(t, "cut")) },
		})
		w.settles("in the end")
	})
}

// resting is a watched group of n that sleeps, with one command committed.
func resting(t *testing.T, n int, seed uint64, change func(*Config)) *watch {
	w := watched(newCluster(t, n, seed, func(cfg *Config) {
		sleepy(cfg)
		if change != nil {
			change(cfg)
		}
	}), false)
	w.propose(w.elect(), "before")
	w.runUntil("the group sleeps", func() bool { return w.asleep() && w.rests() })
	return w
}

// Goal: one replica that is cut off, from the leader only or from all, in one direction or both, costs a sleeping group neither its leader nor its term, and
// hinders nobody else. Method: each cut, with writes now and then.
func TestCutOffReplicaDoesNotDisruptSleepers(t *testing.T) {
	for seed := range uint64(10) {
		for cut := range 4 {
			w := resting(t, 3+int(seed%3), seed, nil)
			l := w.leader().ID()
			off := w.ids[0]
			if off == l {
				off = w.ids[1]
			}
			w.now += time.Hour
			if cut == 3 {
				w.isolate(off, true)
			} else {
				w.cut[[2]ReplicaID{l, off}], w.cut[[2]ReplicaID{off, l}] = cut != 0, cut != 1
			}
			for i := range 10 {
				w.run(5 * testElection)
				require.NotZero(t, w.propose(w.nodes[l], fmt.Sprint(i)))
			}
			w.run(testElection)
			require.Len(t, w.committed, 12)
			require.Len(t, w.leaders, 1)
			w.settles("once it is back")
			require.Len(t, w.leaders, 1)
		}
	}
}

// Goal: a leader that dies in its sleep is replaced after the silence and an election, as an awake one is: with leases and without, with pre-vote and without. Method: take
// the time.
func TestLeaderThatDiesInItsSleepIsReplaced(t *testing.T) {
	for seed := range uint64(20) {
		w := resting(t, []int{3, 5}[seed%2], seed, func(cfg *Config) {
			cfg.LeaseReads, cfg.PreVote = seed%4 < 2, seed%8 < 4
		})
		w.now += time.Hour
		w.look()
		died := w.now
		w.crash(w.leader().ID())
		w.runUntil("another one leads", func() bool { return w.leader() != nil && w.leader().committedOwn() })
		require.Greater(t, w.now-died, 2*testElection, "the silence, and as long again in which it might have been heard")
		require.Less(t, w.now-died, 8*testElection)
	}
}

// Goal: whoever wants something of a sleeping group whose leader is gone brings it to life, even if shells do not keep their word. Method: no shell wakes anybody;
// somebody proposes to a follower, again and again, or reads there.
func TestDemandRevivesAGroupThatNobodyWatches(t *testing.T) {
	for _, reads := range []bool{true, false} {
		w := resting(t, 3, 1, nil)
		w.each = nil
		l := w.leader().ID()
		w.crash(l)
		w.run(time.Second)
		require.Nil(t, w.leader(), "nobody knows")
		f := w.nodes[l%3+1]
		for i := uint64(0); w.leader() == nil; i++ {
			require.Less(t, i, uint64(20))
			if reads {
				w.read(f, i)
			} else {
				require.Zero(t, w.propose(f, "to whom?"))
				w.after(f.ID())
			}
			w.run(testElection)
		}
		require.NotZero(t, w.propose(w.elect(), "after"))
		w.runUntil("it is committed", func() bool { return len(w.committed) == 4 })
	}
}

// Goal: no read is stale though leaders sleep and wake all the time, with leases, under drifting clocks. Method: as TestNoReadIsStaleThoughClocksDrift, with groups
// that sleep at the first tick at which they may, and are woken at random.
func TestNoReadIsStaleThoughLeadersSleep(t *testing.T) {
	sleeps, leased := 0, 0
	for seed := range uint64(15) {
		d := newDrifting(t, []int{3, 5, 3, 4}[seed%4], seed, func(c *Config) { c.PreVote, c.QuiesceAfter = seed%5 != 1, 1 })
		for range 300 {
			d.schedule(5)
			for range d.rng.IntN(20) {
				d.step()
			}
			id := d.ids[d.rng.IntN(len(d.ids))]
			r := d.nodes[id]
			sleeps += map[bool]int{true: 1}[r.Quiescent()]
			if d.rng.IntN(4) == 0 {
				r.Wake(d.clock(id))
				d.after(id)
			}
			d.read(id)
		}
		require.Empty(t, d.stale, "seed %d", seed)
		leased += d.byLease
	}
	t.Logf("%d replicas seen asleep, %d reads by lease", sleeps, leased)
	require.Greater(t, sleeps, 300)
	require.Greater(t, leased, 1000)
}
