package placement

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/canon"
)

// Goal: the order of pairs plays no part, and a State has its parts in order. Method: a cluster of more than
// ten nodes, so that keys and numbers are ordered differently; forwards and backwards.
func TestStateIsInOrderWhateverTheOrderOfPairs(t *testing.T) {
	l := founded(t, Cluster{Partitions: 12, Replicas: 3}, 1, 2, 3, 10, 11, 20)
	pairs := l.all()
	s, err := Decode(pairs, l.index)
	require.NoError(t, err)
	slices.Reverse(pairs)
	again, err := Decode(pairs, l.index)
	require.NoError(t, err)
	require.Equal(t, s, again)
	require.Equal(t, s.Cluster.Version, s.Version)
	require.Equal(t, uint64(10), s.Node(10).ID)
	require.Nil(t, s.Node(9))
	require.Equal(t, []uint64{1, 2, 3}, s.Partition(MetaGroup).Replicas)
	require.Nil(t, s.Partition(1))
}

// Goal: records that contradict each other, that nobody knows, or that are under another key are refused (PLACE-2).
// Method: one wrong pair at a time.
func TestContradictionsAreRefused(t *testing.T) {
	l := founded(t, Cluster{Partitions: 4, Replicas: 3}, 1, 2, 3)
	node := func(n Node) []byte { n.Weight, n.State = 100, Up; return AppendNode(nil, &n) }
	part := func(group uint64, at ...uint64) []byte {
		return AppendPartition(nil, &Partition{Group: group, Epoch: 1, Replicas: at, Initial: []Replica{{1, 100}}})
	}
	twin := plain(4)
	twin.Store = 100
	for name, x := range map[string]struct {
		pair Pair
		want error
	}{
		"unknown key":     {Pair{[]byte("color"), nil, 1}, errKey},
		"odd number":      {Pair{[]byte("node/04"), node(plain(4)), 1}, errKey},
		"wrong number":    {Pair{[]byte("node/5"), node(plain(4)), 1}, errNode},
		"wrong group":     {Pair{[]byte("part/2"), part(3, 1), 1}, errPartition},
		"no such group":   {Pair{[]byte("part/5"), part(5, 1), 1}, errState},
		"no such node":    {Pair{[]byte("part/1"), part(1, 9), 1}, errState},
		"same log":        {Pair{[]byte("node/4"), node(twin), 1}, errState},
		"from the future": {Pair{[]byte("node/4"), node(plain(4)), l.index + 1}, errState},
		"never written":   {Pair{[]byte("node/4"), node(plain(4)), 0}, errState},
		"damaged":         {Pair{[]byte("cluster"), []byte{1}, l.index}, canon.ErrShort},
	} {
		_, err := Decode(append(l.all(), x.pair), l.index+1)
		require.ErrorIs(t, err, x.want, name)
	}
	for _, key := range []string{clusterKey, "part/4294967296", "node/1"} {
		_, err := Decode(slices.DeleteFunc(l.all(), func(p Pair) bool { return string(p.Key) == key }), l.index)
		require.ErrorIs(t, err, errState, key)
	}
	_, err := Decode(l.all(), l.index-1)
	require.ErrorIs(t, err, errState, "read before it was written")
}

// Goal: leaders and nodes get from the table what ADR 0019 has them do. Method: a partition that began on a
// node which lost its data since.
func TestTableSaysWhichLogIsMeant(t *testing.T) {
	l := founded(t, Cluster{Partitions: 2, Replicas: 2}, 1, 2)
	txn := l.state().change(l.state().Cluster)
	txn.putPartition(Partition{Group: 1, Epoch: 1, Replicas: []uint64{2, 1}, Initial: []Replica{{1, 100}, {2, 200}}}, "")
	require.True(t, l.commit(*txn))
	again := plain(1)
	again.Store = 101
	l.do(Join(l.state(), again, true, Evidence{}))
	s := l.state()
	epoch, wants := s.Wants(1)
	require.Equal(t, uint64(1), epoch)
	require.Equal(t, []Want{{Node: 2, Store: 200}, {Node: 1, Store: 101, Replaced: true}}, wants)
	_, wants = s.Wants(2)
	require.Empty(t, wants)
	require.Equal(t, []uint64{1}, s.BeginsAt(1, 100))
	require.Empty(t, s.BeginsAt(1, 101), "not in the log that came later")
	require.Equal(t, []uint64{1}, s.BeginsAt(2, 200))
}

// Goal: of transactions that were decided on one State one takes effect, once, whatever they are about (PLACE-1).
// Method: a command, another one on another node, and the first one again.
func TestOnlyOneDecisionOnAStateTakesEffect(t *testing.T) {
	l := founded(t, Cluster{Partitions: 2, Replicas: 2}, 1, 2, 3)
	s := l.state()
	one, err := SetZone(s, 1, "a")
	require.NoError(t, err)
	two, err := Drain(s, 2)
	require.NoError(t, err)
	require.True(t, l.commit(one))
	after := l.state()
	require.False(t, l.commit(two))
	require.False(t, l.commit(one))
	again := l.state()
	require.Equal(t, after.Nodes, again.Nodes)
	require.Equal(t, after.Version, again.Version)
	require.Greater(t, after.Version, s.Version)
}
