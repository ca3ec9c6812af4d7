package core

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Bounds of what is believed of a routing table: one beyond them makes no sense.
const (
	maxPartitions = 1 << 16
	maxNodes      = 1 << 14
	maxReplicas   = 64
)

// table is a routing table that makes sense.
type table struct {
	version    uint64
	partitions int
	seed       uint64
	// nodes are the addresses by node, listed the addresses.
	nodes  map[uint64]string
	listed map[string]bool
	// places are by partition number - 1.
	places []placement
}

// placement is where a partition is; the zero placement is one that the table does not tell.
type placement struct {
	epoch    uint64
	replicas []uint64
	leader   uint64
}

// readTable returns the table in an answer, or what is wrong with it. It keeps nothing
// of the answer but strings.
func readTable(p *kvpb.RoutingTable) (t table, message string) {
	switch {
	case p == nil:
		return t, "the answer holds no routing table"
	case p.Partitions > maxPartitions || len(p.Nodes) > maxNodes:
		return t, fmt.Sprintf("a routing table of %d partitions and %d nodes: at most %d and %d can be",
			p.Partitions, len(p.Nodes), maxPartitions, maxNodes)
	}
	t = table{
		version: p.Version, partitions: int(p.Partitions), seed: p.Seed,
		nodes: make(map[uint64]string, len(p.Nodes)), listed: make(map[string]bool, len(p.Nodes)),
		places: make([]placement, p.Partitions),
	}
	for _, n := range p.Nodes {
		if n.GetNode() == 0 {
			return t, "the routing table lists a node without an id"
		}
		t.nodes[n.Node] = n.Address
		if n.Address != "" {
			t.listed[n.Address] = true
		}
	}
	for _, at := range p.Places {
		number := at.GetPartition()
		if number == 0 || number > uint64(p.Partitions) {
			return t, fmt.Sprintf("the routing table places partition %d of %d", number, p.Partitions)
		}
		place := &t.places[number-1]
		if place.replicas != nil {
			return t, fmt.Sprintf("the routing table places partition %d twice", number)
		}
		if n := len(at.Replicas); n == 0 || n > maxReplicas {
			return t, fmt.Sprintf("the routing table places partition %d on %d nodes", number, n)
		}
		*place = placement{epoch: at.Epoch, replicas: append([]uint64(nil), at.Replicas...), leader: at.Leader}
	}
	return t, ""
}

// contradicts says how two tables differ in what never changes in a cluster's life, "" if they do not.
func (t *table) contradicts(before *table) string {
	switch {
	case t.partitions != before.partitions:
		return fmt.Sprintf("%d partitions instead of %d", t.partitions, before.partitions)
	case t.seed != before.seed && t.partitions > 0:
		return fmt.Sprintf("the seed %d instead of %d", t.seed, before.seed)
	}
	return ""
}

// keepNewer keeps the places of the table before that are of a later epoch: one that went back is
// of somebody who knows less.
func (t *table) keepNewer(before *table) {
	for i := range before.places {
		if before.places[i].epoch > t.places[i].epoch {
			t.places[i] = before.places[i]
		}
	}
}
