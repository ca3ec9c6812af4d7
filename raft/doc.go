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
//	r.Read(now, id)                // a linearizable read wants a grant, on any replica
//	r.Transfer(now, to)            // hand the leadership over
//	r.Persisted(seq)               // everything up to Persist.Seq is durable
//	r.Fetched(peer, lo, entries)   // the answer to a Fetch; nil entries: failed
//	out := r.Output()              // what is to be done now
//	r.Applicable()                 // entries up to here may be applied
//	r.SetApplied(index)            // they were
//	r.Slice(lo, hi, maxBytes)      // entries from memory, if still there
//	r.SetUnfit(true)               // it should not lead: the state machine hangs
//	r.Quiescent()                  // it sleeps: nothing happens in its group
//	r.Wake(now)                    // it must not, for a node it goes by is gone
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
// Reads are served on any replica: a leader confirms them by a round or, with
// Config.LeaseReads, by a lease (lease.go says what that rests on); a follower asks its leader for the
// index. While a leadership is handed over (Transfer) the leader takes no
// proposals. A replica that asks for votes though the committed configuration excludes it is
// told so, and never campaigns again (Status.Removed).
//
// # Membership
//
// An EntryConfig entry carries a whole configuration (package confchange). The one in effect is that
// of the newest such entry in the log, committed or not; a truncation takes it back. Voters change by way of a joint
// configuration, which the leader leaves when it is committed (§6). One change at a time, and none before the leader
// has committed an entry of its term. Learners get the log and count for nothing; one is promoted only when it keeps
// pace. Requests are answered whoever asks, answers count only from members (dissertation §4.1). A replica that is no
// voter never campaigns, but for one that lost its vote by a configuration that is not committed yet: it may be the only one that can
// be elected (dissertation §4.2.2). A leader that is no voter leads on, without counting itself, until that is committed.
//
//	index, term, err := r.ProposeChange(now, changes)
//	r.Configuration(); r.CommittedConfiguration(); r.CaughtUp(learner)
//
// # Snapshots
//
// There is no snapshot file: the state machine's state is the snapshot. The shell tells what may be forgotten
// (Compact, of what the state machine holds durably), the core says who needs a snapshot (Output.Snapshots), the shell sends
// it and tells when that is over (SnapshotEnded). A receiver's shell first replaces the state machine, durably, then
// calls Restore; the log follows with the next hand-off (Persist.Mark), and the acknowledgement when that is
// durable. After a crash in between the state machine's own record stands for the mark; its term was seen then, too. A
// snapshot may be of a leader whose term this replica has not heard of: an acknowledgement of its last index carries that entry's
// term, for a leader to compare.
//
//	r.Compact(index)               // up to here the state machine is durable
//	m, ok := r.MarkAt(index)       // what a snapshot at index is of
//	err := r.Restore(now, m)       // the state machine is now that of m
//	r.SnapshotEnded(peer, ok)      // the sending that Output.Snapshots asked for
//
// # Sleep
//
// With Config.QuiesceAfter a group in which nothing happens sleeps: no messages, no deadlines. Its leader
// sends it to sleep when all members have all there is, and any input, on any member, wakes it (quiesce.go). While it sleeps
// nobody in it notices that a node is gone: the shell does, and calls Wake, whose contract says when.
// Neither safety nor leases rest on that, and what the shell overlooks lasts only until something is wanted of the
// group. A group of one sleeps, too.
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
//	RAFT-3  applied <= Applicable <= last index; Applicable = min(commit, durable), or where the log starts if a snapshot
//	        moved that ahead of what is durable.
//	RAFT-4  Terms in the log never decrease with the index; no entry's term is above Term.
//	RAFT-5  Leader: every entry of its term was appended by itself, its log is append-only (§5.3),
//	        match <= own last index for every follower, and match[self] = durable.
//	RAFT-6  Leader: commit only moves to an index whose entry has the leader's own term
//	        and that a quorum of the configuration holds durably, of a joint one a quorum of each half (§5.4.2, §6).
//	RAFT-7  progress: next > match; in-flight within bounds; probe state sends one append at a time.
//	RAFT-8  A released message never promises more than is durable.
//	RAFT-9  A committed entry is never truncated.
//	RAFT-10 A read is granted only by a leader that committed an entry of its term, at
//	        an index >= its commit index at arrival, after a quorum echoed a later round or while it
//	        holds a lease; or by a follower at such an index of its leader. Waiting reads are
//	        bounded, and none waits where no leader is known.
//	RAFT-11 Only a leader hands its leadership over, to another, and for at most one ElectionTimeout.
//	RAFT-12 A leader that told another replica to campaign holds no lease for the rest of its term.
//	RAFT-13 The configuration in effect is that of the newest configuration entry in the log, or the one where the
//	        log starts; the peers are its other members.
//	RAFT-14 A leader has at most one configuration of its own that is not committed. Voters change only by way
//	        of a joint configuration (CONF-5).
//	RAFT-15 The log starts nowhere beyond what is applied. A follower in progress state Snapshot has been asked for,
//	        once, and only by a leader.
//	RAFT-16 Only voters campaign: of the newest committed configuration or a later one. A leader leaves a joint configuration as soon as
//	        it is committed, and goes as soon as one without its vote is.
//	RAFT-17 A replica sleeps only with all its log committed and durable, in a term and with a vote that are, too; with no
//	        read, no answer and no deadline that anybody waits for; as a follower that knows its leader, or as a leader with
//	        an entry of its term committed and no transfer or joint configuration under way, all of whose members acknowledged
//	        all its log. Term, leader, log and commit index stay as they are while it sleeps.
//	RAFT-18 A leader that sleeps holds no lease, nor after the sleep but by a round that began then.
package raft
