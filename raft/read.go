package raft

import (
	"slices"
	"time"
)

// readState holds the reads that wait for their grant (dissertation §6.4).
//
// A leader confirms one batch at a time; reads that come meanwhile are the next batch, so
// that one round serves many. A follower asks its leader for a read index, once for all
// reads of a turn. Either way grants and drops cover, together, the reads in the order in
// which they came, and the granted indexes never go back.
type readState struct {
	// waiting are the reads of this replica that came since the last batch began.
	waiting []uint64
	// confirming is the leader's batch in flight: its reads may be served at index once a
	// quorum has echoed round, which began after they came.
	confirming []uint64
	round      uint64
	index      uint64
	// Followers' requests have the same life on the leader as its own reads.
	remote           []remoteRead
	confirmingRemote []remoteRead

	// asked are the follower's requests to its leader, oldest first, and askedIDs the reads
	// that they are for. nonce is the newest one used, 0 if there was none.
	// told is the highest index that a leader answered.
	asked    []askedRead
	askedIDs []uint64
	nonce    uint64
	told     uint64

	grants  []ReadGrant
	dropped []uint64
}

// remoteRead is a follower's request for a read index.
type remoteRead struct {
	from  ReplicaID
	nonce uint64
}

// askedRead is a request to the leader that stands for so many reads.
type askedRead struct {
	nonce uint64
	reads int
	until time.Duration
}

// pending is how many reads of this replica wait for a grant.
func (s *readState) pending() int { return len(s.waiting) + len(s.confirming) + len(s.askedIDs) }

// expiry is when the oldest request to the leader is given up.
func (s *readState) expiry() time.Duration {
	if len(s.asked) == 0 {
		return Never
	}
	return s.asked[0].until
}

// Read asks for a grant to serve a linearizable read that is named by id. It will
// be in Output.Reads or, if this replica neither leads nor knows its leader, ceases to, gets no answer for an
// ElectionTimeout, or has too many waiting, in Output.DroppedReads; on a leader without check-quorum
// it may wait for ever.
func (r *Raft) Read(now time.Duration, id uint64) {
	r.advance(now)
	if (r.sleep.asleep || r.leader == 0) && !r.rouse() || r.reads.pending() >= r.cfg.MaxPendingReads {
		r.reads.dropped = append(r.reads.dropped, id)
		return
	}
	r.reads.waiting = append(r.reads.waiting, id)
}

// startReads begins the round of the next batch, or grants it at once if the leader holds
// a lease. A leader that has not committed an entry of its own term does not know yet what is
// committed: its reads wait.
func (r *Raft) startReads() {
	s := &r.reads
	if len(s.waiting)+len(s.confirming)+len(s.remote)+len(s.confirmingRemote) == 0 || !r.committedOwn() {
		return
	}
	r.sleep.busy = r.now
	lease := r.holdsLease()
	if lease {
		r.grantReads()
	}
	if len(s.waiting)+len(s.remote) == 0 || len(s.confirming)+len(s.confirmingRemote) > 0 {
		return
	}
	s.confirming, s.waiting = s.waiting, s.confirming
	s.confirmingRemote, s.remote = s.remote, s.confirmingRemote
	s.index = r.commit
	if lease {
		r.grantReads()
		return
	}
	r.leading.round++
	r.leading.announce = true
	s.round = r.leading.round
	r.confirmReads()
}

// committedOwn tells whether this leader's commit index is of its own term.
func (r *Raft) committedOwn() bool { return r.commit >= r.leading.start }

// confirmReads grants the batch in flight once a quorum has echoed its round.
func (r *Raft) confirmReads() {
	s := &r.reads
	if len(s.confirming)+len(s.confirmingRemote) == 0 || r.config.CommittedIndex(r.roundOf) < s.round {
		return
	}
	r.grantReads()
}

func (r *Raft) grantReads() {
	s := &r.reads
	for _, id := range s.confirming {
		s.grants = append(s.grants, ReadGrant{ID: id, Index: s.index})
	}
	for _, a := range s.confirmingRemote {
		r.send(Message{Type: MsgReadIndexResp, To: a.from, LogIndex: s.index, Round: a.nonce})
	}
	s.confirming, s.confirmingRemote = s.confirming[:0], s.confirmingRemote[:0]
}

