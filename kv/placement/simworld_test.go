package placement

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// simWorld is a cluster in which groups do what the table says (ADR 0019), with all the delays that there are.
type simWorld struct {
	t      require.TestingT
	rand   *rand.Rand
	cfg    DriverConfig
	now    env.Instant
	ledger *ledger
	// states are those that were read so far: a driver may act on an old one.
	states []*State
	nodes  map[uint64]*simNode
	groups map[uint64]*simGroup
	driver *Driver
	// deposed is a driver that does not know yet that it was replaced.
	deposed *Driver
	mail    []Report
	gone    map[Gone]bool
	// quiet: nothing fails, so that each exchange of voters must leave a majority of known ones.
	quiet bool
	// refused counts transactions that came too late.
	refused int
}

type simReplica struct{ id, bytes uint64 }

// simDisk is what a log remembers: for ever which replica of a group was the newest.
type simDisk struct {
	store    uint64
	newest   map[uint64]uint64
	replicas map[uint64]*simReplica
}

type simNode struct {
	w         *simWorld
	id        uint64
	disk      *simDisk
	disks     uint64
	up        bool
	destroyed bool
	// rejoins: it lost its data and asks to be taken back.
	rejoins bool
	table   *State
}

func testConfig() DriverConfig {
	return DriverConfig{
		ReportEvery: time.Second, DeadAfter: 10 * time.Second, FlapDamping: 2 * time.Second, MaxMoves: 2, MaxMovesPerNode: 2,
	}
}

// newSim is a cluster that these nodes found.
func newSim(t require.TestingT, seed uint64, c Cluster, ids ...uint64) *simWorld {
	w := &simWorld{
		t: t, rand: rand.New(rand.NewPCG(seed, 1)), cfg: testConfig(), ledger: newLedger(t), nodes: map[uint64]*simNode{},
		groups: map[uint64]*simGroup{}, gone: map[Gone]bool{},
	}
	for _, id := range ids {
		w.addNode(id)
	}
	founders := ids[:min(len(ids), 3)]
	w.groups[MetaGroup] = newSimGroup(w, MetaGroup, confchange.Initial(founders))
	for _, id := range founders {
		w.nodes[id].begin(MetaGroup)
	}
	w.ledger.do(Bootstrap(w.ledger.state(), c, plains(founders...)))
	for _, id := range ids[len(founders):] {
		w.ledger.do(Join(w.ledger.state(), plain(id), false, Evidence{}))
	}
	w.driver = New(w.cfg, w.now)
	return w
}

func (w *simWorld) chance(percent int) bool { return w.rand.IntN(100) < percent }

func (w *simWorld) addNode(id uint64) *simNode {
	n := &simNode{w: w, id: id, up: true, table: &State{}}
	n.disk = newDisk(100 * id)
	w.nodes[id] = n
	return n
}

func newDisk(store uint64) *simDisk {
	return &simDisk{store: store, newest: map[uint64]uint64{}, replicas: map[uint64]*simReplica{}}
}

// ids are those of all nodes there ever were, ascending.
func (w *simWorld) ids() []uint64 { return slices.Sorted(maps.Keys(w.nodes)) }

// begin makes the replica with which the group begins on this node.
func (n *simNode) begin(group uint64) {
	id := uint64(raft.MakeReplicaID(n.id, 0))
	n.disk.newest[group] = id
	n.disk.replicas[group] = &simReplica{id: id, bytes: 300}
}

// learn gives the node a table, if it is newer than the one it has.
func (n *simNode) learn(s *State) {
	if s.Version < n.table.Version {
		return
	}
	n.table = s
	for _, group := range s.BeginsAt(n.id, n.disk.store) {
		if _, heard := n.disk.newest[group]; heard {
			continue
		}
		n.begin(group)
		if n.w.groups[group] == nil {
			config := confchange.Config{Epoch: 1}
			for _, r := range s.Partition(group).Initial {
				config.Members = append(config.Members, confchange.Member{ID: r.Node, Voter: true, Store: r.Store})
			}
			n.w.groups[group] = newSimGroup(n.w, group, config.Sorted())
		}
	}
}

func (n *simNode) report() Report {
	r := Report{Node: n.id, Store: n.disk.store, Address: plain(n.id).Address}
	for _, group := range slices.Sorted(maps.Keys(n.disk.replicas)) {
		r.Replicas = append(r.Replicas, n.w.groups[group].report(n.disk.replicas[group]))
	}
	b := AppendReport(nil, &r)
	decoded, err := DecodeReport(b)
	require.NoError(n.w.t, err)
	return decoded
}

