package placement

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Pair is a key of the metadata group with its value and version.
type Pair struct {
	Key, Value []byte
	Version    uint64
}

// State is all records as they were at one index of the metadata group's log. A State is never
// changed once it is made.
type State struct {
	// Index is the applied index that it was read at.
	Index uint64
	// Version is the index of the newest change: that of the table. It is 0 before the cluster is
	// bootstrapped; then there are no records. Of two states the one with the higher Version is newer,
	// and two with the same are the same (PLACE-1).
	Version uint64
	Cluster Cluster
	// Nodes are ascending by id, also those that were removed.
	Nodes []Node
	// Partitions are ascending by group, so that the metadata group is the last. The record of a
	// partition is missing until the driver has created it.
	Partitions []Partition
}

var (
	errKey   = errors.New("placement: a key that this build does not know: a newer build wrote it, or somebody else")
	errState = errors.New("placement: the records contradict each other")
)

// Decode makes a State of all pairs that the metadata group had at an index. Errors: records that are
// damaged, unknown, or contradict each other; whoever reads them can do nothing.
func Decode(pairs []Pair, index uint64) (State, error) {
	s := State{Index: index}
	for _, p := range pairs {
		if err := s.add(p); err != nil {
			return State{}, fmt.Errorf("key %q at index %d: %w", p.Key, p.Version, err)
		}
	}
	slices.SortFunc(s.Nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(s.Partitions, func(a, b Partition) int { return cmp.Compare(a.Group, b.Group) })
	if err := s.Check(); err != nil {
		return State{}, err
	}
	return s, nil
}

func (s *State) add(p Pair) error {
	key := string(p.Key)
	if key == clusterKey {
		c, err := DecodeCluster(p.Value)
		s.Cluster, s.Version = c, p.Version
		s.Cluster.Version = p.Version
		return err
	}
	if id, ok := number(key, nodePrefix); ok {
		n, err := DecodeNode(p.Value)
		if n.Version = p.Version; err == nil && n.ID != id {
			err = fmt.Errorf("%w: it says node %d", errNode, n.ID)
		}
		s.Nodes = append(s.Nodes, n)
		return err
	}
	if group, ok := number(key, partitionName); ok {
		x, err := DecodePartition(p.Value)
		if x.Version = p.Version; err == nil && x.Group != group {
			err = fmt.Errorf("%w: it says group %d", errPartition, x.Group)
		}
		s.Partitions = append(s.Partitions, x)
		return err
	}
	return errKey
}

// Check returns which invariant of the records does not hold (PLACE-2).
func (s *State) Check() error {
	if s.Version != s.Cluster.Version || s.Version > s.Index {
		return fmt.Errorf("%w: read at index %d, version %d, that of the cluster's record is %d",
			errState, s.Index, s.Version, s.Cluster.Version)
	}
	if s.Version == 0 {
		if len(s.Nodes)+len(s.Partitions) > 0 {
			return fmt.Errorf("%w: %d nodes and %d groups of no cluster", errState, len(s.Nodes), len(s.Partitions))
		}
		return nil
	}
	if err := s.Cluster.check(); err != nil {
		return err
	}
	if err := s.checkNodes(); err != nil {
		return err
	}
	return s.checkPartitions()
}

func (s *State) checkNodes() error {
	inService := 0
	stores := make(map[uint64]uint64, len(s.Nodes))
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if err := n.check(); err != nil {
			return err
		}
		if i > 0 && n.ID <= s.Nodes[i-1].ID {
			return fmt.Errorf("%w: node %d follows node %d", errState, n.ID, s.Nodes[i-1].ID)
		}
		if other := stores[n.Store]; other != 0 {
			return fmt.Errorf("%w: nodes %d and %d have the same log", errState, other, n.ID)
		}
		if stores[n.Store] = n.ID; n.State != Removed {
			inService++
		}
		if err := s.checkVersion(n.Version); err != nil {
			return fmt.Errorf("node %d: %w", n.ID, err)
		}
	}
	if inService < 1 || inService > MaxNodes || len(s.Nodes) > MaxRecords {
		return fmt.Errorf("%w: %d nodes in service, %d in all: there may be 1 to %d, and %d in all",
			errState, inService, len(s.Nodes), MaxNodes, MaxRecords)
	}
	return nil
}

