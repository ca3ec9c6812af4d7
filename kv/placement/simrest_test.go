package placement

import (
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/raft"
)

// places returns the nodes of all partitions, as the table has them.
func (w *simWorld) places() (rows hashing.Placement) {
	s := w.state()
	for i := range s.Partitions {
		if p := &s.Partitions[i]; p.Group != MetaGroup {
			rows = append(rows, p.Replicas)
		}
	}
	return rows
}

// requireRest checks all that must hold when nothing fails and nothing is left to be done.
func (w *simWorld) requireRest() {
	s := w.state()
	require.Len(w.t, s.Partitions, s.Cluster.Partitions+1, "a partition was not created")
	w.requireGoal(s)
	for i := range s.Partitions {
		w.requireReached(s, &s.Partitions[i])
	}
	w.requireNoOrphans()
	w.requireMeta(s)
}

// requireGoal compares the table with where hashing places partitions, and looks at the balance itself.
func (w *simWorld) requireGoal(s *State) {
	ring := w.ring()
	goal, err := hashing.Place(s.Cluster.hashing(), ring, w.places())
	require.NoError(w.t, err)
	held, led := map[uint64]int{}, map[uint64]int{}
	for i, row := range w.places() {
		w.requireRow(s, row, goal[i])
		for _, id := range row {
			held[id]++
		}
		led[row[0]]++
	}
	alike := !slices.ContainsFunc(ring, func(n hashing.Node) bool { return n.Zone != "" || n.Weight != ring[0].Weight })
	if alike && !w.deadNodes(s) {
		requireBalanced(w.t, ring, held)
		requireBalanced(w.t, ring, led)
	}
}

// deadNodes tells whether a node is away that is to come back.
func (w *simWorld) deadNodes(s *State) bool {
	return slices.ContainsFunc(s.Nodes, func(n Node) bool { return n.State == Up && !w.nodes[n.ID].up })
}

// requireRow compares the nodes of a partition with the goal for it. Beside them there is something only while nodes are
// dead and too few others live (keepDead): voters that are dead, or wait to be emptied.
func (w *simWorld) requireRow(s *State, row, goal []uint64) {
	var spare []uint64
	for _, id := range without(row, goal) {
		if n := s.Node(id); n.State == Draining || n.State == Up && !w.nodes[id].up {
			spare = append(spare, id)
		}
	}
	require.ElementsMatch(w.t, goal, without(row, spare), "%v", row)
	if len(spare) == 0 {
		require.Equal(w.t, goal[0], row[0], "%v is to be led by another node than %v", row, goal)
		return
	}
	require.True(w.t, w.deadNodes(s), "%v: nothing is dead, the goal is %v", row, goal)
	require.Less(w.t, len(goal), s.Cluster.Replicas, "%v: dead nodes could be replaced: %v", row, goal)
	require.True(w.t, len(row) <= leastKept || len(goal)%2 == 0 && len(spare) == 1, "%v: a dead node raises the majority of %v", row, goal)
}

func requireBalanced(t require.TestingT, ring []hashing.Node, count map[uint64]int) {
	least, most := count[ring[0].ID], count[ring[0].ID]
	for _, n := range ring {
		least, most = min(least, count[n.ID]), max(most, count[n.ID])
	}
	require.LessOrEqual(t, most-least, 1, "%v", count)
}

// requireReached checks that a group is what the table says, in the logs that are meant, and led by whom
// it says.
func (w *simWorld) requireReached(s *State, p *Partition) {
	g := w.groups[p.Group]
	c := g.config()
	require.True(w.t, g.settled() && c.Epoch == p.Epoch, "group %d: %v, wanted %v", p.Group, c, p)
	require.ElementsMatch(w.t, p.Replicas, voterNodes(c))
	require.Len(w.t, c.Members, len(p.Replicas))
	_, wants := s.Wants(p.Group)
	for _, x := range wants {
		m, ok := c.OnNode(x.Node)
		require.True(w.t, ok)
		require.True(w.t, m.Store == x.Store || m.Store == 0 && !x.Replaced)
		require.True(w.t, g.intact(m.ID), "replica %d of group %d does not exist", m.ID, p.Group)
	}
	if w.nodes[p.Replicas[0]].up {
		require.Equal(w.t, p.Replicas[0], raft.ReplicaID(g.leader).Node(), "group %d", p.Group)
	}
}

// requireNoOrphans checks that no node that runs holds what it should not, but for learners of configurations that were
// taken back: their ids may still be given out (PLACE-10).
func (w *simWorld) requireNoOrphans() {
	for _, id := range w.ids() {
		n := w.nodes[id]
		if !n.up {
			continue
		}
		for group, r := range n.disk.replicas {
			c := w.groups[group].config()
			_, member := c.Member(r.id)
			require.True(w.t, member || raft.ReplicaID(r.id).Generation() > c.Generation, "node %d still has replica %d of group %d", id, r.id, group)
		}
	}
}

// requireMeta checks the size of the metadata group, and its zones.
func (w *simWorld) requireMeta(s *State) {
	_, up := s.inService()
	p := s.Partition(MetaGroup)
	live, zones, all := len(w.ring()), map[zone]bool{}, map[zone]bool{}
	want := MetaVoters(up)
	b := w.driver.observe(w.now, s)
	for _, n := range w.ring() {
		all[b.zone(n.ID)] = true
	}
	alive := 0
	for _, id := range p.Replicas {
		if w.nodes[id].up {
			alive++
			zones[b.zone(id)] = true
		}
	}
	require.Equal(w.t, 1, len(p.Replicas)%2, "%v", p.Replicas)
	require.LessOrEqual(w.t, len(p.Replicas), want)
	if live >= want {
		require.Equal(w.t, want, alive)
		require.Equal(w.t, min(want, len(all)), len(zones), "zones of %v", p.Replicas)
	} else {
		require.GreaterOrEqual(w.t, alive, min(live, want)-1)
	}
}
