// Package osio is the shell between a Holdfast node and the operating system:
// the real clock, the event loop with its lanes, and the data directory. It
// carries events in and effects out and decides nothing about the store.
//
// The event loop (Loop) is env.Host for production. Contract, by number; the
// ENV rules are those of kv/env:
//
//	OSIO-1  ENV-1..3: the program, posted functions and Job.Done run on one
//	        goroutine, the one that called Run, one at a time. Host methods never block.
//	OSIO-2  A turn handles everything that was waiting when it began, then Tick if
//	        the timer is due, then calls Turn once, then the functions given to
//	        AtTurnEnd. An idle loop sleeps.
//	OSIO-3  A job that panics ends the process: what it left behind is unknown.
//	OSIO-4  After Close returned no job runs and nothing is called back; what was
//	        waiting is dropped, as after a crash (ENV-4).
//
// The data directory (Dir) holds one node's log and engine:
//
//	LOCK      held while a process uses the directory
//	IDENTITY  JSON: format version, cluster, node, members, state
//	wal/      the shared log (kv/wal)
//	engine/   the state machines' data (kv/storage)
//
//	OSIO-5  A directory is used by one process at a time, and only by the node and
//	        cluster it was created for, with the members it was created for: a node that
//	        counts another majority could elect a second leader.
//	OSIO-6  A directory whose log or engine was there once and is gone is
//	        refused: a member that forgets its log could vote twice in one term.
//	        The same goes for an empty directory unless the caller says that the
//	        node is new (DirOptions.Create).
//	OSIO-7  IDENTITY is replaced atomically, and file and directory are synced
//	        before anything relies on it.
package osio