// roundOf returns the newest round in which a voter is known to have followed this
// leader.
func (r *Raft) roundOf(id uint64) uint64 {
	if ReplicaID(id) == r.id {
		return r.leading.round
	}
	return r.peer(ReplicaID(id)).round
}

// onReadIndex takes a follower's request into the next batch.
func (r *Raft) onReadIndex(m *Message) {
	s := &r.reads
	if r.peer(m.From) == nil || len(s.remote)+len(s.confirmingRemote) >= r.cfg.MaxPendingReads {
		r.refuseRead(m)
		return
	}
	s.remote = append(s.remote, remoteRead{from: m.From, nonce: m.Round})
}

// refuseRead answers a request for a read index that this replica cannot serve.
func (r *Raft) refuseRead(m *Message) {
	r.send(Message{Type: MsgReadIndexResp, To: m.From, Reject: true, Round: m.Round})
}

// askLeader asks the leader for a read index for all reads that came in this turn.
func (r *Raft) askLeader() {
	s := &r.reads
	if len(s.waiting) == 0 {
		return
	}
	if s.nonce == 0 {
		s.nonce = r.firstNonce()
	}
	s.nonce++
	s.asked = append(s.asked, askedRead{nonce: s.nonce, reads: len(s.waiting), until: r.now + r.cfg.ElectionTimeout})
	s.askedIDs = append(s.askedIDs, s.waiting...)
	s.waiting = s.waiting[:0]
	r.send(Message{Type: MsgReadIndex, To: r.leader, Round: s.nonce})
	r.sleep.calling = false
}

// firstNonce is where this Raft value's requests start to count. It differs from that of
// an earlier life of the replica, whose answers may still be on their way: Config.Seed
// does, and the time and the log most likely too.
func (r *Raft) firstNonce() uint64 {
	z := mix(r.cfg.Seed + 0x6a09e667f3bcc909)
	for _, v := range [...]uint64{uint64(r.id), r.term, r.log.last, uint64(r.now)} {
		z = mix(z ^ v)
	}
	return z >> 3
}

// onReadIndexResp takes the leader's answer for the reads of this request and of
// all before it: the index was found after those came too. It is no word about this
// replica's own log, whose end may not be the leader's: the commit index stays (READ-10).
// Requests may overtake each other: then the later one's index may be the lower one, and the
// higher one serves both.
func (r *Raft) onReadIndexResp(m *Message) {
	if m.From != r.leader {
		r.dropped++
		return
	}
	at := slices.IndexFunc(r.reads.asked, func(a askedRead) bool { return a.nonce == m.Round })
	if at >= 0 && !m.Reject {
		r.reads.told = max(r.reads.told, m.LogIndex)
	}
	r.settleAsked(at+1, r.reads.told, !m.Reject)
}

// settleAsked ends the oldest n requests.
func (r *Raft) settleAsked(n int, index uint64, granted bool) {
	s := &r.reads
	reads := 0
	for _, a := range s.asked[:n] {
		reads += a.reads
	}
	for _, id := range s.askedIDs[:reads] {
		if granted {
			s.grants = append(s.grants, ReadGrant{ID: id, Index: index})
		} else {
			s.dropped = append(s.dropped, id)
		}
	}
	s.asked, s.askedIDs = slices.Delete(s.asked, 0, n), slices.Delete(s.askedIDs, 0, reads)
}

// expireReads gives up the requests that the leader did not answer in time.
func (r *Raft) expireReads() {
	n := 0
	for n < len(r.reads.asked) && r.now >= r.reads.asked[n].until {
		n++
	}
	r.settleAsked(n, 0, false)
}

// dropReads gives up all reads that wait: another leader may know more.
func (r *Raft) dropReads() {
	s := &r.reads
	r.settleAsked(len(s.asked), 0, false)
	s.dropped = append(append(s.dropped, s.confirming...), s.waiting...)
	s.confirming, s.waiting = s.confirming[:0], s.waiting[:0]
	for _, a := range append(s.confirmingRemote, s.remote...) {
		r.send(Message{Type: MsgReadIndexResp, To: a.from, Reject: true, Round: a.nonce})
	}
	s.confirmingRemote, s.remote = s.confirmingRemote[:0], s.remote[:0]
}
