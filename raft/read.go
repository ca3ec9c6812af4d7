package raft

import "time"

// readState holds the reads of a leader that wait for their grant (dissertation §6.4).
// One batch is being confirmed at a time; reads that come meanwhile are the next
// batch, so that one round serves many.
type readState struct {
	waiting []uint64
	// confirming is the batch in flight: its reads may be served at index once a
	// quorum has echoed round, which began after they came.
	confirming []uint64
	round      uint64
	index      uint64

	grants  []ReadGrant
	dropped []uint64
}

// Read asks for a grant to serve a linearizable read that is named by id. It will
// be in Output.Reads or, if this replica does not lead, ceases to, or has too many waiting,
// in Output.DroppedReads; without check-quorum it may wait for ever.
func (r *Raft) Read(now time.Duration, id uint64) {
	r.advance(now)
	if r.role != Leader || len(r.reads.waiting)+len(r.reads.confirming) >= r.cfg.MaxPendingReads {
		r.reads.dropped = append(r.reads.dropped, id)
		return
	}
	r.reads.waiting = append(r.reads.waiting, id)
}

// startReads begins the round of the next batch. A leader that has not committed
// an entry of its own term does not know yet what is committed: its reads wait.
func (r *Raft) startReads() {
	s := &r.reads
	if len(s.waiting) == 0 || len(s.confirming) > 0 || !r.committedOwn() {
		return
	}
	s.confirming, s.waiting = s.waiting, s.confirming
	r.leading.round++
	r.leading.announce = true
	s.round, s.index = r.leading.round, r.commit
	r.confirmReads()
}

// committedOwn tells whether this leader's commit index is of its own term.
func (r *Raft) committedOwn() bool { return r.commit >= r.leading.start }

// confirmReads grants the batch in flight once a quorum has echoed its round.
func (r *Raft) confirmReads() {
	s := &r.reads
	if len(s.confirming) == 0 || r.config.CommittedIndex(r.roundOf) < s.round {
		return
	}
	for _, id := range s.confirming {
		s.grants = append(s.grants, ReadGrant{ID: id, Index: s.index})
	}
	s.confirming = s.confirming[:0]
}

// roundOf returns the newest round in which a voter is known to have followed this
// leader.
func (r *Raft) roundOf(id uint64) uint64 {
	if ReplicaID(id) == r.id {
		return r.leading.round
	}
	return r.peer(ReplicaID(id)).round
}

// dropReads gives up all reads that wait: another leader may know more.
func (r *Raft) dropReads() {
	s := &r.reads
	s.dropped = append(append(s.dropped, s.confirming...), s.waiting...)
	s.confirming, s.waiting = s.confirming[:0], s.waiting[:0]
}
