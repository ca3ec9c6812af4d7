package oracle

// What the oracles know of entries is forgotten when all replicas have compacted them, or, as one
// may stay down or cut off for long, when they are this far behind the newest one's compaction.
const (
	remembered  = 1 << 16
	forgetEvery = 1 << 10
)

// forget bounds the memory of the oracles in long runs.
func (o *groupWatch) forget() {
	lowest, highest := ^uint64(0), uint64(0)
	for _, w := range o.nodes {
		lowest, highest = min(lowest, w.base), max(highest, w.base)
	}
	if highest > remembered {
		lowest = max(lowest, highest-remembered)
	}
	if lowest < o.forgotten+forgetEvery {
		return
	}
	o.forgotten = lowest
	o.matching.Forget(o.id, lowest)
	o.complete.Forget(o.id, lowest)
	o.machine.Forget(o.id, lowest)
	o.hashes.Forget(o.id, lowest)
	o.durability.Forget(o.id, lowest)
	o.configs.Forget(o.id, lowest)
}
