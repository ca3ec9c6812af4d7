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

// testDrift is the bound on clock rates in the tests of leases, in parts per million.
const testDrift = 200_000

// drifting is a cluster whose replicas have clocks of their own, each with an offset and a rate within testDrift.
// Disks are instant. It knows nothing of leases: it only holds that no read is granted
// below what was committed anywhere when it was asked.
type drifting struct {
	t     require.TestingT
	rng   *rand.Rand
	now   time.Duration // true time
	cfgs  map[ReplicaID]Config
	nodes map[ReplicaID]*Raft
	disks map[ReplicaID]*disk
	ids   []ReplicaID
	rate  map[ReplicaID]int64
	base  map[ReplicaID]time.Duration
	mail  []letter
	cut   map[[2]ReplicaID]bool

	commits []uint64 // terms of committed entries
	leaders map[uint64]ReplicaID
	floor   map[uint64]uint64
	nextID  uint64
	newest  map[ReplicaID]ReadGrant
	settled map[ReplicaID]uint64 // how many reads ended here, of asked[id]
	asked   map[ReplicaID][]uint64

	stale                               []string
	byLease, byRound, far, handed, lost int
	changes                             int
}

func newDrifting(t require.TestingT, n int, seed uint64, change func(*Config)) *drifting {
	d := &drifting{
		t: t, rng: rand.New(rand.NewPCG(seed, 2)), cfgs: map[ReplicaID]Config{}, nodes: map[ReplicaID]*Raft{},
		disks: map[ReplicaID]*disk{}, rate: map[ReplicaID]int64{}, base: map[ReplicaID]time.Duration{}, cut: map[[2]ReplicaID]bool{},
		leaders: map[uint64]ReplicaID{}, floor: map[uint64]uint64{}, newest: map[ReplicaID]ReadGrant{},
		settled: map[ReplicaID]uint64{}, asked: map[ReplicaID][]uint64{},
	}
	for i := range n {
		id := ReplicaID(i + 1)
		cfg := testConfig(id, n)
		cfg.LeaseReads, cfg.MaxClockDrift = true, testDrift
		change(&cfg)
		d.ids, d.cfgs[id], d.disks[id] = append(d.ids, id), cfg, &disk{}
		d.rate[id] = 1_000_000 + []int64{-testDrift, 0, testDrift}[d.rng.IntN(3)]
		d.start(id)
	}
	return d
}

// clock is what the replica's clock shows.
func (d *drifting) clock(id ReplicaID) time.Duration {
	return d.base[id] + time.Duration(int64(d.now)*d.rate[id]/1_000_000)
}

// due is the true time of the replica's deadline.
func (d *drifting) due(id ReplicaID) time.Duration {
	wait := d.nodes[id].Deadline()
	if wait == Never {
		return Never
	}
	return d.now + time.Duration((int64(max(0, wait-d.clock(id)))*1_000_000+d.rate[id]-1)/d.rate[id])
}

func (d *drifting) start(id ReplicaID) {
	d.base[id] = time.Duration(d.rng.Int64N(int64(time.Hour)))
	cfg := d.cfgs[id]
	cfg.Seed = d.rng.Uint64()
	r, err := New(cfg, d.disks[id].restored(0), d.clock(id))
	require.NoError(d.t, err)
	d.nodes[id] = r
	delete(d.newest, id)
	d.asked[id], d.settled[id] = nil, 0
	d.after(id)
}

func (d *drifting) after(id ReplicaID) {
	r := d.nodes[id]
	for range 100 {
		require.NoError(d.t, r.CheckInvariants())
		out := r.Output()
		require.NoError(d.t, r.CheckInvariants())
		for _, m := range out.Messages {
			d.post(m)
		}
		d.settleReads(id, &out)
		d.observe(r)
		for _, f := range out.Fetches {
			part := d.disks[id].entries[f.Lo-1 : f.Hi]
			n, _ := prefix(part, f.MaxBytes)
			r.Fetched(f.Peer, f.Lo, slices.Clone(part[:n]))
		}
		if out.HasPersist {
			d.disks[id].write(out.Persist)
			r.Persisted(out.Persist.Seq)
		} else if len(out.Fetches) == 0 {
			return
		}
	}
	require.Fail(d.t, "a replica does not come to rest")
}

