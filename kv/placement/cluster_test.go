package placement

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/hashing"
)

// restful is a cluster at rest, in which nothing fails from now on but what the test does.
func restful(t require.TestingT, partitions, replicas int, ids ...uint64) *simWorld {
	w := newSim(t, 7, Cluster{Partitions: partitions, Replicas: replicas, Seed: 42}, ids...)
	w.rest()
	w.requireRest()
	w.quiet = true
	return w
}

func (w *simWorld) learners() (n int) {
	for id, g := range w.groups {
		if id != MetaGroup {
			n += g.learners
		}
	}
	return n
}

// requireChange lets the cluster come to rest after one change, and compares what was copied with what had to be.
func (w *simWorld) requireChange(change func()) {
	before, copied := w.places(), w.learners()
	change()
	w.rest()
	w.requireRest()
	s := w.state()
	least := hashing.MinimalMoves(s.Cluster.hashing(), w.ring(), before)
	require.LessOrEqual(w.t, 4*(w.learners()-copied), 5*least, "more than 1.25 times the least number of copies")
	require.Equal(w.t, least, w.learners()-copied)
}

// Goal: a join, a drain with removal, a death, a new weight and a new zone each need no further command, and copy
// as little as is possible. Method: one after the other, from rest to rest.
func TestChangesOfNodesAreFollowedWithTheFewestCopies(t *testing.T) {
	w := restful(t, 12, 3, 1, 2, 3)
	join := func(id uint64) {
		w.requireChange(func() {
			w.addNode(id)
			w.ledger.do(Join(w.state(), plain(id), false, Evidence{}))
		})
	}
	join(4)
	join(5)
	require.Len(t, w.state().Partition(MetaGroup).Replicas, 5)
	join(6)
	w.requireChange(func() { w.ledger.do(SetWeight(w.state(), 6, 300)) })
	w.requireChange(func() { w.ledger.do(SetZone(w.state(), 6, "b")) })
	w.requireChange(func() { w.ledger.do(Drain(w.state(), 2)) })
	w.ledger.do(Remove(w.state(), 2, false, w.driver.Evidence(w.now, w.state(), 2)))
	w.requireChange(func() { w.nodes[4].up = false })
	w.ledger.do(Remove(w.state(), 4, true, w.driver.Evidence(w.now, w.state(), 4)))
	w.rest()
	w.requireRest()
}

// Goal: a node that is back before it counts as dead costs nothing at all; one that comes back later loses what is
// elsewhere by then and is given its share anew. Method: two absences.
func TestReturnBeforeDeathCostsNothing(t *testing.T) {
	w := restful(t, 12, 3, 1, 2, 3, 4, 5)
	version := w.state().Version
	w.nodes[5].up = false
	for range 8 {
		w.round(100)
	}
	w.nodes[5].up = true
	w.rest()
	w.requireRest()
	require.Equal(t, version, w.state().Version)

	w.requireChange(func() { w.nodes[5].up = false })
	require.NotEmpty(t, w.nodes[5].disk.replicas)
	w.requireChange(func() { w.nodes[5].up = true })
}

// Goal: of three nodes with three replicas one may be away for long and finds all it had. Method: it is dead for an
// hour, and comes back.
func TestDeadNodeStaysWantedWhereNobodyCanReplaceIt(t *testing.T) {
	w := restful(t, 8, 3, 1, 2, 3)
	copied := w.learners()
	w.nodes[2].up = false
	for range 40 {
		w.round(100)
	}
	w.now = w.now.Add(time.Hour)
	w.rest()
	w.requireRest()
	for _, row := range w.places() {
		require.Contains(t, row, uint64(2))
		require.NotEqual(t, uint64(2), row[0])
	}
	w.nodes[2].up = true
	w.rest()
	w.requireRest()
	require.Equal(t, copied, w.learners())
}

// Goal: a node that lost its data is given all of it again when it rejoins. Method: a new store, with Join.
func TestWipedNodeGetsItsReplicasAgain(t *testing.T) {
	w := restful(t, 8, 3, 1, 2, 3, 4)
	n := w.nodes[3]
	held := 0
	for _, row := range w.places() {
		for _, id := range row {
			held += count(id == 3)
		}
	}
	copied := w.learners()
	n.wipe()
	w.rest()
	w.requireRest()
	require.Equal(t, held, w.learners()-copied)
}

// wipe takes the node's data, and makes it ask to be taken back.
func (n *simNode) wipe() {
	n.disks++
	n.disk = newDisk(100*n.id + n.disks)
	n.rejoins = true
	n.table = &State{}
}

// Goal: the driver's work does not depend on the driver: with a new one at every moment all comes to the same end, with
// as few copies. Method: a join, with a new driver every 7 seconds.
func TestNewDriversGoOnWhereTheOldOnesStopped(t *testing.T) {
	w := restful(t, 12, 3, 1, 2, 3)
	w.requireChange(func() {
		w.addNode(4)
		w.ledger.do(Join(w.state(), plain(4), false, Evidence{}))
		for range 40 {
			for range 7 {
				w.round(100)
			}
			w.driver = New(w.cfg, w.now)
		}
	})
}
