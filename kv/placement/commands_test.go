package placement

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func requireRefused(t *testing.T, err error, because string) {
	t.Helper()
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, because)
}

func requireNothing(t *testing.T, txn Txn, err error) {
	t.Helper()
	require.NoError(t, err)
	require.True(t, txn.Empty())
}

// Goal: a cluster is bootstrapped once, by whoever is first, and asking again is harmless. Method: twice with the same
// numbers, with others, and by two at a time.
func TestBootstrapHappensOnce(t *testing.T) {
	l := newLedger(t)
	c := Cluster{Partitions: 4, Replicas: 3, Seed: 1, Name: "c"}
	first, err := Bootstrap(l.state(), c, plains(1, 2, 3))
	require.NoError(t, err)
	second, err := Bootstrap(l.state(), c, plains(2, 3, 4))
	require.NoError(t, err)
	require.True(t, l.commit(first))
	require.False(t, l.commit(second))
	txn, err := Bootstrap(l.state(), c, plains(1, 2, 3))
	requireNothing(t, txn, err)
	c.Partitions = 5
	_, err = Bootstrap(l.state(), c, plains(1, 2, 3))
	requireRefused(t, err, "the cluster exists")

	s := l.state()
	require.Equal(t, Partition{
		Group: MetaGroup, Epoch: 1, Replicas: []uint64{1, 2, 3}, Initial: []Replica{{1, 100}, {2, 200}, {3, 300}}, Version: s.Version,
	}, s.Partitions[0])
	require.Equal(t, Node{ID: 2, Address: "host2:7000", Store: 200, Weight: 100, State: Up, Version: s.Version}, s.Nodes[1])
}

// Goal: what cannot be a cluster is refused. Method: one fault at a time.
func TestImpossibleClustersAreRefused(t *testing.T) {
	s := newLedger(t).state()
	good := Cluster{Partitions: 4, Replicas: 3}
	_, err := Bootstrap(s, Cluster{Partitions: 4}, plains(1))
	requireRefused(t, err, "0 replicas")
	_, err = Bootstrap(s, good, nil)
	requireRefused(t, err, "0 founders")
	_, err = Bootstrap(s, good, plains(1, 2, 1))
	requireRefused(t, err, "named twice")
	_, err = Bootstrap(s, good, []Node{{ID: 1, Store: 1}})
	requireRefused(t, err, "address")
	_, err = Join(s, plain(1), false, Evidence{})
	requireRefused(t, err, "not bootstrapped")
	_, err = Drain(s, 1)
	requireRefused(t, err, "not bootstrapped")
}

// Goal: joining again only takes note of a new address. Method: the same node, moved, with another weight.
func TestJoinIsIdempotent(t *testing.T) {
	l := founded(t, Cluster{Partitions: 4, Replicas: 3}, 1, 2, 3)
	txn, err := Join(l.state(), plain(2), false, Evidence{})
	requireNothing(t, txn, err)
	moved := plain(2)
	moved.Address, moved.Weight, moved.Zone = "elsewhere:1", 500, "z"
	l.do(Join(l.state(), moved, false, Evidence{}))
	require.Equal(t, "elsewhere:1", l.state().Node(2).Address)
	require.Equal(t, uint32(100), l.state().Node(2).Weight)
	require.Empty(t, l.state().Node(2).Zone)
	heavy := plain(4)
	heavy.Weight = 500
	l.do(Join(l.state(), heavy, false, Evidence{}))
	require.Equal(t, uint32(500), l.state().Node(4).Weight)
}

// Goal: another log is accepted under an id only if somebody says that the data is lost, and the log that is known
// does not answer; it is then the one that is meant. The log of another node never is. Method: each of these.
func TestRejoinNeedsTheWordAndSilence(t *testing.T) {
	l := founded(t, Cluster{Partitions: 4, Replicas: 3}, 1, 2, 3)
	wiped := plain(2)
	wiped.Store = 201
	_, err := Join(l.state(), wiped, false, Evidence{})
	requireRefused(t, err, "ask it to rejoin")
	_, err = Join(l.state(), wiped, true, Evidence{Answers: true})
	requireRefused(t, err, "answers")
	l.do(Join(l.state(), wiped, true, Evidence{}))
	require.Equal(t, uint64(201), l.state().Node(2).Store)
	copied := plain(4)
	copied.Store = 300
	_, err = Join(l.state(), copied, true, Evidence{})
	requireRefused(t, err, "that of node 3")
}

