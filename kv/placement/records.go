package placement

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// MetaGroup is the group that holds the records. It is above all partitions, which are the
// groups 1 to Cluster.Partitions.
const MetaGroup = 1 << 32

const (
	// MaxPartitions bounds Cluster.Partitions.
	MaxPartitions = 1024
	// MaxReplicas bounds the replicas of a partition, and those of the metadata group.
	MaxReplicas = confchange.MaxVoters
	// MaxNodes bounds the nodes in service, that is those that are not removed.
	MaxNodes = hashing.MaxNodes
	// MaxRecords bounds all nodes, with those that were removed: their records stay, so that no
	// id is given away twice.
	MaxRecords = 4096
	// MaxAddress, MaxZone and MaxName bound texts, in bytes.
	MaxAddress = confchange.MaxInfo
	MaxZone    = 64
	MaxName    = 64
	// maxNode is the largest id of a node, since it is half of the id of a replica.
	maxNode = math.MaxUint32
)

// Cluster is what the cluster was made with.
type Cluster struct {
	// Name is for people, and may be empty.
	Name string
	// Partitions is 1 to MaxPartitions, Replicas 1 to MaxReplicas.
	Partitions int
	Replicas   int
	// Seed is that of the hash of keys and of the ring, VirtualNodes a parameter of the ring. They are
	// kept here since all drivers must come to the same placement.
	Seed         uint64
	VirtualNodes int
	// Version is that of the record. Every transaction writes this record (PLACE-1).
	Version uint64
}

// NodeState says what a node is to be used for.
type NodeState uint8

const (
	// Up nodes get replicas according to their weight.
	Up NodeState = iota + 1
	// Draining nodes keep what they have until it is elsewhere, and get nothing.
	Draining
	// Removed nodes are not part of the cluster any more, and their ids are never used again.
	Removed
)

// String names the state.
func (s NodeState) String() string {
	if s < Up || s > Removed {
		return fmt.Sprintf("unknown state %d", uint8(s))
	}
	return [...]string{"up", "draining", "removed"}[s-Up]
}

// Node is a member of the cluster. Nothing volatile is part of it: whether it answers is known
// by reports alone.
type Node struct {
	// ID is 1 to 1<<32-1.
	ID uint64
	// Address is where the node serves; it is empty once the node is removed.
	Address string
	// Store is the number of the node's log, not 0. A node that lost its log gets another
	// number (ADR 0018).
	Store uint64
	// Weight is how much the node is to hold, in the unit of hashing.DefaultWeight.
	Weight uint32
	// Zone is what fails together with the node; nodes without one fail alone.
	Zone  string
	State NodeState
	// Version is that of the record.
	Version uint64
}

// Replica is a replica that a group begins with: a node, and the log on it that is meant.
type Replica struct {
	Node, Store uint64
}

// Partition is where a group is to be; the metadata group has such a record, too.
type Partition struct {
	Group uint64
	// Epoch counts the changes of Replicas, from 1.
	Epoch uint64
	// Replicas are the nodes that are to hold it, 1 to MaxReplicas, each once. The first one is
	// preferred as leader.
	Replicas []uint64
	// Initial are the replicas that the group begins with. They never change.
	Initial []Replica
	// Version is that of the record.
	Version uint64
}

var (
	errCluster   = errors.New("placement: the record of the cluster is wrong")
	errNode      = errors.New("placement: the record of a node is wrong")
	errPartition = errors.New("placement: the record of a partition is wrong")
)

func (c *Cluster) check() error {
	switch {
	case c.Partitions < 1 || c.Partitions > MaxPartitions:
		return fmt.Errorf("%w: %d partitions: there must be 1 to %d", errCluster, c.Partitions, MaxPartitions)
	case c.Replicas < 1 || c.Replicas > MaxReplicas:
		return fmt.Errorf("%w: %d replicas: there must be 1 to %d", errCluster, c.Replicas, MaxReplicas)
	case c.VirtualNodes < 1 || c.VirtualNodes > hashing.MaxVirtualNodes:
		return fmt.Errorf("%w: %d virtual nodes: there must be 1 to %d", errCluster, c.VirtualNodes, hashing.MaxVirtualNodes)
	case len(c.Name) > MaxName:
		return fmt.Errorf("%w: a name of %d bytes: there may be %d", errCluster, len(c.Name), MaxName)
	}
	return nil
}

