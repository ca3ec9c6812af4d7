package raft

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

const (
	testHeartbeat = 10 * time.Millisecond
	testElection  = 100 * time.Millisecond
)

func testConfig(id ReplicaID, n int) Config {
	c := Config{
		Group: 7, ID: id, Seed: uint64(id) * 7919,
		HeartbeatInterval: testHeartbeat, ElectionTimeout: testElection, PreVote: true, CheckQuorum: true,
		MaxAppendBytes: 1 << 12, MaxInflightAppends: 8, MaxInflightBytes: 1 << 14,
		MaxUncommittedBytes: 1 << 16, MaxCacheBytes: 1 << 12, MaxPendingReads: 100,
	}
	for i := range n {
		c.Voters = append(c.Voters, ReplicaID(i+1))
	}
	return c
}

type letter struct {
	message Message
	at      time.Duration
}

type pendingFetch struct {
	id ReplicaID
	Fetch
}

// commitment is a committed entry's term, and the term of the leader that committed it.
type commitment struct{ term, in uint64 }

// cluster runs replicas over a network and disks that misbehave by seed. After every
// input the invariants of the replica and those of the whole cluster are checked.
type cluster struct {
	t     require.TestingT
	rng   *rand.Rand
	now   time.Duration
	cfgs  map[ReplicaID]Config
	nodes map[ReplicaID]*Raft
	disks map[ReplicaID]*disk
	ids   []ReplicaID

	mail    []letter
	fetches []pendingFetch
	cut     map[[2]ReplicaID]bool
	filter  func(Message) bool
	// lose, double are probabilities in percent; delay is the most a message takes.
	lose, double int
	delay        time.Duration
	// syncDisk completes hand-offs at once; otherwise persist does.
	syncDisk bool
	// each, if set, follows each step.
	each func()

	leaders   map[uint64]ReplicaID
	applied   map[ReplicaID]uint64
	committed []Entry
	commits   []commitment
	grants    []ReadGrant
	readFloor map[uint64]uint64
	droppedRd []uint64
	sent      int
	snapshots
}

func newCluster(t require.TestingT, n int, seed uint64, change func(*Config)) *cluster {
	c := &cluster{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), cfgs: map[ReplicaID]Config{}, nodes: map[ReplicaID]*Raft{},
		disks: map[ReplicaID]*disk{}, cut: map[[2]ReplicaID]bool{}, delay: time.Millisecond, syncDisk: true,
		leaders: map[uint64]ReplicaID{}, applied: map[ReplicaID]uint64{}, readFloor: map[uint64]uint64{},
		snapshots: snapshots{installed: map[ReplicaID]Mark{}, known: map[ReplicaID]confchange.Config{}},
	}
	for i := range n {
		id := ReplicaID(i + 1)
		cfg := testConfig(id, n)
		cfg.Seed += seed
		if change != nil {
			change(&cfg)
		}
		c.ids, c.cfgs[id], c.disks[id] = append(c.ids, id), cfg, &disk{}
		c.start(id)
	}
	return c
}

func (c *cluster) start(id ReplicaID) {
	c.disks[id].repair(c.installed[id])
	r, err := New(c.cfgs[id], c.disks[id].restored(c.applied[id]), c.now)
	require.NoError(c.t, err)
	c.nodes[id], c.known[id] = r, r.Configuration()
	c.after(id)
}

// crash stops a replica; of the writes on their way a prefix survives.
func (c *cluster) crash(id ReplicaID) {
	d := c.disks[id]
	for _, p := range d.pending[:c.rng.IntN(len(d.pending)+1)] {
		d.write(p)
	}
	d.pending = nil
	delete(c.nodes, id)
	c.fetches = slices.DeleteFunc(c.fetches, func(f pendingFetch) bool { return f.id == id })
	c.sendings = slices.DeleteFunc(c.sendings, func(s sending) bool { return s.from == id })
	for i := range c.transits {
		c.transits[i].done = c.transits[i].done || c.transits[i].from == id
	}
}

// after handles what the last input of a replica led to.
func (c *cluster) after(id ReplicaID) {
	for range 1000 {
		r := c.nodes[id]
		require.NoError(c.t, r.CheckInvariants())
		out := r.Output()
		require.NoError(c.t, r.CheckInvariants())
		c.collect(id, out)
		d := c.disks[id]
		if !c.syncDisk || len(d.pending) == 0 {
			return
		}
		c.persist(id, len(d.pending))
	}
	require.Fail(c.t, "a replica does not come to rest")
}

func (c *cluster) collect(id ReplicaID, out Output) {
	for _, m := range out.Messages {
		c.sent++
		c.post(m)
	}
	if out.HasPersist {
		c.disks[id].pending = append(c.disks[id].pending, out.Persist)
	}
	for _, f := range out.Fetches {
		c.fetches = append(c.fetches, pendingFetch{id, f})
	}
	c.collectSnapshots(id, out)
	for _, g := range out.Reads {
		require.GreaterOrEqual(c.t, g.Index, c.readFloor[g.ID], "a read misses what was committed before it")
	}
	c.grants = append(c.grants, out.Reads...)
	c.droppedRd = append(c.droppedRd, out.DroppedReads...)
	c.observe(id)
}

