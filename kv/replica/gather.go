package replica

import (
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// gatherEntries and gatherBytes bound what a follower lets gather: that much is worth a batch of its own.
const (
	gatherEntries = 128
	gatherBytes   = 256 << 10
)

// gathers tells whether the committed entries are to wait for more (REP-17). Each batch for the engine has the position and the
// sessions with it, and so costs about as much for one entry as for many.
func (r *Replica) gathers(now env.Instant) bool {
	committed := r.raft.Applicable()
	if r.applied >= committed || r.raft.Role() == raft.Leader || r.reads.waiting > 0 || r.crowded(committed) {
		r.gatherUntil = env.Never
		return false
	}
	if r.gatherUntil == env.Never {
		r.gatherUntil = now.Add(min(r.cfg.ApplyDelay, r.cfg.Raft.ElectionTimeout))
	}
	if r.gatherUntil <= now {
		r.gatherUntil = env.Never
		return false
	}
	return true
}

// crowded tells whether enough has gathered, or what has is in memory no longer.
func (r *Replica) crowded(committed uint64) bool {
	waiting := committed - r.applied
	if waiting >= gatherEntries || r.cfg.ApplyDelay <= 0 {
		return true
	}
	entries, ok := r.raft.Slice(r.applied+1, committed, gatherBytes)
	return !ok || uint64(len(entries)) < waiting
}
