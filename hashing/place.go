package hashing

import (
	"cmp"
	"fmt"
	"slices"
)

const (
	// DefaultWeight is the weight of an ordinary node.
	DefaultWeight = 100
	// MaxWeight is the largest weight of a node, in the unit of DefaultWeight.
	MaxWeight = 1000
	// DefaultVirtualNodes is how many virtual nodes a node of DefaultWeight has.
	DefaultVirtualNodes = 64
	// MaxVirtualNodes bounds Config.VirtualNodes.
	MaxVirtualNodes = 1024
	// MaxPartitions and MaxNodes bound the work of Place, which grows with their product.
	MaxPartitions = 1 << 14
	MaxNodes      = 256
)

// Node is a place for replicas.
type Node struct {
	ID     uint64 // not 0
	Weight uint32 // 1..MaxWeight: how much of the data it should hold, relative to others
	Zone   string // what fails together with it; empty: only itself
}

// Config is what does not change with the nodes.
type Config struct {
	Seed         uint64 // the cluster's, as for Partition
	Partitions   int    // 1..MaxPartitions
	Replicas     int    // of each partition, at least 1; all nodes hold all partitions if there are fewer nodes
	VirtualNodes int    // for each DefaultWeight of a node, at most MaxVirtualNodes; 0: DefaultVirtualNodes
}

// Placement holds, at index i, the nodes of partition i+1; the first one is preferred as
// its leader. The order of the others means nothing; Place leaves it as it is.
type Placement [][]uint64

// Place returns where partitions are to be: from scratch if current is empty, else with
// as few moves as RING-2 to RING-4 allow (RING-5). current may be any placement of as
// many partitions, also one that breaks these rules or names nodes that are gone.
//
// The result depends on the set of nodes, not on their order, and shares no memory with the
// arguments. The error is about arguments outside their bounds.
func Place(cfg Config, nodes []Node, current Placement) (Placement, error) {
	t, err := newTask(cfg, nodes, current)
	if err != nil {
		return nil, err
	}
	members, _ := t.assign()
	leaders := t.lead(members)
	out := make(Placement, cfg.Partitions)
	for i, list := range members {
		lead := slices.Index(list, leaders[i])
		copy(list[1:lead+1], list[:lead])
		list[0] = leaders[i]
		out[i] = make([]uint64, len(list))
		for k, n := range list {
			out[i][k] = t.nodes[n].ID
		}
	}
	return out, nil
}

// Moves counts the replicas in to that are not in from: each is a copy of a partition that
// must be made. Partitions that from does not have are copied to all their nodes.
func Moves(from, to Placement) int {
	moves := 0
	for i, list := range to {
		for k, id := range list {
			had := i < len(from) && slices.Contains(from[i], id)
			if !had && !slices.Contains(list[:k], id) {
				moves++
			}
		}
	}
	return moves
}

// MinimalMoves is the least number of moves from current to any placement that satisfies
// RING-2 to RING-4. It is not a bound of the minimum but the minimum itself, since Place
// reaches it. Panics where Place returns an error.
func MinimalMoves(cfg Config, nodes []Node, current Placement) int {
	t, err := newTask(cfg, nodes, current)
	if err != nil {
		panic(err.Error())
	}
	_, moves := t.assign()
	return moves
}

// task is a problem for Place. Nodes are indexes from here on, in the order of their ids.
type task struct {
	cfg      Config
	nodes    []Node
	replicas int // of each partition
	zones    []zone
	zoneOf   []int
	shares   []bounds
	walks    []int32 // see walks
	held     [][]int // by partition: nodes that hold it and are still there, each once
	leading  []int   // by partition: the node that leads it, -1 if none
}

func newTask(cfg Config, nodes []Node, current Placement) (*task, error) {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	if err := check(cfg, nodes, current); err != nil {
		return nil, fmt.Errorf("place partitions: %w", err)
	}
	t := &task{cfg: cfg, nodes: nodes, replicas: min(cfg.Replicas, len(nodes))}
	t.zones, t.zoneOf = zonesOf(nodes, t.replicas)
	t.shares = sharesOf(nodes, t.zones, t.zoneOf, cfg.Partitions, t.replicas)
	t.walks = walks(cfg, nodes)
	t.held, t.leading = make([][]int, cfg.Partitions), make([]int, cfg.Partitions)
	for i := range t.leading {
		t.leading[i] = -1
		if i < len(current) {
			t.recall(i, current[i])
		}
	}
	return t, nil
}

// recall notes which nodes hold and lead the partition with index i.
func (t *task) recall(i int, ids []uint64) {
	for k, id := range ids {
		n, ok := slices.BinarySearchFunc(t.nodes, id, func(n Node, id uint64) int { return cmp.Compare(n.ID, id) })
		if !ok || slices.Contains(t.held[i], n) {
			continue
		}
		t.held[i] = append(t.held[i], n)
		if k == 0 {
			t.leading[i] = n
		}
	}
}

// walk is the order in which the partition with index i prefers nodes.
func (t *task) walk(i int) []int32 {
	return t.walks[i*len(t.nodes) : (i+1)*len(t.nodes)]
}

// check looks at the arguments of Place. nodes are sorted by id.
func check(cfg Config, nodes []Node, current Placement) error {
	switch {
	case cfg.Partitions < 1 || cfg.Partitions > MaxPartitions:
		return fmt.Errorf("%d partitions: there must be 1 to %d", cfg.Partitions, MaxPartitions)
	case cfg.Replicas < 1:
		return fmt.Errorf("%d replicas: each partition needs at least 1", cfg.Replicas)
	case cfg.VirtualNodes < 0 || cfg.VirtualNodes > MaxVirtualNodes:
		return fmt.Errorf("%d virtual nodes: there may be 1 to %d, or 0 for the default", cfg.VirtualNodes, MaxVirtualNodes)
	case len(nodes) < 1 || len(nodes) > MaxNodes:
		return fmt.Errorf("%d nodes: there must be 1 to %d", len(nodes), MaxNodes)
	case len(current) != 0 && len(current) != cfg.Partitions:
		return fmt.Errorf("the current placement has %d partitions, not %d: their number never changes", len(current), cfg.Partitions)
	}
	for i, n := range nodes {
		switch {
		case n.ID == 0:
			return fmt.Errorf("node 0: ids begin with 1")
		case i > 0 && n.ID == nodes[i-1].ID:
			return fmt.Errorf("node %d is named twice", n.ID)
		case n.Weight < 1 || n.Weight > MaxWeight:
			return fmt.Errorf("node %d has weight %d: it must be 1 to %d; to empty a node, leave it out", n.ID, n.Weight, MaxWeight)
		}
	}
	return nil
}
