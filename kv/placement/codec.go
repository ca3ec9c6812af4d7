package placement

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// recordVersion is the first byte of every encoded record.
const recordVersion = 1

// What decoding can answer, wrapped with what was being read.
var (
	errShort    = errors.New("placement: codec: the input ends too early")
	errNumber   = errors.New("placement: codec: a number is too long or not in its shortest form")
	errVersion  = errors.New("placement: codec: unknown version of the format: a newer build wrote this")
	errFlags    = errors.New("placement: codec: unknown flags")
	errTooLarge = errors.New("placement: codec: more than there may be")
	errOrder    = errors.New("placement: codec: the entries are not ascending")
	errTrailing = errors.New("placement: codec: bytes after the end")
	errForm     = errors.New("placement: codec: not the one form in which this is written")
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
	p := Partition{Group: r.number(MetaGroup), Epoch: r.number(anything), Replicas: r.nodes()}
	for range r.number(MaxReplicas) {
		p.Initial = append(p.Initial, Replica{Node: r.number(maxNode), Store: r.number(anything)})
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

// reader takes an input apart; the first error sticks.
type reader struct {
	b   []byte
	err error
}

// newReader has read the version.
func newReader(b []byte) *reader {
	r := &reader{b: b}
	if v := r.byte(); r.err == nil && v != recordVersion {
		r.fail(fmt.Errorf("%w: %d, this build knows %d", errVersion, v, recordVersion))
	}
	return r
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err, r.b = err, nil
	}
}

// done returns the first error; anything that is left is one, too.
func (r *reader) done() error {
	if len(r.b) > 0 {
		r.fail(errTrailing)
	}
	return r.err
}

func (r *reader) byte() byte {
	b := r.bytes(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail(errShort)
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	switch {
	case n == 0:
		r.fail(errShort)
	case n < 0 || (n > 1 && r.b[n-1] == 0):
		r.fail(errNumber)
	case v > most:
		r.fail(fmt.Errorf("%w: %d where %d is the most", errTooLarge, v, most))
	default:
		r.b = r.b[n:]
		return v
	}
	return 0
}

func (r *reader) text(most uint64) string { return string(r.bytes(r.number(most))) }

func (r *reader) nodes() (nodes []uint64) {
	for range r.number(MaxReplicas) {
		nodes = append(nodes, r.number(maxNode))
	}
	return nodes
}

func (r *reader) cluster() Cluster {
	return Cluster{
		Partitions: int(r.number(MaxPartitions)), Replicas: int(r.number(MaxReplicas)),
		VirtualNodes: int(r.number(1 << 16)), Seed: r.number(anything), Name: r.text(MaxName),
	}
}

func (r *reader) node() Node {
	return Node{
		ID: r.number(maxNode), State: NodeState(r.number(uint64(Removed))), Store: r.number(anything),
		Weight: uint32(r.number(1 << 16)), Address: r.text(MaxAddress), Zone: r.text(MaxZone),
	}
}
