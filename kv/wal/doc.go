// Package wal is the log of a node: one sequence of checksummed frames in
// segment files, shared by all Raft groups of the node, so that one fdatasync
// makes the work of all of them durable (DESIGN §4). docs/formats.md describes
// the bytes.
//
// The event loop fills a Batch; a job off the loop hands it to Log.Commit, which
// writes one frame and syncs it. Commits come one at a time, each after the one before
// returned. Log.ReadEntries may run at the same time as a Commit and sees what
// earlier commits made durable. The package starts no goroutine.
//
// What may be built on, by number:
//
//	WAL-1  A Commit that returned nil survives any crash: frame, segment file and
//	       directory entries are synced before it returns.
//	WAL-2  A frame is recovered whole or not at all. A group's hard state and the
//	       entries that came with it share a frame, so neither outlives the other.
//	WAL-3  Recovery yields a prefix of the commits that holds at least all that returned
//	       nil, and at most one more: only one frame is ever unsynced.
//	WAL-4  Entries replace everything from their first index on. Nothing is cut
//	       physically for that, so a crash cannot separate cutting from writing.
//	WAL-5  Damage to any frame that has a successor, or a missing segment, is a
//	       *CorruptError: nothing is forgotten. Only the newest frame can be taken for
//	       an interrupted write; Close writes a mark after it that ends this doubt.
//	WAL-6  A frame is valid in one place only: its checksum covers cluster, node, segment
//	       and offset, and it names its predecessor's checksum. Old bytes, moved
//	       bytes and payloads that look like frames never parse as frames.
//	WAL-7  The first failed write or sync is final: all later calls return the same
//	       error, and no sync is repeated in the hope that it now succeeds.
//	WAL-8  What Open returns is on disk, not just in a page cache that an earlier
//	       process filled: the newest frame is written again and synced first.
//
// Recovery does not know how much was in a directory that is now empty, nor in a file
// that was cut exactly between two frames: a node compares Recovery with its engine
// and its identity file.
package wal