func (c *Cluster) hashing() hashing.Config {
	return hashing.Config{
		Seed: c.Seed, Partitions: c.Partitions, Replicas: c.Replicas, VirtualNodes: c.VirtualNodes,
	}
}

// has tells whether the cluster has such a group.
func (c *Cluster) has(group uint64) bool {
	return group == MetaGroup || group >= 1 && group <= uint64(c.Partitions)
}

func (n *Node) check() error {
	switch {
	case n.ID < 1 || n.ID > maxNode:
		return fmt.Errorf("%w: node %d: ids are 1 to %d", errNode, n.ID, uint64(maxNode))
	case n.Store == 0:
		return fmt.Errorf("%w: node %d: the number of its log is missing", errNode, n.ID)
	case n.Address == "" && n.State != Removed || len(n.Address) > MaxAddress:
		return fmt.Errorf("%w: node %d: an address of %d bytes: it must have 1 to %d", errNode, n.ID, len(n.Address), MaxAddress)
	case n.Weight < 1 || n.Weight > hashing.MaxWeight:
		return fmt.Errorf("%w: node %d: weight %d: it must be 1 to %d; to empty a node, drain it",
			errNode, n.ID, n.Weight, hashing.MaxWeight)
	case len(n.Zone) > MaxZone:
		return fmt.Errorf("%w: node %d: a zone of %d bytes: it may have %d", errNode, n.ID, len(n.Zone), MaxZone)
	case n.State < Up || n.State > Removed:
		return fmt.Errorf("%w: node %d: %v", errNode, n.ID, n.State)
	}
	return nil
}

func (p *Partition) check() error {
	switch {
	case !isGroup(p.Group):
		return fmt.Errorf("%w: there is no group %d", errPartition, p.Group)
	case p.Epoch == 0:
		return fmt.Errorf("%w: group %d: epochs begin with 1", errPartition, p.Group)
	}
	if err := distinct(p.Replicas); err != nil {
		return fmt.Errorf("%w: group %d: wanted replicas: %w", errPartition, p.Group, err)
	}
	initial := make([]uint64, len(p.Initial))
	for i, r := range p.Initial {
		if initial[i] = r.Node; r.Store == 0 {
			return fmt.Errorf("%w: group %d begins on node %d in log 0, which there is not", errPartition, p.Group, r.Node)
		}
	}
	if err := distinct(initial); err != nil {
		return fmt.Errorf("%w: group %d: initial replicas: %w", errPartition, p.Group, err)
	}
	return nil
}

// isGroup tells whether there can be such a group.
func isGroup(group uint64) bool { return group == MetaGroup || group >= 1 && group <= MaxPartitions }

func distinct(nodes []uint64) error {
	if len(nodes) < 1 || len(nodes) > MaxReplicas {
		return fmt.Errorf("there are %d, and must be 1 to %d", len(nodes), MaxReplicas)
	}
	for i, n := range nodes {
		if n < 1 || n > maxNode {
			return fmt.Errorf("there is no node %d", n)
		}
		if slices.Contains(nodes[:i], n) {
			return fmt.Errorf("node %d is named twice", n)
		}
	}
	return nil
}

// initialStore is the log on a node in which the group begins, 0 if it does not begin there.
func (p *Partition) initialStore(node uint64) uint64 {
	for _, r := range p.Initial {
		if r.Node == node {
			return r.Store
		}
	}
	return 0
}

// The keys of the records.
const (
	clusterKey    = "cluster"
	nodePrefix    = "node/"
	partitionName = "part/"
)

func (n *Node) key() []byte { return strconv.AppendUint([]byte(nodePrefix), n.ID, 10) }

func (p *Partition) key() []byte { return strconv.AppendUint([]byte(partitionName), p.Group, 10) }

// number returns what follows the prefix; false where a key is not exactly that.
func number(key, prefix string) (uint64, bool) {
	digits, ok := strings.CutPrefix(key, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == digits
}
