package raft

// Output returns all that is to be done now and forgets it. What is sent is
// decided here, so that the inputs since the last call share their messages.
func (r *Raft) Output() (out Output) {
	if r.role == Leader {
		r.startReads()
		r.announceRound()
		r.sendAppends()
		r.pursueTransfer()
	} else {
		r.askLeader()
		if r.sleep.calling {
			r.callLeader()
		}
	}
	out.Messages, out.Reads, out.DroppedReads, out.Fetches = r.messages, r.reads.grants, r.reads.dropped, r.fetches
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
	r.spent.Messages, r.spent.Reads, r.spent.DroppedReads, r.spent.Fetches = out.Messages, out.Reads, out.DroppedReads, out.Fetches
	if len(r.snapshots)+len(r.cancelled) > 0 {
		// Too rare to keep their arrays.
		out.Snapshots, out.Cancelled = r.snapshots, r.cancelled
		r.snapshots, r.cancelled = nil, nil
	}
	out.ConfigChanged, r.configChanged = r.configChanged, false
	return out
}
