// Package netsim is a simulated world for programs written against kv/env: virtual
// time, a network, processes with clocks and disks, and faults in all of them.
// It carries bytes and knows nothing of what they mean.
//
// A World is single-threaded. Step executes the next event; everything a program
// does happens inside its callbacks. All randomness comes from the seed.
//
// Contract, by number:
//
//	SIM-1  Same seed, same configuration, same calls: same course, byte for byte,
//	       in any process. TraceHash certifies it.
//	SIM-2  Draws are keyed by identity, never shared: the fate of a message depends on
//	       (seed, link, channel, millisecond of sending, ordinal in that millisecond), the
//	       latency of a job on (seed, process, lane, millisecond, ordinal), a power
//	       loss on (seed, disk, how many before) and for contents on the file. So
//	       removing one message or fault leaves the draws of all other links alone,
//	       and those of its own channel from the next millisecond on; a plain
//	       ordinal would shift all that follow.
//	SIM-3  Events are executed in the order (virtual time, order of scheduling).
//	       Virtual time only moves between events.
//	SIM-4  The host keeps the contract of kv/env (ENV-1 to ENV-5). Once an incarnation
//	       is over, or its machine has crashed in the middle of a callback, its calls
//	       have no effect and it is never called again.
//	SIM-5  Each event is one callback into one program, followed by Turn; so is a
//	       start. Jobs' Run is an event without a Turn. A paused or slow process
//	       takes what waited in the order it came, one event each, or
//	       Config.InputsPerTurn together.
//	SIM-6  A job is Run after its lane's latency, counted from when the job before it
//	       was Run. A crash before Run loses the job; a crash between Run and Done
//	       leaves the work done and unacknowledged.
//	SIM-7  A message is lost when its link is cut at the time it is sent or at the time
//	       it would arrive. Messages of an earlier incarnation still arrive. Messages
//	       to oneself always arrive, in order, at the same time. A message that was
//	       changed after Send panics in the receiver: memory is shared.
//	SIM-8  Written bytes are visible at once and durable after Sync or SyncData
//	       of their file; SyncTo promises nothing unless DiskConfig.FullSyncTo.
//	       Directory changes are durable after Sync of the directory, whatever
//	       happened to the file.
//	SIM-9  After a power loss each sector of a file is as it was at the last sync or
//	       after one of the writes since, or, torn, of two neighbouring such
//	       versions, never anything else; space never written reads as zeros. Each
//	       unsynced directory change is there or not; the two sides of a rename in one
//	       directory go together. In prefix mode what is left is a prefix of the
//	       writes of each file, and of the directory changes. A kill loses nothing.
//	SIM-10 A failed sync drops what it should have written (unless KeepDirty): reads
//	       still see it, later syncs succeed without it, a power loss takes it.
//	SIM-11 The monotonic clock of a process never goes back, runs at the clock's rate,
//	       and starts anywhere in each incarnation. Only the wall clock jumps.
//	SIM-12 Stats counts what took effect, when it took effect; ProcessStats, DiskStats,
//	       LaneStats and LinkStats count the same of one process, disk, lane and link.
//	SIM-13 Damage at rest (Disk.FlipBit, Rot, Truncate, late Misdirection) changes what
//	       reads see and what is durable alike. It changes nothing else.
package netsim