func (s *State) checkPartitions() error {
	for i := range s.Partitions {
		p := &s.Partitions[i]
		if err := p.check(); err != nil {
			return err
		}
		if i > 0 && p.Group <= s.Partitions[i-1].Group || !s.Cluster.has(p.Group) {
			return fmt.Errorf("%w: group %d is out of order or not of this cluster", errState, p.Group)
		}
		for _, id := range p.Replicas {
			if s.Node(id) == nil {
				return fmt.Errorf("%w: group %d is to be on node %d, which was never there", errState, p.Group, id)
			}
		}
		for _, r := range p.Initial {
			if s.Node(r.Node) == nil {
				return fmt.Errorf("%w: group %d begins on node %d, which was never there", errState, p.Group, r.Node)
			}
		}
		if err := s.checkVersion(p.Version); err != nil {
			return fmt.Errorf("group %d: %w", p.Group, err)
		}
	}
	if s.Partition(MetaGroup) == nil {
		return fmt.Errorf("%w: the metadata group has no record", errState)
	}
	return nil
}

func (s *State) checkVersion(v uint64) error {
	if v < 1 || v > s.Version {
		return fmt.Errorf("%w: a record of index %d, the newest change was at %d", errState, v, s.Version)
	}
	return nil
}

// Bootstrapped tells whether there is a cluster.
func (s *State) Bootstrapped() bool { return s.Version != 0 }

// Node returns the node's record, nil if there is none.
func (s *State) Node(id uint64) *Node {
	i, ok := slices.BinarySearchFunc(s.Nodes, id, func(n Node, id uint64) int { return cmp.Compare(n.ID, id) })
	if !ok {
		return nil
	}
	return &s.Nodes[i]
}

// Partition returns the group's record, nil if there is none (yet).
func (s *State) Partition(group uint64) *Partition {
	i, ok := slices.BinarySearchFunc(s.Partitions, group, func(p Partition, g uint64) int { return cmp.Compare(p.Group, g) })
	if !ok {
		return nil
	}
	return &s.Partitions[i]
}

// Want is a node that is to hold a group, and the log on it that is meant.
type Want struct {
	Node, Store uint64
	// Replaced says that the group began on this node in another log, so that a replica whose log
	// the configuration does not name is not the one that is meant.
	Replaced bool
}

// Wants returns what the group's leader is to bring about, and its epoch; nothing if there is no such
// record. The first one is preferred as leader.
func (s *State) Wants(group uint64) (epoch uint64, wants []Want) {
	p := s.Partition(group)
	if p == nil {
		return 0, nil
	}
	for _, id := range p.Replicas {
		store := s.Node(id).Store
		began := p.initialStore(id)
		wants = append(wants, Want{Node: id, Store: store, Replaced: began != 0 && began != store})
	}
	return p.Epoch, wants
}

// BeginsAt returns the groups that begin with a replica in this log, ascending: each begins there unless the
// log has heard of the group before. The metadata group is never among them: its founders begin
// before there are records.
func (s *State) BeginsAt(node, store uint64) (groups []uint64) {
	for i := range s.Partitions {
		if p := &s.Partitions[i]; p.Group != MetaGroup && p.initialStore(node) == store && store != 0 {
			groups = append(groups, p.Group)
		}
	}
	return groups
}

// inService counts the nodes that are not removed, up those that are Up.
func (s *State) inService() (all, up int) {
	for i := range s.Nodes {
		switch s.Nodes[i].State {
		case Up:
			up++
			all++
		case Draining:
			all++
		case Removed:
		}
	}
	return all, up
}