func (c *cluster) post(m Message) {
	if c.cut[[2]ReplicaID{m.From, m.To}] || c.rng.IntN(100) < c.lose || (c.filter != nil && !c.filter(m)) {
		return
	}
	for range 1 + map[bool]int{true: 1}[c.rng.IntN(100) < c.double] {
		// Through the codec, as in production.
		copied, err := DecodeMessage(AppendMessage(nil, &m))
		require.NoError(c.t, err)
		c.mail = append(c.mail, letter{copied, c.now + time.Duration(c.rng.Int64N(int64(c.delay)))})
	}
}

// observe checks election safety, log matching and leader completeness at once:
// what any replica may apply is one and the same sequence.
func (c *cluster) observe(id ReplicaID) {
	r := c.nodes[id]
	if r.Role() == Leader {
		c.observeLeader(r)
	}
	for next := uint64(len(c.commits)) + 1; next <= r.Commit(); next++ {
		term, ok := r.TermAt(next)
		require.True(c.t, ok, "replica %d commits entry %d, which it lacks", id, next)
		c.commits = append(c.commits, commitment{term: term, in: r.Term()})
	}
	for next := c.applied[id] + 1; next <= r.Applicable(); next++ {
		e := c.entry(id, next)
		require.Equal(c.t, c.commits[next-1].term, e.Term, "replica %d applies another entry %d", id, next)
		if next <= uint64(len(c.committed)) {
			require.Equal(c.t, c.committed[next-1], e, "replica %d applies another entry", id)
		} else {
			c.committed = append(c.committed, e)
		}
		c.applied[id] = next
	}
	r.SetApplied(c.applied[id])
}

// observeLeader checks a leader on its first sight. Leader completeness (§5.4) speaks of
// leaders of later terms than the one in which an entry was committed: one of an
// older term may win late and lack it, and can commit nothing.
func (c *cluster) observeLeader(r *Raft) {
	if l, ok := c.leaders[r.Term()]; ok {
		require.Equal(c.t, l, r.ID(), "two leaders in term %d", r.Term())
		return
	}
	c.leaders[r.Term()] = r.ID()
	for i, want := range c.commits {
		term, ok := r.TermAt(uint64(i) + 1)
		covered := uint64(i)+1 < r.FirstIndex()
		require.True(c.t, want.in >= r.Term() || covered || ok && term == want.term,
			"leader %d of term %d lacks entry %d, committed in term %d", r.ID(), r.Term(), i+1, want.in)
	}
}

func (c *cluster) entry(id ReplicaID, index uint64) Entry {
	if es, ok := c.nodes[id].Slice(index, index, 1); ok {
		return es[0]
	}
	return c.disks[id].at(index)
}

// persist completes the first n hand-offs of a replica.
func (c *cluster) persist(id ReplicaID, n int) {
	d := c.disks[id]
	if n == 0 {
		return
	}
	for _, p := range d.pending[:n] {
		d.write(p)
	}
	seq := d.pending[n-1].Seq
	d.pending = d.pending[n:]
	if r := c.nodes[id]; r != nil {
		r.Persisted(seq)
	}
}

// step delivers the next message or lets the next timer fire, whichever is first.
func (c *cluster) step() {
	if c.each != nil {
		defer c.each()
	}
	best, at := -1, Never
	for i, l := range c.mail {
		if l.at < at {
			best, at = i, l.at
		}
	}
	tick := ReplicaID(0)
	for _, id := range c.ids {
		if r := c.nodes[id]; r != nil && r.Deadline() < at {
			tick, at = id, r.Deadline()
		}
	}
	if at == Never {
		c.now += time.Millisecond
		return
	}
	c.now = max(c.now, at)
	if tick != 0 {
		c.nodes[tick].Tick(c.now)
		c.after(tick)
		return
	}
	if best >= 0 {
		c.deliver(best)
	}
}

func (c *cluster) deliver(i int) {
	m := c.mail[i].message
	c.mail = slices.Delete(c.mail, i, i+1)
	c.join(&m)
	if r := c.nodes[m.To]; r != nil && !c.cut[[2]ReplicaID{m.From, m.To}] {
		r.Receive(c.now, m)
		c.after(m.To)
	}
}

// answerFetch answers the oldest fetch from the replica's disk, or fails it.
func (c *cluster) answerFetch(fail bool) {
	if len(c.fetches) == 0 {
		return
	}
	f := c.fetches[0]
	c.fetches = c.fetches[1:]
	d := c.disks[f.id]
	if fail || f.Hi > d.last() || f.Lo <= d.mark.Index {
		c.nodes[f.id].Fetched(f.Peer, f.Lo, nil)
	} else {
		part := d.entries[f.Lo-1-d.mark.Index : f.Hi-d.mark.Index]
		n, _ := prefix(part, f.MaxBytes)
		c.nodes[f.id].Fetched(f.Peer, f.Lo, slices.Clone(part[:n]))
	}
	c.after(f.id)
}

