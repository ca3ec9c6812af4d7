package placement

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/raft/canon"
)

// recordVersion is the first byte of every encoded record.
const recordVersion = 1

// What decoding can answer, wrapped with what was being read.
var (
	errVersion = errors.New("unknown version of the format: a newer build wrote this")
	errFlags   = errors.New("unknown flags")
	errOrder   = errors.New("the entries are not ascending")
	errForm    = errors.New("not the one form in which this is written")
)

// The encodings are a byte for the version, then unsigned varints in their shortest form; texts and
// lists are preceded by their length. So everything has exactly one encoding.

// AppendCluster appends the record's value: version, partitions, replicas, virtual nodes, seed, name.
func AppendCluster(dst []byte, c *Cluster) []byte {
	dst = append(dst, recordVersion)
	return appendCluster(dst, c)
}

func appendCluster(dst []byte, c *Cluster) []byte {
	for _, v := range [...]uint64{uint64(c.Partitions), uint64(c.Replicas), uint64(c.VirtualNodes), c.Seed} {
		dst = binary.AppendUvarint(dst, v)
	}
	return appendText(dst, c.Name)
}

// AppendNode appends the record's value: version, id, state, store, weight, address, zone.
func AppendNode(dst []byte, n *Node) []byte {
	dst = append(dst, recordVersion)
	return appendNode(dst, n)
}

func appendNode(dst []byte, n *Node) []byte {
	for _, v := range [...]uint64{n.ID, uint64(n.State), n.Store, uint64(n.Weight)} {
		dst = binary.AppendUvarint(dst, v)
	}
	return appendText(appendText(dst, n.Address), n.Zone)
}

// AppendPartition appends the record's value: version, group, epoch, wanted nodes, initial replicas
// (node and store each).
func AppendPartition(dst []byte, p *Partition) []byte {
	dst = append(dst, recordVersion)
	dst = binary.AppendUvarint(dst, p.Group)
	dst = binary.AppendUvarint(dst, p.Epoch)
	dst = appendNodes(dst, p.Replicas)
	dst = binary.AppendUvarint(dst, uint64(len(p.Initial)))
	for _, r := range p.Initial {
		dst = binary.AppendUvarint(dst, r.Node)
		dst = binary.AppendUvarint(dst, r.Store)
	}
	return dst
}

func appendNodes(dst []byte, nodes []uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(nodes)))
	for _, n := range nodes {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

func appendText(dst []byte, text string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// DecodeCluster decodes exactly one valid record.
func DecodeCluster(b []byte) (Cluster, error) {
	r := newReader(b)
	c := r.cluster()
	if err := r.done(); err != nil {
		return Cluster{}, err
	}
	if err := c.check(); err != nil {
		return Cluster{}, err
	}
	return c, nil
}

// DecodeNode decodes exactly one valid record.
func DecodeNode(b []byte) (Node, error) {
	r := newReader(b)
	n := r.node()
	if err := r.done(); err != nil {
		return Node{}, err
	}
	if err := n.check(); err != nil {
		return Node{}, err
	}
	return n, nil
}

// DecodePartition decodes exactly one valid record.
func DecodePartition(b []byte) (Partition, error) {
	r := newReader(b)
	p := Partition{Group: r.Number(MetaGroup), Epoch: r.Number(anything), Replicas: r.nodes()}
	for range r.Number(MaxReplicas) {
		p.Initial = append(p.Initial, Replica{Node: r.Number(maxNode), Store: r.Number(anything)})
	}
	if err := r.done(); err != nil {
		return Partition{}, err
	}
	if err := p.check(); err != nil {
		return Partition{}, err
	}
	return p, nil
}

// anything is the bound of numbers that have none.
const anything = 1<<64 - 1

// reader reads the values of records and messages.
type reader struct{ canon.Reader }

// newReader has read the version.
func newReader(b []byte) *reader {
	r := &reader{canon.NewReader(b)}
	if v := r.Byte(); r.Err() == nil && v != recordVersion {
		r.Fail(fmt.Errorf("%w: %d, this build knows %d", errVersion, v, recordVersion))
	}
	return r
}

// done returns what was wrong with the whole input.
func (r *reader) done() error {
	if err := r.Done(); err != nil {
		return fmt.Errorf("placement: codec: %w", err)
	}
	return nil
}

func (r *reader) nodes() (nodes []uint64) {
	for range r.Number(MaxReplicas) {
		nodes = append(nodes, r.Number(maxNode))
	}
	return nodes
}

func (r *reader) cluster() Cluster {
	return Cluster{
		Partitions: int(r.Number(MaxPartitions)), Replicas: int(r.Number(MaxReplicas)),
		VirtualNodes: int(r.Number(1 << 16)), Seed: r.Number(anything), Name: r.Text(MaxName),
	}
}

func (r *reader) node() Node {
	return Node{
		ID: r.Number(maxNode), State: NodeState(r.Number(uint64(Removed))), Store: r.Number(anything),
		Weight: uint32(r.Number(1 << 16)), Address: r.Text(MaxAddress), Zone: r.Text(MaxZone),
	}
}
