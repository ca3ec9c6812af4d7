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
//	LOCK       held while a process uses the directory
//	IDENTITY   JSON: format version, cluster, node, the members it began with, state
//	wal/       the shared log (kv/wal)
//	engine/    the state machines' data (kv/storage)
//	REJOIN, PEERS, damaged-N/   see kv/datadir
//
//	OSIO-5  A directory is used by one process at a time, and only by the node and
//	        cluster it was created for. It does not fix the members, but the
//	        founders: a node that began with another configuration number 0 could
//	        elect a second leader.
//	OSIO-6  A directory whose log or engine was there once and is gone is
//	        refused, before anything is created in it: a member that forgets its log could
//	        vote twice in one term. Files that hold no log (wal.Exists) are no log.
//	        The same goes for an empty directory unless the caller says that the
//	        node is new (DirOptions.Create), or that it shall rejoin (OSIO-8).
//	OSIO-7  IDENTITY is replaced atomically, and file and directory are synced
//	        before anything relies on it.
//	OSIO-8  A directory whose data was set aside (Dir.SetAside), or was lost
//	        (DirOptions.Rejoin), may be empty on purpose. From before the data goes until
//	        Dir.Rejoined it is marked, so that no start in between, after whatever
//	        crash, takes its empty log for that of a member (Dir.Rejoining). IDENTITY forgets
//	        the founders for ever, so that without the mark the node begins no cluster either.
package osio
