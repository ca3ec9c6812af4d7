// Package progress tracks how far one follower has come, as its leader knows
// it, and paces what is sent to it. It is pure bookkeeping: it sends nothing.
//
// A follower is in one of three states; transition is the only place that changes
// it and panics on an illegal change:
//
//	Probe      the leader guesses where the logs agree. One append at a time, then silence
//	           until it is answered or Resume says that it may have been lost.
//	Replicate  the logs are known to agree up to next-1 unless something was lost:
//	           appends are pipelined, bounded in number and bytes.
//	Snapshot   the follower needs entries that the log no longer holds. It gets none until
//	           it acknowledged enough (CaughtUp), or the sending ended (SnapshotEnded).
//
// Invariants (RAFT-7 of package raft), checked by Check:
//
//	PROG-1 match < next.
//	PROG-2 match never goes back.
//	PROG-3 Appends in flight are ascending, within (match, next), and only in Replicate.
//	PROG-4 At most MaxAppends of them, and at most MaxBytes bytes unless it is a single one.
//	PROG-5 While paused, waiting for a fetch, or in Snapshot nothing is sent.
package progress
