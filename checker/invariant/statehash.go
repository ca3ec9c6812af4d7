package invariant

import "github.com/holdfastdb/holdfast/checker/verdict"

type groupIndex struct{ group, index uint64 }

// StateHash: replicas of a group that have applied the same index hold the
// same state.
type StateHash struct {
	hashes map[groupIndex]stateOf
}

type stateOf struct{ hash, node uint64 }

// NewStateHash returns an oracle that has seen nothing.
func NewStateHash() *StateHash { return &StateHash{hashes: make(map[groupIndex]stateOf)} }

// ObserveStateHash is told the hash of a replica's state after it applied an
// index. Feed every k-th index to bound the cost.
func (o *StateHash) ObserveStateHash(r Replica, index, hash uint64) *verdict.Violation {
	key := groupIndex{r.Group, index}
	first, known := o.hashes[key]
	if !known {
		o.hashes[key] = stateOf{hash, r.Node}
		return nil
	}
	if first.hash == hash {
		return nil
	}
	return verdict.Violationf(OracleStateHash, "diverged",
		"group %d after index %d: the state is %016x on node %d, but %016x on node %d",
		r.Group, index, first.hash, first.node, hash, r.Node).On(r.Group, r.Node)
}

// Forget drops a group's hashes up to an index.
func (o *StateHash) Forget(group, upTo uint64) {
	for key := range o.hashes {
		if key.group == group && key.index <= upTo {
			delete(o.hashes, key)
		}
	}
}
