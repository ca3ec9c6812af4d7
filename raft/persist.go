package raft

// diskPatience times ElectionTimeout is how long a hand-off may stay without
// completion before the disk counts as hanging.
const diskPatience = 10

// diskHangs tells whether the disk keeps this replica from anything that counts. A
// leader with such a disk would go on with heartbeats and do nothing else: it
// steps down, so that others can elect one that works. A follower would raise
// its term and then be unable to ask for a vote: it does not campaign.
func (r *Raft) diskHangs() bool {
	if r.config.IsSole(uint64(r.id)) {
		return false
	}
	h := r.log.handOffs
	return r.unfit || len(h) > 0 && r.now-h[0].at > diskPatience*r.cfg.ElectionTimeout
}

// SetUnfit tells the core that its shell cannot do what a leader must, though the disk
// works: its state machine hangs, say. Such a replica behaves as with a hanging disk.
func (r *Raft) SetUnfit(unfit bool) {
	r.unfit = unfit
	if r.sleep.asleep && r.role == Leader && r.diskHangs() {
		// The next Tick, now due, ends the leadership.
		r.wake()
	}
}

// promises are messages that wait until the disk has what they promise
// (DESIGN principle 3). They belong to the current term and are forgotten with it:
// not sending is always safe.
type promises struct {
	// vote: the candidate that got this term's vote is owed its answer.
	vote bool
	// ack: the leader that is owed an answer to an accepted append, or 0; acked is the newest
	// index acknowledged in this term, round the newest round among the appends.
	ack   ReplicaID
	acked uint64
	round uint64
}

// keepPromises sends what has become durable. This is the one place where such
// messages leave.
func (r *Raft) keepPromises() {
	if r.durableState.Term != r.term {
		return
	}
	if r.role == Candidate && !r.election.solicited && r.durableState.Vote == r.id {
		r.solicit()
	}
	if r.promises.vote && r.durableState.Vote == r.vote {
		r.promises.vote = false
		r.send(Message{Type: MsgVoteResp, To: r.vote})
	}
	r.keepAck()
}

// keepAck acknowledges the accepted entries that are durable. One answer stands
// for all appends before it. When the disk lags behind, what is durable so far
// is acknowledged, and the answer stays owed.
func (r *Raft) keepAck() {
	index := min(r.following.matched, r.log.durable)
	if r.log.durable < r.log.snapIndex {
		// A snapshot has taken the log's place, and that is not durable yet.
		return
	}
	if r.promises.ack == 0 || (index < r.following.matched && index <= r.promises.acked) {
		return
	}
	r.promises.acked = max(r.promises.acked, index)
	m := Message{Type: MsgAppendResp, To: r.promises.ack, LogIndex: index, Round: r.promises.round}
	if index == r.log.snapIndex {
		m.LogTerm = r.log.snapTerm
	}
	r.send(m)
	if index == r.following.matched {
		r.promises.ack = 0
	}
}

// mustPersist tells whether something that counts is not on its way to the disk
// yet. The commit index alone never is a reason.
func (r *Raft) mustPersist() bool {
	return r.term != r.handedState.Term || r.vote != r.handedState.Vote || r.log.unhanded()
}

func (r *Raft) handOff() Persist {
	// The commit index may only name what is on disk already: if this hand-off is
	// torn, other entries may still be there.
	state := HardState{Term: r.term, Vote: r.vote, Commit: min(r.commit, r.log.durable)}
	r.handedState = state
	return r.log.handOff(state, r.now)
}
