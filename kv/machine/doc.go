// Package machine is the replicated state machine of one partition, as pure
// decisions: committed log entries go in, results come out, and all that changed
// goes to a storage engine in one batch. No clock, no randomness, no configuration
// that may change between replicas takes part; the time is what entries carry.
//
// # Contract
//
// The owner calls Open once, then Apply with the committed entries in order. One lane
// at a time (env.LaneApply) calls the machine, reads included: while Install replaces
// the state, a Get beside it would see a mixture. A result names
// index and term of its entry; a client's request is answered only if both are
// those it was proposed at. Results may share memory with the entries and with saved
// results: neither may be modified afterwards.
//
// A snapshot is not a file: it is the engine's state at the applied index. Export freezes it
// on the machine's lane; its chunks are read on another (env.LaneSnapshot). A receiver opens
// a Stage on the machine's lane, writes the chunks on the other, and hands the complete
// stage to Install on the machine's lane. Stage and Install may only be called while
// no call of an earlier stage is under way. A machine has one stage at a time.
//
// Errors about records that no machine writes are ErrDamaged; errors of the engine pass through.
//
// The engine's Batch must copy what it is given, since scratch is passed.
//
// # Commands
//
// A command is a byte string: version (1), kind, then as unsigned varints: time,
// session, request number, acknowledged number, number of operations; each
// operation: one byte with kind (low four bits) and condition (high four bits), key,
// for OpPut the value, for CondVersion the version as varint, for CondValue the
// expected value; byte strings are preceded by their length as varint. Nothing may follow.
// A payload that is not of this form, or that breaks Limits, is answered with
// StatusInvalid by every replica alike: it is in the log, so it cannot be refused any
// more. The former does not advance the log time, the latter does.
//
// The conditions of a command are all judged against the state before it; its
// operations then see each other's writes in their order. ERASE removes the key's
// version along with it: a later put has a higher one, since log indexes grow.
//
// # Engine keys
//
// Each key starts with the group (8 bytes, big endian) and one byte:
//
//	00                   format version, a varint (1)
//	01                   meta: applied index, its term, state hash, log time (8 bytes each, big endian)
//	02 session(8)        session: varints last active log time, last active index, floor,
//	                     number of saved results; each: number - floor, index, 0 and the
//	                     result as a byte string, or 1 if it has a key of its own
//	03 session(8) seq(8) a saved result of more than 1 KiB (or when memory for them is used up)
//	10 key               data: version as varint, then the value
//	70                   live: version (1), owner's replica id (varint), image in force (00 or 80),
//	                     installed mark: index, term (varints, 0 without one), configuration (byte string)
//	71                   stage: version (1), image, 1 if complete, index, term (varints), state hash (8),
//	                     chunks, pairs, bytes so far (varints), running sum (8), last key (byte string)
//	80 to bf             the same as 00 to 3f, of image 1
//
// The records below 40 are image 0, those from 80 on image 1. One of them is in force; the
// other is empty or holds a part of a snapshot. A group without a live record is at image 0
// and has no owner yet.
//
// A saved result is: status, number of operations, and for each a byte of flags
// (1 found, 2 applied, 4 condition failed, 8 version is the command's index, 16 version
// follows, 32 value follows), version, value.
//
// # Chunks
//
// A snapshot travels as chunks: version (1), flags (1: the last one), number of pairs (4 bytes,
// big endian), then 8 bytes each, big endian: running count of pairs after the chunk, running
// sum before it, running sum after it; then the pairs, each two byte strings: key (kind of image 0
// and what follows it) and value. Pairs ascend by key and are those of an image. The running sum starts
// at 0; a pair makes it xxhash64(sum, length of key (varint), key, xxhash64(value)). It depends on
// content alone, so that a stage goes on with chunks of any size, from any replica that exports the same
// index, and what does not fit is noticed at the first chunk.
//
// # Invariants
//
//	MACH-1  Entries are applied in order, each exactly once: a gap or repetition panics.
//	MACH-2  Data, sessions, applied index, hash and log time change in one engine
//	        batch: after a crash they are all of the same index.
//	MACH-3  A key's version is the log index of its last write, so it grows for ever,
//	        also across an erase.
//	MACH-4  A numbered request of a session is executed at most once; the decision is
//	        made when the entry is applied. A repetition gets the first result, or
//	        StatusSeqTooOld once the client acknowledged it, also when it
//	        arrives late and out of order.
//	MACH-5  Log time is the highest time of any applied command; it never goes back.
//	MACH-6  Sessions expire by log time alone, are evicted in order of their last
//	        activity in the log, and once gone never come back: StatusSessionUnknown.
//	MACH-7  A command that is not answered StatusOK changes no key.
//	MACH-8  The state hash is a function of the entries alone: not of how they were
//	        split into Apply calls, nor of restarts. It covers each entry's index, term,
//	        writes, session effects and results.
//	MACH-9  Memory is bounded by Limits: sessions, saved results, their bytes.
//	MACH-10 Install replaces all of the state or nothing, in one batch; the state is durable
//	        when it returns nil, and it never replaces a newer one.
//	MACH-11 A stage's record says what the other image holds: both change in one batch, so
//	        that a crash leaves a stage that can be resumed. Apply and Stage write different keys.
//	MACH-12 What the machine finds in the engine is its owner's: a replica never goes on from
//	        the state of another one, though it may be of the same group and node.
//
// A leader whose wall clock is far ahead makes the log time leap, and with it expires
// sessions: their clients learn so (StatusSessionUnknown) and nothing is
// executed twice.
package machine
