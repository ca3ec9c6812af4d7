package placement

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/canon"
)

func sampleNode() Node {
	return Node{ID: 1<<32 - 1, Address: "10.0.0.1:7000", Store: 1<<64 - 1, Weight: 1000, Zone: "a", State: Draining}
}

func samplePartition() Partition {
	return Partition{Group: 1024, Epoch: 300, Replicas: []uint64{3, 1, 1<<32 - 1}, Initial: []Replica{{1, 1 << 63}, {2, 7}}}
}

func sampleCluster() Cluster {
	return Cluster{Name: "test", Partitions: 1024, Replicas: 9, Seed: 1<<64 - 1, VirtualNodes: 64}
}

// Goal: records survive their encodings. Method: records with large values in every field.
func TestRecordsSurviveTheCodec(t *testing.T) {
	c, n, p := sampleCluster(), sampleNode(), samplePartition()
	gotC, err := DecodeCluster(AppendCluster(nil, &c))
	require.NoError(t, err)
	require.Equal(t, c, gotC)
	gotN, err := DecodeNode(AppendNode(nil, &n))
	require.NoError(t, err)
	require.Equal(t, n, gotN)
	gotP, err := DecodePartition(AppendPartition(nil, &p))
	require.NoError(t, err)
	require.Equal(t, p, gotP)
}

// Goal: a record that was cut off, has something behind it or is of another version is refused, each for its
// reason. Method: cut everywhere, and damage by hand.
func TestDamagedRecordsAreRefused(t *testing.T) {
	c, n, p := sampleCluster(), sampleNode(), samplePartition()
	for name, x := range map[string]struct {
		whole  []byte
		decode func([]byte) error
	}{
		"cluster":   {AppendCluster(nil, &c), func(b []byte) error { _, err := DecodeCluster(b); return err }},
		"node":      {AppendNode(nil, &n), func(b []byte) error { _, err := DecodeNode(b); return err }},
		"partition": {AppendPartition(nil, &p), func(b []byte) error { _, err := DecodePartition(b); return err }},
	} {
		for k := range x.whole {
			require.ErrorIs(t, x.decode(x.whole[:k]), canon.ErrShort, "%s cut at %d", name, k)
		}
		require.ErrorIs(t, x.decode(append(x.whole[:len(x.whole):len(x.whole)], 0)), canon.ErrTrailing, name)
		require.ErrorIs(t, x.decode(append([]byte{9}, x.whole[1:]...)), errVersion, name)
		require.ErrorIs(t, x.decode([]byte{1, 0x81, 0}), canon.ErrNumber, name)
	}
	_, err := DecodeNode([]byte{1, 1, 4})
	require.ErrorIs(t, err, canon.ErrTooLarge)
}

// Goal: records with values that cannot be are refused. Method: one wrong field at a time.
func TestImpossibleRecordsAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Cluster){
		"no partitions":  func(c *Cluster) { c.Partitions = 0 },
		"no replicas":    func(c *Cluster) { c.Replicas = 0 },
		"no virtual":     func(c *Cluster) { c.VirtualNodes = 0 },
		"many virtual":   func(c *Cluster) { c.VirtualNodes = 1025 },
		"too many parts": func(c *Cluster) { c.Partitions = 1025 },
		"long name":      func(c *Cluster) { c.Name = strings.Repeat("x", MaxName+1) },
	} {
		c := sampleCluster()
		spoil(&c)
		_, err := DecodeCluster(AppendCluster(nil, &c))
		require.Error(t, err, name)
		require.ErrorIs(t, c.check(), errCluster, name)
	}
	for name, spoil := range map[string]func(*Node){
		"no id": func(n *Node) { n.ID = 0 }, "no store": func(n *Node) { n.Store = 0 }, "no address": func(n *Node) { n.Address = "" },
		"no weight": func(n *Node) { n.Weight = 0 }, "heavy": func(n *Node) { n.Weight = 1001 }, "no state": func(n *Node) { n.State = 0 },
		"large id": func(n *Node) { n.ID = 1 << 32 }, "long zone": func(n *Node) { n.Zone = strings.Repeat("x", MaxZone+1) },
	} {
		n := sampleNode()
		spoil(&n)
		_, err := DecodeNode(AppendNode(nil, &n))
		require.Error(t, err, name)
		require.ErrorIs(t, n.check(), errNode, name)
	}
	for name, spoil := range map[string]func(*Partition){
		"group 0": func(p *Partition) { p.Group = 0 }, "no such group": func(p *Partition) { p.Group = 1025 },
		"epoch 0": func(p *Partition) { p.Epoch = 0 }, "nowhere": func(p *Partition) { p.Replicas = nil },
		"twice":        func(p *Partition) { p.Replicas = []uint64{1, 2, 1} },
		"node 0":       func(p *Partition) { p.Replicas = []uint64{0} },
		"too many":     func(p *Partition) { p.Replicas = []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10} },
		"no beginning": func(p *Partition) { p.Initial = nil }, "no log": func(p *Partition) { p.Initial[0].Store = 0 },
		"begins twice": func(p *Partition) { p.Initial[0].Node = 2 },
	} {
		p := samplePartition()
		spoil(&p)
		_, err := DecodePartition(AppendPartition(nil, &p))
		require.Error(t, err, name)
		require.ErrorIs(t, p.check(), errPartition, name)
	}
}

// Goal: whatever decodes is valid, and encodes to the same bytes. Method: fuzz all three records.
func FuzzRecords(f *testing.F) {
	c, n, p := sampleCluster(), sampleNode(), samplePartition()
	f.Add(AppendCluster(nil, &c))
	f.Add(AppendNode(nil, &n))
	f.Add(AppendPartition(nil, &p))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := DecodeCluster(b); err == nil {
			require.NoError(t, c.check())
			require.Equal(t, b, AppendCluster(nil, &c))
		}
		if n, err := DecodeNode(b); err == nil {
			require.NoError(t, n.check())
			require.Equal(t, b, AppendNode(nil, &n))
		}
		if p, err := DecodePartition(b); err == nil {
			require.NoError(t, p.check())
			require.Equal(t, b, AppendPartition(nil, &p))
		}
	})
}
