package placement

import (
	"encoding/binary"
	"fmt"

	"github.com/holdfastdb/holdfast/raft/canon"
)

// MaxTable bounds an encoded table, in bytes. 1024 partitions of three replicas on 64 nodes take
// less than 20 KiB.
const MaxTable = 1 << 20

// AppendTable appends the State as the nodes get it:
//
//	format version (one byte), version, the cluster, the number of nodes, each: id and what else its record
//	has, version - its version; the number of groups, each: group - the one before, epoch,
//	version - its version, wanted nodes, the number of initial replicas, each: node, 0 if its store is the one the
//	node has now, else the store
//
// Index is not part of it: who decodes it has Version there.
func AppendTable(dst []byte, s *State) []byte {
	dst = append(dst, recordVersion)
	dst = binary.AppendUvarint(dst, s.Version)
	if !s.Bootstrapped() {
		return dst
	}
	dst = appendCluster(dst, &s.Cluster)
	dst = binary.AppendUvarint(dst, uint64(len(s.Nodes)))
	for i := range s.Nodes {
		dst = appendNode(dst, &s.Nodes[i])
		dst = binary.AppendUvarint(dst, s.Version-s.Nodes[i].Version)
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.Partitions)))
	last := uint64(0)
	for i := range s.Partitions {
		p := &s.Partitions[i]
		for _, v := range [...]uint64{p.Group - last, p.Epoch, s.Version - p.Version} {
			dst = binary.AppendUvarint(dst, v)
		}
		last = p.Group
		dst = appendNodes(dst, p.Replicas)
		dst = binary.AppendUvarint(dst, uint64(len(p.Initial)))
		for _, r := range p.Initial {
			dst = binary.AppendUvarint(dst, r.Node)
			if n := s.Node(r.Node); n.Store == r.Store {
				r.Store = 0
			}
			dst = binary.AppendUvarint(dst, r.Store)
		}
	}
	return dst
}

// DecodeTable decodes exactly one valid State.
func DecodeTable(b []byte) (State, error) {
	if len(b) > MaxTable {
		return State{}, fmt.Errorf("placement: codec: %w: a table of %d bytes where %d are the most", canon.ErrTooLarge, len(b), MaxTable)
	}
	r := newReader(b)
	s := State{Version: r.Number(anything)}
	s.Index = s.Version
	if s.Version != 0 {
		r.records(&s)
	}
	if err := r.done(); err != nil {
		return State{}, err
	}
	if err := s.Check(); err != nil {
		return State{}, err
	}
	return s, nil
}

func (r *reader) records(s *State) {
	s.Cluster = r.cluster()
	s.Cluster.Version = s.Version
	for range r.Number(MaxRecords) {
		n := r.node()
		if n.Version = s.Version - r.Number(s.Version); r.Err() != nil {
			return
		}
		s.Nodes = append(s.Nodes, n)
	}
	last := uint64(0)
	for range r.Number(MaxPartitions + 1) {
		p := Partition{Group: r.Number(MetaGroup), Epoch: r.Number(anything), Version: s.Version - r.Number(s.Version)}
		p.Group += last
		last = p.Group
		p.Replicas = r.nodes()
		for range r.Number(MaxReplicas) {
			p.Initial = append(p.Initial, r.initial(s))
		}
		if r.Err() != nil {
			return
		}
		s.Partitions = append(s.Partitions, p)
	}
}

func (r *reader) initial(s *State) Replica {
	x := Replica{Node: r.Number(maxNode), Store: r.Number(anything)}
	n := s.Node(x.Node)
	switch {
	case n == nil:
		r.Fail(errForm)
	case x.Store == 0:
		x.Store = n.Store
	case x.Store == n.Store:
		r.Fail(errForm)
	}
	return x
}
