package placement

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/raft/canon"
)

// largeTable is a cluster of so many nodes and partitions, with stores like real ones.
func largeTable(t require.TestingT, partitions, nodes int) *State {
	l := newLedger(t)
	node := func(id int) Node {
		return Node{
			ID: uint64(id), Address: fmt.Sprintf("node-%d.example.net:7000", id), Zone: fmt.Sprintf("rack-%d", id%8),
			Store: uint64(id) * 0x9e3779b97f4a7c15,
		}
	}
	l.do(Bootstrap(l.state(), Cluster{Partitions: partitions, Replicas: 3, Seed: 42}, []Node{node(1), node(2), node(3)}))
	for id := 4; id <= nodes; id++ {
		l.do(Join(l.state(), node(id), false, Evidence{}))
	}
	d := New(testConfig(), 0)
	for id := 1; id <= nodes; id++ {
		d.Heard(1, Report{Node: uint64(id), Store: node(id).Store})
	}
	for len(l.state().Partitions) < partitions+1 {
		txn := d.Step(1, l.state())
		require.False(t, txn.Empty())
		require.True(t, l.commit(txn))
	}
	return l.state()
}

// Goal: a table survives its encoding and is small enough to be sent about. Method: the largest number of partitions on 64
// nodes.
func TestTableIsCompact(t *testing.T) {
	s := largeTable(t, MaxPartitions, 64)
	b := AppendTable(nil, s)
	t.Logf("%d bytes", len(b))
	require.Less(t, len(b), 20<<10)
	got, err := DecodeTable(b)
	require.NoError(t, err)
	s.Index = s.Version
	require.Equal(t, *s, got)

	none, err := DecodeTable(AppendTable(nil, &State{}))
	require.NoError(t, err)
	require.False(t, none.Bootstrapped())
}

// Goal: what is not exactly one valid table is refused. Method: cut everywhere, and damage by hand.
func TestDamagedTablesAreRefused(t *testing.T) {
	s := largeTable(t, 2, 3)
	whole := AppendTable(nil, s)
	for k := range whole {
		_, err := DecodeTable(whole[:k])
		require.ErrorIs(t, err, canon.ErrShort, "cut at %d", k)
	}
	_, err := DecodeTable(append(whole[:len(whole):len(whole)], 0))
	require.ErrorIs(t, err, canon.ErrTrailing)
	_, err = DecodeTable(make([]byte, MaxTable+1))
	require.ErrorIs(t, err, canon.ErrTooLarge)
	s.Partitions[0].Initial[0].Node = 9
	require.Error(t, s.Check())

	l := newLedger(t)
	l.do(Bootstrap(l.state(), Cluster{Partitions: 1, Replicas: 1}, []Node{{ID: 1, Address: "a", Store: 11}}))
	txn := l.state().change(l.state().Cluster)
	txn.putPartition(Partition{Group: 1, Epoch: 1, Replicas: []uint64{1}, Initial: []Replica{{1, 10}}}, "")
	require.True(t, l.commit(*txn))
	twoForms := bytes.Replace(AppendTable(nil, l.state()), []byte{1, byte(Up), 11, 100}, []byte{1, byte(Up), 10, 100}, 1)
	_, err = DecodeTable(twoForms)
	require.ErrorIs(t, err, errForm, "a store that is named though it is that of the node")
}

// Goal: whatever decodes is a valid State, and encodes to the same bytes. Method: fuzz.
func FuzzTable(f *testing.F) {
	f.Add(AppendTable(nil, &State{}))
	f.Add(AppendTable(nil, largeTable(f, 3, 4)))
	l := founded(f, Cluster{Partitions: 2, Replicas: 2, Name: "x"}, 1, 2)
	txn := l.state().change(l.state().Cluster)
	txn.putPartition(Partition{Group: 1, Epoch: 7, Replicas: []uint64{2}, Initial: []Replica{{1, 99}, {2, 200}}}, "")
	l.commit(*txn)
	f.Add(AppendTable(nil, l.state()))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeTable(b)
		if err != nil {
			return
		}
		require.NoError(t, s.Check())
		require.Equal(t, b, AppendTable(nil, &s))
	})
}

// Goal: the table and what drivers do with it cost little at the largest size. Method: benchmarks of one decision at
// rest, one that computes the goal anew, and one report.
func BenchmarkDriver(b *testing.B) {
	s := largeTable(b, MaxPartitions, 64)
	d := New(testConfig(), 0)
	reports := map[uint64]*Report{}
	for i := range s.Nodes {
		reports[s.Nodes[i].ID] = &Report{Node: s.Nodes[i].ID, Store: s.Nodes[i].Store}
	}
	for i := range s.Partitions {
		p := &s.Partitions[i]
		if p.Group == MetaGroup {
			continue // which would have to grow
		}
		x := ReplicaReport{Group: p.Group, Replica: p.Replicas[0], Term: 2, Epoch: 1, Leader: true, Settled: true, Index: 9}
		for _, r := range sortedReplicas(p.Initial) {
			x.Members = append(x.Members, MemberReport{Replica: r.Node, Voter: true, CaughtUp: true})
		}
		reports[p.Replicas[0]].Replicas = append(reports[p.Replicas[0]].Replicas, x)
	}
	for _, r := range reports {
		d.Heard(1, *r)
	}
	b.Run("rest", func(b *testing.B) {
		for b.Loop() {
			txn := d.Step(1, s)
			require.True(b, txn.Empty())
		}
	})
	b.Run("goal", func(b *testing.B) {
		for b.Loop() {
			d.goal = goal{}
			d.Step(1, s)
		}
	})
	b.Run("heard", func(b *testing.B) {
		for b.Loop() {
			d.Heard(1, *reports[1])
		}
	})
	b.Run("place", func(b *testing.B) {
		for b.Loop() {
			_, err := hashing.Place(s.Cluster.hashing(), d.goal.ring, d.goal.rows)
			require.NoError(b, err)
		}
	})
}
