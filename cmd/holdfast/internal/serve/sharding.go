package serve

import (
	"time"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/placement"
)

// DefaultPartitions is into how many partitions a new cluster is divided.
const DefaultPartitions = 16

// MinDeadAfter is the time of four reports of a node: one that misses fewer may only be slow.
const MinDeadAfter = 4 * time.Second

// checkSharding says what is wrong with the settings of a cluster with partitions.
func (o *options) checkSharding() error {
	switch {
	case o.partitions < 0 || o.partitions > placement.MaxPartitions:
		return exit.Usagef("some for each node that the cluster may grow to, as in --partitions 64; their number never changes",
			"--partitions is %d, it must be 1 to %d, or 0 for a cluster of one group", o.partitions, placement.MaxPartitions)
	case o.partitions == 0:
		return nil
	case o.replicas < 1 || o.replicas > placement.MaxReplicas:
		return exit.Usagef("3 copies survive the loss of one node, 5 of two", "--replicas is %d, it must be 1 to %d", o.replicas, placement.MaxReplicas)
	case o.weight < 1 || o.weight > hashing.MaxWeight:
		return exit.Usagef("an ordinary node has 100, one that is to hold twice as much 200", "--weight is %d, it must be 1 to %d", o.weight, hashing.MaxWeight)
	case len(o.zone) > placement.MaxZone:
		return exit.Usagef("take a shorter name", "--zone has %d bytes, it may have %d", len(o.zone), placement.MaxZone)
	case len(o.cluster) > placement.MaxName:
		return exit.Usagef("take a shorter name", "--cluster has %d bytes, it may have %d", len(o.cluster), placement.MaxName)
	case o.deadAfter < MinDeadAfter:
		return exit.Usagef("give one as in --dead-after 5m: longer than nodes take to be started again", "--dead-after is %v, it must be %v or more",
			o.deadAfter, MinDeadAfter)
	}
	return nil
}
