// Package raft is the consensus core of one Raft group, as a pure state machine:
// no goroutines, no clock, no I/O, no global randomness. It follows "In Search
// of an Understandable Consensus Algorithm (Extended Version)" (cited as §n)
// and Ongaro's dissertation (cited as "dissertation §n").
//
// The shell that owns a Raft value calls it from one goroutine:
//
//	r, err := raft.New(cfg, restored, now)
//	r.Tick(now)                    // at or after r.Deadline()
//	r.Receive(now, message)        // a message from a peer
//	first, term, err := r.Propose(now, commands) // entries first, first+1, ...
//	r.Read(now, id)                // a linearizable read wants a grant
//	r.Persisted(seq)               // everything up to Persist.Seq is durable
//	r.Fetched(peer, lo, entries)   // the answer to a Fetch; nil entries: failed
//	out := r.Output()              // what is to be done now
//	r.Applicable()                 // entries up to here may be applied
//	r.SetApplied(index)            // they were
//	r.Slice(lo, hi, maxBytes)      // entries from memory, if still there
//	r.SetUnfit(true)               // it should not lead: the state machine hangs
//
// Several inputs may be given before one Output: that is how proposals, acknowledgements
// and sends are batched. Time is an input: `now` is monotonic nanoseconds of
// the caller's choosing and never goes back; Deadline says when the core next
// wants a Tick, so that an idle group costs nothing in between.
//
// # Durability
//
// Persistence is asynchronous. Output hands over what must become durable, and
// messages that promise nothing about it; a message that does promise
// something (a granted vote, a vote request with its vote for itself, an
// append acknowledgement) stays inside the core until Persisted reports the
// hand-off it depends on. A leader sends entries while its own disk still writes, but
// counts itself only up to its durable index (dissertation §10.2.1).
//
// # Choices
//
// Followers learn the commit index with the next append or the next heartbeat; no
// message is sent for its sake. A heartbeat is answered at once and without any
// word about the disk; an append is answered when it is durable, one answer for
// all appends before it. A follower that shows no progress between two
// timed rounds is asked with an empty append what it has. A candidate, too, asks
// for votes only when its own is durable. A leader whose disk completes nothing for ten
// election timeouts steps down, and such a replica does not campaign. Entries that left memory are asked of
// the shell, one Fetch for a follower at a time; each must be answered. Slices
// of entries in an Output stay valid and unchanged for ever; they must not be
// written to.
//
// Handlers by role and message are one table (table.go); messages of older terms,
// and what a correct peer cannot have sent, never reach it.
//
// # Invariants
//
// Each is checked by (*Raft).CheckInvariants, after every step in tests and simulation.
//
//	RAFT-1  Term, commit index, durable promises never go back (Figure 2).
//	RAFT-2  At most one vote per term; Vote changes only together with Term or from none.
//	RAFT-3  applied <= Applicable = min(commit, durable) <= last index.
//	RAFT-4  Terms in the log never decrease with the index; no entry's term is above Term.
//	RAFT-5  Leader: every entry of its term was appended by itself, its log is append-only (§5.3),
//	        match <= own last index for every follower, and match[self] = durable.
//	RAFT-6  Leader: commit only moves to an index whose entry has the leader's own term
//	        and that a quorum of the configuration holds durably (§5.4.2).
//	RAFT-7  progress: next > match; in-flight within bounds; probe state sends one append at a time.
//	RAFT-8  A released message never promises more than is durable.
//	RAFT-9  A committed entry is never truncated.
//	RAFT-10 A read is granted only by a leader that committed an entry of its term, at
//	        an index >= its commit index at arrival, after a quorum echoed a later round.
package raft