// Goal: nodes are bounded. Method: as many as there may be, and one more.
func TestNodesAreBounded(t *testing.T) {
	l := founded(t, Cluster{Partitions: 4, Replicas: 3}, 1)
	for id := uint64(2); id <= MaxNodes; id++ {
		l.do(Join(l.state(), plain(id), false, Evidence{}))
	}
	_, err := Join(l.state(), plain(MaxNodes+1), false, Evidence{})
	requireRefused(t, err, "256 nodes")
}

// Goal: weight, zone and draining are changed, asked for again without effect, and refused for nodes that are not there.
// Method: each.
func TestNodesCanBeChanged(t *testing.T) {
	l := founded(t, Cluster{Partitions: 4, Replicas: 3}, 1, 2)
	ask := map[string]func() (Txn, error){
		"weight":  func() (Txn, error) { return SetWeight(l.state(), 2, 7) },
		"zone":    func() (Txn, error) { return SetZone(l.state(), 2, "z") },
		"drain":   func() (Txn, error) { return Drain(l.state(), 2) },
		"undrain": func() (Txn, error) { return Undrain(l.state(), 2) },
	}
	for _, name := range []string{"weight", "zone", "drain"} {
		l.do(ask[name]())
		txn, err := ask[name]()
		requireNothing(t, txn, err)
	}
	n := l.state().Node(2)
	require.Equal(t, []any{uint32(7), "z", Draining}, []any{n.Weight, n.Zone, n.State})
	_, err := Drain(l.state(), 1)
	requireRefused(t, err, "the only one")
	l.do(ask["undrain"]())
	require.Equal(t, Up, l.state().Node(2).State)
	_, err = SetWeight(l.state(), 2, 0)
	requireRefused(t, err, "weight 0")
	for _, change := range []func(*State, uint64) (Txn, error){Drain, Undrain} {
		_, err = change(l.state(), 9)
		requireRefused(t, err, "no node 9")
	}
}

// Goal: a node is removed only when it is drained and known to hold nothing, or is dead, and never while a group needs it;
// and then its id and its log are gone for ever. Method: each reason to refuse.
func TestRemovalIsRefusedUntilItIsSafe(t *testing.T) {
	l := founded(t, Cluster{Partitions: 4, Replicas: 3}, 1, 2, 3)
	remove := func(id uint64, force bool, about Evidence) error {
		_, err := Remove(l.state(), id, force, about)
		return err
	}
	requireRefused(t, remove(3, false, Evidence{}), "drain it first")
	requireRefused(t, remove(3, true, Evidence{}), "not known to be dead")
	requireRefused(t, remove(3, true, Evidence{Dead: true, Needed: []uint64{2, MetaGroup}}), "partition 2, the metadata group")
	l.do(Drain(l.state(), 3))
	requireRefused(t, remove(3, false, Evidence{}), "still holds the metadata group")
	s := l.state()
	txn := s.change(s.Cluster)
	txn.putPartition(s.Partition(MetaGroup).with([]uint64{1, 2}), "")
	require.True(t, l.commit(*txn))
	requireRefused(t, remove(3, false, Evidence{Member: []uint64{1}}), "still holds partition 1")
	requireRefused(t, remove(3, false, Evidence{Unknown: []uint64{4}}), "nobody leads")
	l.do(Remove(l.state(), 3, false, Evidence{}))
	again, err := Remove(l.state(), 3, false, Evidence{})
	requireNothing(t, again, err)

	_, err = Join(l.state(), plain(3), true, Evidence{})
	requireRefused(t, err, "never used again")
	other := plain(4)
	other.Store = 300
	_, err = Join(l.state(), other, false, Evidence{})
	requireRefused(t, err, "that of node 3")
	_, err = SetZone(l.state(), 3, "a")
	requireRefused(t, err, "was removed")

	l.do(Remove(l.state(), 2, true, Evidence{Dead: true}))
	requireRefused(t, remove(1, true, Evidence{Dead: true}), "the only one")
	require.Equal(t, []NodeState{Up, Removed, Removed}, slices.Collect(func(yield func(NodeState) bool) {
		for _, n := range l.state().Nodes {
			yield(n.State)
		}
	}))
}
