// Package machine is the replicated state machine of one partition, as pure
// decisions: committed log entries go in, results come out, and all that changed
// goes to a storage engine in one batch. No clock, no randomness, no configuration
// that may change between replicas takes part; the time is what entries carry.
//
// # Contract
//
// The owner calls Open once, then Apply with the committed entries in order,
// from one goroutine at a time. Get may be called beside it. A result names
// index and term of its entry; a client's request is answered only if both are
// those it was proposed at. Results may share memory with the entries and with saved
// results: neither may be modified afterwards.
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
//
// A saved result is: status, number of operations, and for each a byte of flags
// (1 found, 2 applied, 4 condition failed, 8 version is the command's index, 16 version
// follows, 32 value follows), version, value.
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
//
// A leader whose wall clock is far ahead makes the log time leap, and with it expires
// sessions: their clients learn so (StatusSessionUnknown) and nothing is
// executed twice.
package machine
