package placement

import (
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// simGroup is a Raft group, of which only the configurations are of interest: its log is one for all
// replicas. What is beyond committed may be lost when the leader changes.
type simGroup struct {
	w         *simWorld
	id        uint64
	log       []confchange.Config
	committed int // how many configurations are
	leader    uint64
	term      uint64
	index     uint64
	learners  int // how many were added in its life
	// reached are the nodes of the settled configurations that had voters alone, by epoch.
	reached map[uint64][]uint64
}

func (g *simGroup) config() confchange.Config { return g.log[len(g.log)-1] }

func newSimGroup(w *simWorld, id uint64, first confchange.Config) *simGroup {
	g := &simGroup{w: w, id: id, log: []confchange.Config{first}, reached: map[uint64][]uint64{}}
	g.commitAll()
	return g
}

// commitAll commits what is in the log.
func (g *simGroup) commitAll() {
	g.committed = len(g.log)
	c := g.config()
	if nodes := voterNodes(c); g.settled() && len(nodes) == len(c.Members) {
		g.reached[c.Epoch] = nodes
	}
}

func (g *simGroup) settled() bool { return g.committed == len(g.log) && !g.config().Joint() }

// append adds a configuration to the leader's log.
func (g *simGroup) append(c confchange.Config) {
	require.NoError(g.w.t, c.Validate())
	before := g.config()
	for i := range c.Members {
		m := &c.Members[i]
		require.False(g.w.t, g.w.gone[Gone{g.id, m.ID}], "PLACE-7: replica %d of group %d was said to be gone", m.ID, g.id)
		if _, ok := before.Member(m.ID); !ok {
			g.learners++
		}
	}
	require.GreaterOrEqual(g.w.t, c.Epoch, before.Epoch)
	g.log = append(g.log, c)
}

// alive tells whether a replica exists on a node that runs.
func (g *simGroup) alive(id uint64) bool {
	n := g.w.nodes[raft.ReplicaID(id).Node()]
	return n != nil && n.up && n.disk.replicas[g.id] != nil && n.disk.replicas[g.id].id == id
}

// intact tells whether a replica exists, though it may be down.
func (g *simGroup) intact(id uint64) bool {
	n := g.w.nodes[raft.ReplicaID(id).Node()]
	return n != nil && !n.destroyed && n.disk.replicas[g.id] != nil && n.disk.replicas[g.id].id == id
}

// majority tells whether each half of the configuration has a majority of which is holds.
func majority(c confchange.Config, is func(id uint64) bool) bool {
	in, inAll, out, outAll := 0, 0, 0, 0
	for i := range c.Members {
		m := &c.Members[i]
		if m.Voter {
			inAll++
			in += count(is(m.ID))
		}
		if m.Outgoing {
			outAll++
			out += count(is(m.ID))
		}
	}
	return in > inAll/2 && (outAll == 0 || out > outAll/2)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// leads tells whether the group has a leader that lives and reaches a quorum.
func (g *simGroup) leads() bool {
	return g.leader != 0 && g.alive(g.leader) && g.config().IsVoter(g.leader) && majority(g.config(), g.alive)
}

// elect makes another replica the leader, if that is possible. What was not committed is kept or lost.
func (g *simGroup) elect() {
	g.leader = 0
	if g.w.chance(50) {
		g.log = g.log[:g.committed]
	}
	c := g.config()
	if !majority(c, g.alive) {
		return
	}
	var able []uint64
	for i := range c.Members {
		if m := &c.Members[i]; (m.Voter || m.Outgoing) && g.alive(m.ID) {
			able = append(able, m.ID)
		}
	}
	g.leader = able[g.w.rand.IntN(len(able))]
	g.term++
	g.index++
}

// commit lets the leader's last configuration be committed, and leaves a joint one.
func (g *simGroup) commit() {
	if !g.leads() {
		return
	}
	g.index++
	g.commitAll()
	c := g.config()
	g.w.checkSwap(g)
	if c.Joint() {
		g.append(c.Leave())
	}
	if m, ok := g.config().Member(g.leader); !ok || !m.Voter {
		// A leader that is no voter any more steps down when that is committed.
		g.commitAll()
		g.elect()
	}
}

// reach is what the leader of a group does about the table that its node has, as kv/replica does.
func (g *simGroup) reach() {
	if !g.leads() || g.committed < len(g.log) || g.config().Joint() {
		return
	}
	table := g.w.nodes[raft.ReplicaID(g.leader).Node()].table
	epoch, wants := table.Wants(g.id)
	c := g.config()
	if len(wants) == 0 || epoch < c.Epoch {
		return
	}
	var kept []confchange.Member
	var changes []confchange.Change
	generation := c.Generation
	keeps := map[uint64]bool{}
	for _, x := range wants {
		m, ok := c.OnNode(x.Node)
		if ok && (m.Store == x.Store || m.Store == 0 && !x.Replaced) {
			kept = append(kept, m)
			keeps[m.ID] = true
			continue
		}
		if ok {
			changes = append(changes, confchange.Change{Kind: confchange.Remove, Member: confchange.Member{ID: m.ID}})
		}
		generation++
		changes = append(changes, confchange.Change{Kind: confchange.AddLearner, Member: confchange.Member{
			ID: uint64(raft.MakeReplicaID(x.Node, generation)), Learner: true, Store: x.Store,
		}})
	}
	if len(changes) == 0 {
		var ok bool
		if changes, ok = g.swap(kept, keeps); !ok {
			return
		}
	}
	if epoch > c.Epoch {
		changes = append(changes, confchange.Change{Kind: confchange.Advance, Epoch: epoch})
	}
	if len(changes) > 0 {
		if next, err := c.Apply(changes); err == nil {
			g.append(next)
		}
		return
	}
	g.prefer(kept[0])
}

// swap makes the wanted members the voters when all have caught up.
func (g *simGroup) swap(kept []confchange.Member, keeps map[uint64]bool) (changes []confchange.Change, ok bool) {
	alive := 0
	for _, m := range kept {
		alive += count(g.alive(m.ID))
		if !m.Voter {
			if !g.alive(m.ID) || !g.caughtUp(m.ID) {
				return nil, false
			}
			changes = append(changes, confchange.Change{Kind: confchange.Promote, Member: confchange.Member{ID: m.ID}})
		}
	}
	for _, m := range g.config().Members {
		if !keeps[m.ID] {
			changes = append(changes, confchange.Change{Kind: confchange.Remove, Member: confchange.Member{ID: m.ID}})
		}
	}
	return changes, len(changes) == 0 || alive > len(kept)/2
}

func (g *simGroup) caughtUp(id uint64) bool {
	n := g.w.nodes[raft.ReplicaID(id).Node()]
	r := n.disk.replicas[g.id]
	return r != nil && r.id == id && r.bytes >= g.size()
}

// prefer hands the leadership to the preferred replica.
func (g *simGroup) prefer(m confchange.Member) {
	if m.Voter && g.alive(m.ID) && g.leader != m.ID && g.w.chance(50) {
		g.leader = m.ID
		g.term++
		g.index++
	}
}

func (g *simGroup) size() uint64 { return 300 }

// feed makes the learners' replicas, and lets them grow.
func (g *simGroup) feed() {
	if !g.leads() {
		return
	}
	c := g.config()
	for i := range c.Members {
		m := &c.Members[i]
		n := g.w.nodes[m.Node()]
		if n == nil || !n.up || m.ID == g.leader {
			continue
		}
		r := n.disk.replicas[g.id]
		if r == nil || r.id != m.ID {
			if m.Store != n.disk.store || raft.ReplicaID(m.ID) <= raft.ReplicaID(n.disk.newest[g.id]) {
				continue
			}
			r = &simReplica{id: m.ID}
			n.disk.replicas[g.id], n.disk.newest[g.id] = r, m.ID
		}
		r.bytes = min(r.bytes+100, g.size())
	}
}

// report is what the replica on a node says of the group.
func (g *simGroup) report(r *simReplica) ReplicaReport {
	c := g.config()
	x := ReplicaReport{
		Group: g.id, Replica: r.id, Term: g.term, Epoch: c.Epoch, Generation: c.Generation, Index: g.index, Bytes: r.bytes,
	}
	if g.leader != r.id || !g.leads() {
		return x
	}
	x.Leader, x.Settled = true, g.settled()
	for _, m := range c.Members {
		x.Members = append(x.Members, MemberReport{
			Replica: m.ID, Store: m.Store, Voter: m.Voter, Outgoing: m.Outgoing, CaughtUp: m.Voter || g.caughtUp(m.ID),
		})
	}
	return x
}

// voterNodes are the nodes of the incoming voters, ascending.
func voterNodes(c confchange.Config) (nodes []uint64) {
	for i := range c.Members {
		if m := &c.Members[i]; m.Voter {
			nodes = append(nodes, m.Node())
		}
	}
	slices.Sort(nodes)
	return nodes
}

// unfinished tells whether the group never was, in this epoch, on the nodes that the table names.
func (g *simGroup) unfinished(p *Partition) bool {
	return !slices.Equal(g.reached[p.Epoch], slices.Sorted(slices.Values(p.Replicas)))
}