// answered is what a node does with the answer to its report.
func (w *simWorld) answered(d *Driver, n *simNode, s *State) {
	for _, g := range d.Gone(n.id, n.disk.store) {
		w.gone[g] = true
		group := w.groups[g.Group]
		for i := group.committed - 1; i < len(group.log); i++ {
			_, member := group.log[i].Member(g.Replica)
			require.False(w.t, member, "PLACE-7: replica %d of group %d is a member", g.Replica, g.Group)
		}
		if r := n.disk.replicas[g.Group]; r != nil && r.id == g.Replica {
			delete(n.disk.replicas, g.Group)
		}
	}
	n.learn(s)
}

// heard delivers a report to a driver, and the answer.
func (w *simWorld) heard(d *Driver, r Report) {
	d.Heard(w.now, r)
	if n := w.nodes[r.Node]; n.up && n.disk.store == r.Store {
		w.answered(d, n, w.state())
	}
}

// state reads the table through the codec of tables.
func (w *simWorld) state() *State {
	s := w.ledger.state()
	if k := len(w.states); k == 0 || w.states[k-1].Version != s.Version {
		table, err := DecodeTable(AppendTable(nil, s))
		require.NoError(w.t, err)
		table.Index = s.Index
		require.Equal(w.t, *s, table)
		w.states = append(w.states, s)
	}
	return s
}

// step lets a driver decide on a State and commits what it wants.
func (w *simWorld) step(d *Driver, s *State) bool {
	txn := d.Step(w.now, s)
	if txn.Empty() {
		return false
	}
	before := w.state()
	if !w.ledger.commit(txn) {
		require.Less(w.t, s.Version, before.Version, "PLACE-1: a decision on the newest table had no effect")
		require.Equal(w.t, before.Partitions, w.state().Partitions)
		require.Equal(w.t, before.Nodes, w.state().Nodes)
		w.refused++
		return false
	}
	require.Equal(w.t, s.Version, before.Version, "PLACE-1: a decision on an old table had an effect")
	w.checkStep(d, before, w.state())
	return true
}

// checkStep looks at what a driver changed.
func (w *simWorld) checkStep(d *Driver, before, after *State) {
	then, b := d.observe(w.now, before), d.observe(w.now, after)
	started := false
	for i := range after.Partitions {
		p := &after.Partitions[i]
		old := before.Partition(p.Group)
		if old == nil || old.Epoch == p.Epoch {
			continue
		}
		require.Equal(w.t, old.Epoch+1, p.Epoch, "PLACE-3")
		require.Equal(w.t, old.Initial, p.Initial, "PLACE-3")
		recent := 0
		for _, id := range p.Replicas {
			recent += count(b.nodes[id].recent)
			if !slices.Contains(old.Replicas, id) {
				require.Equal(w.t, Up, after.Node(id).State)
				require.True(w.t, b.nodes[id].recent)
			}
		}
		require.Greater(w.t, recent, len(p.Replicas)/2, "PLACE-6: a majority that is not known to live")
		if started = started || p.Group != MetaGroup && then.reached(old); w.groups[p.Group].unfinished(old) {
			lost := slices.ContainsFunc(old.Replicas, func(id uint64) bool { return b.nodes[id].badness() > 0 })
			require.True(w.t, lost, "PLACE-5: group %d was being moved", p.Group)
		}
	}
	if started {
		require.LessOrEqual(w.t, w.unfinished(b, after), d.cfg.MaxMoves, "PLACE-4: %+v", d.Progress(w.now, before).Groups)
	}
}

// unfinished counts the partitions that are being moved, and are led as far as the driver knows.
func (w *simWorld) unfinished(b *board, s *State) (n int) {
	for i := range s.Partitions {
		p := &s.Partitions[i]
		group := w.groups[p.Group]
		if p.Group != MetaGroup && p.Epoch > 1 && !b.leaderless(p.Group) {
			n += count(group.unfinished(p))
		}
	}
	return n
}

// checkSwap looks at a configuration that was just committed.
func (w *simWorld) checkSwap(g *simGroup) {
	c := g.config()
	if !w.quiet || !c.Joint() {
		return
	}
	in, stay, out := 0, 0, 0
	for i := range c.Members {
		m := &c.Members[i]
		in += count(m.Voter)
		out += count(m.Outgoing)
		stay += count(m.Voter && m.Outgoing)
	}
	if in >= 3 && out >= in {
		require.Greater(w.t, stay, in/2, "PLACE-6: group %d goes to %v at once", g.id, c)
	}
}

