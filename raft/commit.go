package raft

// maybeCommit moves the leader's commit index to the last entry that a quorum holds
// durably, if that entry is of the leader's own term; older ones are committed
// along with it, never by themselves (§5.4.2, Figure 8).
func (r *Raft) maybeCommit() {
	index := r.config.CommittedIndex(r.matchOf)
	if index <= r.commit {
		return
	}
	if term, _ := r.log.termAt(index); term != r.term {
		return
	}
	r.commit = index
	r.leading.uncommitted.freeTo(index)
	r.settleConfig()
}

// matchOf returns the last index that a voter is known to hold durably. The leader
// counts itself by its own disk (dissertation §10.2.1).
func (r *Raft) matchOf(id uint64) uint64 {
	if ReplicaID(id) == r.id {
		return r.log.durable
	}
	return r.peer(ReplicaID(id)).progress.Match()
}

// uncommitted weighs the entries of a leadership that wait for their commit, batch
// by batch: a batch counts until all of it is committed.
type uncommitted struct {
	batches []weight
	bytes   int
}

type weight struct {
	last  uint64
	bytes int
}

func (u *uncommitted) reset() uncommitted { return uncommitted{batches: u.batches[:0]} }

// fits tells whether more bytes are welcome. One batch always is, whatever its size.
func (u *uncommitted) fits(size, limit int) bool { return u.bytes == 0 || u.bytes+size <= limit }

func (u *uncommitted) add(last uint64, size int) {
	u.batches = append(u.batches, weight{last: last, bytes: size})
	u.bytes += size
}

func (u *uncommitted) freeTo(index uint64) {
	done := 0
	for done < len(u.batches) && u.batches[done].last <= index {
		u.bytes -= u.batches[done].bytes
		done++
	}
	u.batches = append(u.batches[:0], u.batches[done:]...)
}
