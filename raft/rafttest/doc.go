// Package rafttest plays out interactions of a Raft group as data: replicas, the mail between
// them, their disks and their clock live in one Cluster, in which nothing
// happens but by a call. It has no goroutines, no clock and no randomness of
// its own, so that a story goes the same way every time.
//
// Cluster is the Go interface, for tests. Script is the language of the golden files in
// testdata, which tell the protocol's stories with all that happens in them:
// run "go test ./raft/rafttest -rewrite" after a change that is meant, and read the
// difference. docs/raft-claims.md lists which story and which test stands for which
// claim of the paper.
//
// # The language
//
//	add-replicas 3 [prevote=false] [checkquorum=false] [election=100ms] [heartbeat=20ms] [disk=manual]
//	               [lease=true] [drift=ppm] [quiesce-after=100ms] [seed=1] [append-bytes=n] [cache-bytes=n] [inflight=n]
//	reset r1 log=(1,1,2) [term=2] [vote=r2] [commit=1] [applied=1]    start with this disk; entries by their terms
//	tick [r1 ...] [to=1s | by=20ms]  let time pass; these act when they are due, the others notice later;
//	                                 one replica alone and no time: up to its deadline
//	run [r1 ...] to=1s | by=20ms | until=r3   the same, and all mail between these arrives at once;
//	                                 until=r3 is up to the deadline of r3, which takes no part
//	campaign r1                      tick r1, which must not lead
//	propose r1 a b                   one batch of commands
//	read r1 1 2                      reads with these ids, all at once
//	wake r1                          end its sleep: its shell knows that a node is gone
//	transfer r1 [to=r2]              hand the leadership over, to the best one
//	change r1 [learner=r4.1] [store=7] [auto] [promote=(r4.1,r5.2)] [demote=r2] [remove=(r1,r3)]
//	                                 r4.1 is the replica of generation 1 on node 4; it is created by the first message to it
//	compact r1 [to=5]                forget the log up to what is applied, or to this index
//	snapshot r1 to=r3 [fail]         bring r1's state machine, as it is now, to r3, which waits for it
//	deliver | drop | mail  [from=1] [to=2] [type=append] [term=2] [skip=1] [count=1] [dup]
//	                                 of the messages on their way, oldest first; dup leaves a copy
//	isolate r1 ... ; heal            lose all mail from and to these, from now on
//	disk [r1 ...] auto | manual      hand-offs complete at once, or when told
//	persist r1 [seq=2]               complete hand-offs, all or up to this one
//	fetch r1 [fail]                  answer the oldest request for entries
//	crash r1 ; restart r1 [applied=1] [tail=0]   what is not durable is lost; tail: entries in memory
//	stabilize [r1 ...]               mail, writes, fetches and snapshots among these until there is none left
//	status [r1 ...] ; log [r1 ...]
//
// Any command may end with "quiet". Entries read index@term:payload, "-" being a no-op. What is indented
// follows from the line above it. A misspelt command, an option that no one asked for, and a
// delivery that finds nothing are errors of the script.
//
// # Invariants
//
// After each input the Cluster checks, by itself and from outside of the core, and keeps the first violation in Err:
//
//	TEST-1 (*raft.Raft).CheckInvariants of the replica.
//	TEST-2 Election Safety, Log Matching, Leader Completeness, State Machine Safety (Figure 3).
//	TEST-3 No vote, candidacy or acknowledgement leaves a replica before its disk has it; nothing counts as
//	       durable that the disk does not hold.
//	TEST-4 A leader commits only what the disks of a majority hold, in a joint configuration of each half.
//	TEST-5 A read is granted at no index below what was committed when it came.
//	TEST-6 A leader sleeps only while the disks of all members hold all that it has.
package rafttest
