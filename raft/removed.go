package raft

// A replica that was removed while it was cut off cannot learn it from the log: nobody sends it
// any. It would ask for votes for ever, and never win (dissertation §4.2.3). So it is told.

// excludes tells whether the replica is out of the group for good, and the index of the
// configuration that says so: the committed one lacks it, though it is not older than the
// replica. Ids are never used again (CONF-4), so no later configuration can have it either.
func (r *Raft) excludes(id ReplicaID) (uint64, bool) {
	c := r.configAt(r.commit)
	_, member := c.config.Member(uint64(id))
	if len(c.config.Members) == 0 || id.Generation() > c.config.Generation || member {
		return 0, false
	}
	return c.index, true
}

// tellRemoved answers a request for a vote, of whatever term, of a replica that is out.
func (r *Raft) tellRemoved(m *Message) bool {
	if m.Type != MsgVote && m.Type != MsgPreVote {
		return false
	}
	index, out := r.excludes(m.From)
	if out {
		r.send(Message{Type: MsgRemoved, To: m.From, Term: max(1, r.term), LogIndex: index})
	}
	return out
}

// onRemoved takes note that this replica is out for good: it never campaigns again.
func (r *Raft) onRemoved(*Message) {
	r.removed = true
	if r.role == PreCandidate || r.role == Candidate {
		r.becomeFollower(r.term)
	}
}

// promotable tells whether this replica may campaign: it is a voter (ELEC-16) and was not told that it is out.
func (r *Raft) promotable() bool { return !r.removed && r.mayLead() }
