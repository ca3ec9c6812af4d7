// Package storage implements env.Engine twice: on Pebble for production and in
// memory for the simulation. One conformance suite runs over both. No other
// package imports Pebble (its file system package, vfs, excepted).
//
// Neither has a write-ahead log: the Raft log is the redo log (DESIGN §4). What was
// applied since the last flush is lost in a crash, and what survives is a prefix of the
// applied batches, each whole.
//
// # Contract
//
// Batches copy what they are given. A batch belongs to the engine that made it and is
// used up by Apply; to use it again, or with another engine, panics. An empty range
// (lo >= hi) is no write, and a Scan over it finds nothing.
//
// The first error of a write, a flush or of the engine's background work is final: it
// is reported to OnFailure and returned by every later call. Reads report
// damage they meet; they never skip it. IsCorrupt tells damage from other errors.
//
// The Pebble engine takes concurrent readers, writers (of different keys) and flushes. The memory engine is
// for one goroutine, so that its "concurrent" writers take turns, and its Scan may not be combined with
// Apply inside the callback. A Flush with nothing to flush is free in both; else the memory engine
// writes its whole state, so how often it is flushed sets the price.
//
// An open snapshot of the Pebble engine holds up neither flushes nor compactions; it keeps what they
// would drop. Reading a snapshot in pieces, each with a Scan of its own, costs a seek a
// piece (tens of microseconds), and pins no files in between, as an open iterator would.
//
// ReadPebble and VerifyPebble (ReadMemory, VerifyMemory) look at the files of an engine that is not
// open, and change none.
//
// # Files of the memory engine
//
// checkpoint-N holds the whole state after the N-th flush: magic "HFCKPT", a
// version byte (1), N (8 bytes, big endian), the number of pairs (8 bytes), each pair as
// two byte strings with their lengths as varints before them, and xxhash64 over all of that
// (8 bytes). It is written as checkpoint-N.tmp, synced, renamed, and the directory
// synced, before checkpoint-(N-1) is removed.
//
// # Invariants
//
//	STO-1  A batch is visible, and survives a crash, as a whole or not at all.
//	STO-2  What survives a crash is a prefix of the applied batches, which has at
//	       least all that was applied before the last Flush that returned nil.
//	STO-3  A snapshot does not change.
//	STO-4  Damage to the files is an error, or at worst the loss of a suffix of the
//	       batches, never a state that no prefix of the batches leads to. The loss
//	       happens where Pebble's manifest is damaged: Pebble takes any bad record in it
//	       for a torn end and ignores what follows, about every second time without
//	       an error, and what is lost may be everything. So the owner must compare the applied
//	       index with the start of its log, and refuse a gap (SNAP-15).
package storage