func (d *drifting) post(m Message) {
	d.handed += map[bool]int{true: 1}[m.Type == MsgTimeoutNow]
	if d.cut[[2]ReplicaID{m.From, m.To}] || d.rng.IntN(100) < 3 {
		return
	}
	delay := time.Duration(d.rng.Int64N(int64(2 * time.Millisecond)))
	if d.rng.IntN(20) == 0 {
		delay = time.Duration(d.rng.Int64N(int64(2 * testElection)))
	}
	copied, err := DecodeMessage(AppendMessage(nil, &m))
	require.NoError(d.t, err)
	d.mail = append(d.mail, letter{copied, d.now + delay})
}

// settleReads holds the grants against what the reads must see, and the order against
// what shells rely on: grants and drops cover what was asked, oldest first, and indexes do not go back.
func (d *drifting) settleReads(id ReplicaID, out *Output) {
	grants, drops := out.Reads, out.DroppedReads
	for len(grants)+len(drops) > 0 {
		next := d.asked[id][d.settled[id]]
		d.settled[id]++
		if len(drops) > 0 && drops[0] == next {
			drops = drops[1:]
			d.lost++
			continue
		}
		require.NotEmpty(d.t, grants)
		g := grants[0]
		grants = grants[1:]
		require.Equal(d.t, next, g.ID, "reads end in the order in which they came")
		require.GreaterOrEqual(d.t, g.Index, d.newest[id].Index, "granted indexes do not go back")
		d.newest[id] = g
		if g.Index < d.floor[g.ID] {
			d.stale = append(d.stale, fmt.Sprintf("replica %d (%v of term %d) grants at %d what had to see %d",
				id, d.nodes[id].Role(), d.nodes[id].Term(), g.Index, d.floor[g.ID]))
		}
		switch {
		case d.nodes[id].Role() != Leader:
			d.far++
		case d.nodes[id].holdsLease():
			d.byLease++
		default:
			d.byRound++
		}
	}
}

func (d *drifting) observe(r *Raft) {
	if r.Role() == Leader {
		l, ok := d.leaders[r.Term()]
		require.True(d.t, !ok || l == r.ID(), "two leaders of term %d", r.Term())
		d.leaders[r.Term()] = r.ID()
	}
	for next := uint64(1); next <= r.Commit(); next++ {
		term, _ := r.TermAt(next)
		if next > uint64(len(d.commits)) {
			d.commits = append(d.commits, term)
		}
		require.Equal(d.t, d.commits[next-1], term, "entry %d is committed twice", next)
	}
	r.SetApplied(r.Applicable())
}

// step delivers the next message or lets the next timer fire, whichever is first.
func (d *drifting) step() {
	best, at := -1, Never
	for i, l := range d.mail {
		if l.at < at {
			best, at = i, l.at
		}
	}
	tick := ReplicaID(0)
	for _, id := range d.ids {
		if d.nodes[id] != nil && d.due(id) < at {
			tick, at = id, d.due(id)
		}
	}
	if at == Never {
		d.now += time.Millisecond
		return
	}
	d.now = max(d.now, at)
	if tick != 0 {
		d.nodes[tick].Tick(d.clock(tick))
		d.after(tick)
		return
	}
	m := d.mail[best].message
	d.mail = slices.Delete(d.mail, best, best+1)
	if r := d.nodes[m.To]; r != nil && !d.cut[[2]ReplicaID{m.From, m.To}] {
		r.Receive(d.clock(m.To), m)
		d.after(m.To)
	}
}

func (d *drifting) run(until time.Duration) {
	for end := d.now + until; d.now < end; {
		d.step()
	}
}

func (d *drifting) read(id ReplicaID) {
	if r := d.nodes[id]; r != nil {
		d.nextID++
		d.floor[d.nextID] = uint64(len(d.commits))
		d.asked[id] = append(d.asked[id], d.nextID)
		r.Read(d.clock(id), d.nextID)
		d.after(id)
	}
}

func (d *drifting) propose(id ReplicaID) {
	if r := d.nodes[id]; r != nil {
		if _, _, err := r.Propose(d.clock(id), [][]byte{{1}}); err == nil {
			d.after(id)
		}
	}
}

