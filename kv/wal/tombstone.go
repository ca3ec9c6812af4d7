package wal

import (
	"math"

	"github.com/holdfastdb/holdfast/raft"
)

// A tombstone is what is left in the log of a replica that was destroyed: a hard state of a term that no
// replica reaches, and a mark behind which there can be no entries. So nothing of the replica can follow
// (a term does not go back), its entries hold no segment back, and only a replica of a higher
// generation can take its place (WAL-11).
const (
	tombTerm  = math.MaxUint64
	tombIndex = math.MaxUint64 - 1
)

// MaxTerm is the highest term that a replica may reach.
const MaxTerm = tombTerm - 1

// AddTombstone says that the replica is gone for good, with all that the log has of it. Whoever must not
// act again under an id says so before anything of it is deleted (SHARD: a replica that comes back
// after its removal).
func (b *Batch) AddTombstone(g raft.GroupID, replica raft.ReplicaID) {
	b.Add(g, replica, &raft.Persist{
		State: raft.HardState{Term: tombTerm},
		Mark:  raft.Mark{Index: tombIndex, Term: tombTerm},
	})
}

// Destroyed tells whether the newest replica of the group that the log knows is gone for good.
func (g *GroupState) Destroyed() bool { return g.Restored.HardState.Term == tombTerm }