// groupIDs are those of the groups that have begun, ascending.
func (w *simWorld) groupIDs() []uint64 { return slices.Sorted(maps.Keys(w.groups)) }

// round is a second in which everything happens that can, unless chance is against it.
func (w *simWorld) round(percent int) (changed bool) {
	w.now = w.now.Add(time.Second)
	for _, id := range w.ids() {
		if n := w.nodes[id]; n.up {
			if n.rejoins {
				w.rejoin(n)
			}
			if w.chance(percent) {
				w.heard(w.driver, n.report())
			}
		}
	}
	if w.chance(percent) && w.groups[MetaGroup].leads() {
		changed = w.step(w.driver, w.state())
	}
	for _, id := range w.groupIDs() {
		g := w.groups[id]
		if w.chance(percent) && !g.leads() {
			g.elect()
		}
		if w.chance(percent) {
			g.reach()
		}
		if w.chance(percent) {
			g.feed()
		}
		if w.chance(percent) {
			g.commit()
		}
	}
	return changed
}

func (w *simWorld) rejoin(n *simNode) {
	s := w.state()
	txn, err := Join(s, Node{ID: n.id, Address: plain(n.id).Address, Store: n.disk.store}, true, w.driver.Evidence(w.now, s, n.id))
	if err != nil {
		return
	}
	n.rejoins = false
	if !txn.Empty() {
		require.True(w.t, w.ledger.commit(txn))
	}
}

// expendable tells whether all groups keep a majority of replicas that exist, without the node.
func (w *simWorld) expendable(node uint64, is func(g *simGroup, id uint64) bool) bool {
	for _, id := range w.groupIDs() {
		g := w.groups[id]
		for _, c := range g.log[g.committed-1:] {
			if !majority(c, func(id uint64) bool { return raft.ReplicaID(id).Node() != node && is(g, id) }) {
				return false
			}
		}
	}
	// A group that has not begun needs those that it is to begin with.
	s := w.state()
	for i := range s.Partitions {
		if p := &s.Partitions[i]; w.groups[p.Group] == nil && p.initialStore(node) != 0 {
			return false
		}
	}
	return true
}

// rest lets time pass until nothing is left to be done.
func (w *simWorld) rest() {
	idle := 0
	for round := 0; idle < 8; round++ {
		require.Less(w.t, round, 1500, "the cluster does not come to rest: %v", (*restless)(w))
		changed := w.round(100)
		if idle++; changed || w.busy() {
			idle = 0
		}
	}
}

// busy tells whether the driver knows of anything that is not done.
func (w *simWorld) busy() bool {
	p := w.driver.Progress(w.now, w.state())
	for _, n := range p.Nodes {
		// What is silent now may be dead soon.
		if n.Probation > 0 || !n.Dead && n.Silent > time.Second {
			return true
		}
	}
	for _, g := range p.Groups {
		if g.Phase == PhaseCreating || !sameSet(g.Goal, g.Wanted) && w.lives(g.Goal) || g.Leader != g.Wanted[0] && w.nodes[g.Wanted[0]].up {
			return true
		}
	}
	return p.Phases[PhaseOK]+p.Phases[PhaseUnderReplicated] != len(p.Groups)
}

// lives tells whether a majority of the nodes runs: a group waits for it.
func (w *simWorld) lives(nodes []uint64) bool {
	alive := 0
	for _, id := range nodes {
		alive += count(w.nodes[id].up)
	}
	return alive > len(nodes)/2
}

// ring are the nodes that partitions are to be spread over.
func (w *simWorld) ring() (ring []hashing.Node) {
	s := w.state()
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if at := w.nodes[n.ID]; n.State == Up && at.up && at.disk.store == n.Store {
			ring = append(ring, hashing.Node{ID: n.ID, Weight: n.Weight, Zone: n.Zone})
		}
	}
	return ring
}

// restless shows what a cluster that does not come to rest looks like.
type restless simWorld

func (r *restless) String() (text string) {
	w := (*simWorld)(r)
	for _, g := range w.driver.Progress(w.now, w.state()).Groups {
		text += fmt.Sprintf("%+v\n", g)
		group := w.groups[g.Group]
		if group == nil {
			continue
		}
		for _, c := range group.log[group.committed-1:] {
			text += fmt.Sprintf("  %v, epoch %d\n", c, c.Epoch)
			for _, m := range c.Members {
				text += fmt.Sprintf("    %d.%d: intact %v, alive %v\n", m.Node(), m.ID>>32, group.intact(m.ID), group.alive(m.ID))
			}
		}
	}
	return text
}