// fault does one thing that tries leases: cuts (of one link, of a replica, of all but one link of a replica), restarts, transfers,
// changes of who votes.
func (d *drifting) fault() {
	id, other := d.ids[d.rng.IntN(len(d.ids))], d.ids[d.rng.IntN(len(d.ids))]
	for _, l := range d.ids {
		// Leaders are who matters.
		if r := d.nodes[l]; r != nil && r.Role() == Leader && d.rng.IntN(2) == 0 {
			id = l
		}
	}
	isolate := func(but ReplicaID) {
		for _, o := range d.ids {
			d.cut[[2]ReplicaID{id, o}], d.cut[[2]ReplicaID{o, id}] = o != but, o != but
		}
	}
	switch d.rng.IntN(9) {
	case 0:
		d.cut[[2]ReplicaID{id, other}], d.cut[[2]ReplicaID{other, id}] = true, d.rng.IntN(2) == 0
	case 1:
		isolate(0)
	case 2:
		isolate(other)
	case 3:
		// What it forgot matters if its leader is cut off just then.
		if d.rng.IntN(2) == 0 {
			isolate(0)
		}
		delete(d.nodes, other)
		d.start(other)
	case 4:
		if r := d.nodes[id]; r != nil {
			if r.Transfer(d.clock(id), 0) == nil {
				d.after(id)
			}
			isolate(other)
		}
	case 5:
		kind := []confchange.Kind{confchange.Demote, confchange.Promote, confchange.Promote}[d.rng.IntN(3)]
		if r := d.nodes[id]; r != nil {
			if _, _, err := r.ProposeChange(d.clock(id), []confchange.Change{changed(kind, other)}); err == nil {
				d.changes++
				d.after(id)
			}
		}
	default:
		clear(d.cut)
	}
}

// schedule runs faults by seed with writes and reads everywhere all the time.
func (d *drifting) schedule(steps int) {
	for range steps {
		switch x := d.rng.IntN(100); {
		case x < 60:
			d.step()
		case x < 70:
			d.propose(d.ids[d.rng.IntN(len(d.ids))])
		case x < 98:
			d.read(d.ids[d.rng.IntN(len(d.ids))])
		default:
			d.fault()
		}
	}
}

// Claim (dissertation §6.4.1, LEASE-01 to LEASE-10, READ-10): with clocks that drift as far as they may, leases, reads on followers and transfers,
// no read misses what was committed when it was asked, whatever is cut off, restarted or late. Method: schedules by seed.
func TestNoReadIsStaleThoughClocksDrift(t *testing.T) {
	var all drifting
	for seed := range uint64(90) {
		d := newDrifting(t, []int{3, 5, 3, 4}[seed%4], seed, func(c *Config) { c.PreVote = seed%5 != 1 })
		d.schedule(2500)
		require.Empty(t, d.stale, "seed %d", seed)
		all.byLease, all.byRound, all.far = all.byLease+d.byLease, all.byRound+d.byRound, all.far+d.far
		all.handed, all.lost, all.changes = all.handed+d.handed, all.lost+d.lost, all.changes+d.changes
		clear(d.cut)
		before := len(d.commits)
		for i := 0; len(d.commits) < before+3; i++ {
			require.Less(t, i, 300, "seed %d: once the faults end the group commits again", seed)
			d.run(testElection / 10)
			d.propose(d.ids[i%len(d.ids)])
		}
	}
	t.Logf("%d reads by lease, %d by rounds, %d on followers, %d dropped; %d words of transfers, %d changes",
		all.byLease, all.byRound, all.far, all.lost, all.handed, all.changes)
	require.Greater(t, all.byLease, 2000)
	require.Greater(t, all.byRound, 100)
	require.Greater(t, all.far, 2000)
	require.Greater(t, all.handed, 100)
	require.Greater(t, all.changes, 30)
}

// Claim: a restart does not set a voter free of the lease that it promised. Method: one follower has long lost the leader and asks for votes; the other one
// restarts just when the leader is cut off, which goes on granting reads while its lease lasts.
func TestRestartedVoterKeepsTheLease(t *testing.T) {
	granted := 0
	for seed := range uint64(60) {
		d := newDrifting(t, 3, seed, func(c *Config) { c.PreVote = seed%2 == 0 })
		var leader ReplicaID
		for i := 0; leader == 0; i++ {
			require.Less(t, i, 1000)
			d.run(testElection / 10)
			for id, r := range d.nodes {
				if r.Role() == Leader && r.holdsLease() {
					leader = id
				}
			}
		}
		lost, voter := leader%3+1, (leader+1)%3+1
		d.cut[[2]ReplicaID{leader, lost}], d.cut[[2]ReplicaID{lost, leader}] = true, true
		d.run(4*testElection + time.Duration(d.rng.Int64N(int64(testElection))))
		d.cut[[2]ReplicaID{leader, voter}], d.cut[[2]ReplicaID{voter, leader}] = true, true
		d.start(voter)
		for range 100 {
			d.run(testElection / 50)
			d.propose(lost)
			d.propose(voter)
			d.read(leader)
		}
		require.Empty(t, d.stale, "seed %d", seed)
		granted += d.byLease
	}
	require.Greater(t, granted, 200, "the leader grants reads after it was cut off")
}
