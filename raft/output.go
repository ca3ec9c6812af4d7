package raft

// Output returns all that is to be done now and forgets it. What is sent is
// decided here, so that the inputs since the last call share their messages.
func (r *Raft) Output() Output {
	if r.role == Leader {
		r.startReads()
		r.announceRound()
		r.sendAppends()
	}
	out := Output{Messages: r.messages, Reads: r.reads.grants, DroppedReads: r.reads.dropped, Fetches: r.fetches}
	if r.mustPersist() {
		out.HasPersist = true
		out.Persist = r.handOff()
	}
	// The slices of the call before are the caller's no longer.
	clear(r.spent.Messages)
	r.messages = r.spent.Messages[:0]
	r.reads.grants = r.spent.Reads[:0]
	r.reads.dropped = r.spent.DroppedReads[:0]
	r.fetches = r.spent.Fetches[:0]
	r.spent = out
	r.spent.Persist = Persist{}
	return out
}