// run goes on for so long in virtual time.
func (c *cluster) run(d time.Duration) {
	for end := c.now + d; c.now < end; {
		c.serve()
		c.step()
	}
}

// serve answers all fetches and completes all snapshots.
func (c *cluster) serve() {
	for len(c.fetches) > 0 {
		c.answerFetch(false)
	}
	for len(c.sendings)+len(c.transits) > 0 {
		c.sendSnapshot(0, false)
	}
}

// runUntil goes on until the condition holds; it fails after a minute of virtual time.
func (c *cluster) runUntil(what string, done func() bool) {
	for end := c.now + time.Minute; !done(); {
		require.Less(c.t, c.now, end, what)
		c.serve()
		c.step()
	}
}

// leader returns the leader of the highest term, nil if there is none.
func (c *cluster) leader() *Raft {
	var best *Raft
	for _, id := range c.ids {
		if r := c.nodes[id]; r != nil && r.Role() == Leader && (best == nil || r.Term() > best.Term()) {
			best = r
		}
	}
	return best
}

func (c *cluster) elect() *Raft {
	c.runUntil("a leader is elected and commits", func() bool {
		l := c.leader()
		return l != nil && l.committedOwn()
	})
	return c.leader()
}

// propose has the leader append a command; it returns its index, 0 on refusal.
func (c *cluster) propose(r *Raft, payload string) uint64 {
	index, _, err := r.Propose(c.now, [][]byte{[]byte(payload)})
	if err != nil {
		return 0
	}
	c.after(r.ID())
	return index
}

func (c *cluster) read(r *Raft, id uint64) {
	c.readFloor[id] = uint64(len(c.committed))
	r.Read(c.now, id)
	c.after(r.ID())
}

func (c *cluster) isolate(id ReplicaID, cut bool) {
	for _, other := range c.ids {
		c.cut[[2]ReplicaID{id, other}] = cut
		c.cut[[2]ReplicaID{other, id}] = cut
	}
}

func (c *cluster) agree(what string) {
	c.runUntil(what, func() bool {
		for _, id := range c.members() {
			r := c.nodes[id]
			if r == nil || r.Applicable() != uint64(len(c.committed)) || r.LastIndex() != r.Commit() {
				return false
			}
		}
		return len(c.committed) > 0
	})
}

func TestClusterElectsAndReplicates(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 7} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			c := newCluster(t, n, 1, nil)
			l := c.elect()
			for i := range 200 {
				require.NotZero(t, c.propose(l, fmt.Sprintf("command %d", i)))
				if i%20 == 0 {
					c.run(testHeartbeat)
				}
			}
			c.agree("all replicas hold all commands")
			require.Len(t, c.committed, 201)
		})
	}
}

// Goal: the audit above tells a leader of an old term that comes late, which is legal, from one that lacks what it must
// have. Method: the last vote of term 1 arrives when term 2 has committed; then claim that term 1 committed it.
func TestLeaderCompletenessIsAskedOfLaterTermsOnly(t *testing.T) {
	for _, illegal := range []bool{false, true} {
		c := newCluster(t, 3, 1, func(cfg *Config) { cfg.PreVote, cfg.CheckQuorum = false, false })
		campaign := func(id ReplicaID) {
			c.now = max(c.now, c.nodes[id].Deadline())
			c.nodes[id].Tick(c.now)
			c.after(id)
		}
		campaign(1)
		solicited := c.mail[slices.IndexFunc(c.mail, func(l letter) bool { return l.message.To == 2 })]
		c.mail = []letter{solicited}
		c.deliver(0)
		late := c.mail
		require.Len(t, late, 1)
		c.mail = nil
		campaign(2)
		c.mail = slices.DeleteFunc(c.mail, func(l letter) bool { return l.message.To == 1 })
		for len(c.commits) == 0 && len(c.mail) > 0 {
			c.deliver(0)
			c.mail = slices.DeleteFunc(c.mail, func(l letter) bool { return l.message.To == 1 })
		}
		require.Equal(t, []commitment{{term: 2, in: 2}}, c.commits)
		c.t = &verdict{}
		if illegal {
			c.commits[0].in = 0
		}
		c.mail = late
		c.deliver(0)
		require.Equal(t, Leader, c.nodes[1].Role())
		require.Equal(t, illegal, c.t.(*verdict).failed)
	}
}

// verdict takes a failure down instead of failing the test.
type verdict struct{ failed bool }

func (v *verdict) Errorf(string, ...any) { v.failed = true }
func (v *verdict) FailNow()              { v.failed = true }
