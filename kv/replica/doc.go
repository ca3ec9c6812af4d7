// Package replica is one replica of one partition: the Raft core, the state
// machine and the order between them and the node's log. It is a deterministic
// state machine itself, driven by kv/node.
//
// Within a turn of the event loop the node hands in messages, writes, reads and
// completions; Turn then proposes and asks for read grants once for all of
// them, sends what the core wants sent, adds what must become durable to the
// node's shared log batch, and starts at most one apply job. The state machine
// belongs to that job while it runs, and to the loop otherwise; so it needs
// no lock.
//
// Invariants:
//
//	REP-1  An entry is applied only when it is committed and durable here (RAFT-3), so that
//	       the engine never holds what the log could lose.
//	REP-2  Entries are applied once, in order, without gaps (kv/machine panics otherwise).
//	REP-3  A write's waiter is completed with a result only by the entry it proposed: same
//	       index and same term. Another term at that index proves it was not applied.
//	REP-4  A write that was appended and whose fate is not known when leadership is lost ends
//	       as Unknown, never as a definite failure.
//	REP-5  A linearizable read runs after a grant, in a state that has applied at least the
//	       granted index.
//	REP-6  Each waiter is completed exactly once.
//	REP-7  Replicas compare state hashes at every multiple of HashEvery. A replica that a
//	       majority contradicts, or that no majority agrees with, stops its node.
//	REP-8  The commands of all writes between arrival and end have at most twice
//	       Raft.MaxUncommittedBytes together, or there is only one: neither a state machine
//	       that hangs nor a turn with many writes can use up the memory.
//	REP-9  A leader whose state machine hangs gives its leadership up, and such a
//	       replica does not campaign.
//	REP-10 The log forgets only what the engine holds durably (SNAP-11, SNAP-19), and holds
//	       about two to three times CompactBytes of applied entries at most where REP-11 asks for no more.
//	REP-11 A leader keeps the log for followers that answer but are behind, or that are being sent a
//	       snapshot, up to pinPatience times CompactBytes.
//	REP-12 Every sending that the core asked for ends: the core is told, or has cancelled it; its
//	       export is closed, at the latest with the job that has it (LIVE-04).
//	REP-13 The core learns of a snapshot only when the engine holds it durably (SNAP-12, SNAP-17). What a
//	       crash leaves in between is completed at the start; a log and an engine that contradict
//	       each other otherwise are ErrDamaged (SNAP-15).
//	REP-14 A Change names a state. It is safe to ask for again, takes at most one step at a time, and a
//	       learner is promoted only when it has caught up (MEMB-12).
//	REP-15 After Stop nothing is sent, persisted, failed or wanted any more, and the replica becomes
//	       Idle as soon as its jobs have ended.
//	REP-16 What Reach does follows from what is wanted and from the configuration alone. Voters are
//	       exchanged in one joint change, and only for such that answer and have caught up; what an older
//	       epoch wanted is not done.
//	REP-17 Only a follower lets committed entries gather before it applies them, for at most ApplyDelay, and
//	       not while anybody waits to read.
package replica
