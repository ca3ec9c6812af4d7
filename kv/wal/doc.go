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
// A mark lets a group's log start later (raft.Mark). Once no group needs the oldest segments,
// Log.Prunable says so, and Log.Prune, called like a Commit, deletes them. Each segment but the first
// begins with a checkpoint of all groups' states, so that nothing is lost with the segments before.
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
//	WAL-6  A frame is valid in one place only: its checksum covers cluster, node, store,
//	       segment and offset, and it names its predecessor's checksum. Old bytes, moved
//	       bytes and payloads that look like frames never parse as frames.
//	WAL-7  The first failed write or sync is final: all later calls return the same
//	       error, and no sync is repeated in the hope that it now succeeds.
//	WAL-8  What Open returns is on disk, not just in a page cache that an earlier
//	       process filled: the newest frame is written again and synced first.
//	WAL-9  A segment is deleted only when a floor above it is durable, and a floor is
//	       raised only over segments that hold no entry of any group above its mark. So
//	       deleted segments may come back in any combination: they are below the floor,
//	       and a segment missing at the floor or above is damage.
//	WAL-10 What a mark leaves of a log is decided by the term of the entry at its index, the
//	       same way by commits and by recovery. A mark at or below the group's is ignored.
//	WAL-11 The log remembers the newest replica of each group for ever. Another one, of a
//	       higher generation, starts with nothing of what its predecessor had. A tombstone
//	       ends a replica that has no successor, and keeps its id from ever acting again.
//
// Prune bounds what idle groups hold back: their last few entries are written anew into the active segment,
// at most 1 MiB a call and at most a quarter of what that frees. A group with more above its mark keeps its
// segments: whoever proposes marks must not forget idle groups with large logs.
//
// Memory is 40 bytes for each section above the mark (one for each hand-off with entries, more for one beyond
// 256 KiB) and 16 for each term among them; nothing of it stays once a mark covers it.
//
// Recovery does not know how much was in a directory that is now empty, nor in a last file
// that was cut exactly between two frames: a node compares Recovery with its engine
// and its identity file. Options.MustExist refuses the former before a new log takes its place.
package wal
