// Package node is one node of a cluster: the replicas it holds, the shared log
// they write to, the messages between nodes and the requests of clients. It is
// a deterministic env.Program: the same code runs on kv/osio's event loop over
// gRPC and in the simulation.
//
// A Node is called on one event loop only. Request answers through a callback,
// exactly once, on the loop. Everything that may block runs as a job on one of
// the host's lanes.
//
// A cluster with partitions: each partition is a group, and one more group holds the records of the cluster
// (kv/placement, docs/decisions/0019). Each node has an agent, which reports to the driver, keeps a copy of the
// table, and does what the table says of this node and of the groups that it leads. The driver is on the node that leads
// the metadata group. Without partitions there is one group, TheGroup, whose members operators change.
//
// Group commit: while the log is writing one batch, everything that must become
// durable gathers in the next one, so that one fsync serves all groups and all
// clients that came meanwhile (DESIGN §4).
//
// Invariants:
//
//	NODE-1  At most one log write is in flight, and its completions are reported to the
//	        replicas in order.
//	NODE-2  After a failed log write or apply nothing is sent, accepted or promised any more.
//	NODE-3  Every request is answered exactly once, and with a code that is true: not applied,
//	        applied, or unknown (DESIGN principle 4).
//	NODE-4  Bytes from the network are checked before they are believed: a message that
//	        does not decode, or is for a group that is not here, is dropped and counted.
//	NODE-5  A replica is created only at the start of a cluster, or by a message to a learner that
//	        was added for this very log (by its store number), under an id of a higher
//	        generation than any it had before (MEMB-14, WAL-15).
//	NODE-6  A replica begins when the log durably knows its id, and after all jobs of the one before
//	        it have ended; nothing of that one follows in the log. So a crash at any
//	        moment leaves one of them, whole.
//	NODE-7  A node that lost its data asks to be taken back until a committed configuration has its new
//	        replica: one that is not committed may be taken back, and the old replica with it is lost for good.
//	NODE-8  Operators get true answers, and an end: those who wait for another leader are at most
//	        maxTransfers, and none waits longer than handOverPatience election timeouts.
//	NODE-9  A replica of this node that was added for another log than the one it has is asked to be
//	        replaced, so that no learner waits for ever for a log that is gone.
//	NODE-10 A turn costs what the groups that were handed something cost. So whoever hands a replica something
//	        does so through use, and each job of a replica ends there.
//	NODE-11 A replica is destroyed only when it is out of its group for good; its tombstone is durable before anything of its
//	        data is deleted, and nothing begins in its place before that is done.
//	NODE-12 A replica sleeps only as long as the nodes that it relies on say that they are alive, in one life.
//	NODE-13 A node's table of partitions only gets newer. What is done by it is safe with any that ever was one: the groups'
//	        own logs know the epoch.
//	NODE-14 A key is served by its partition alone, which never changes.
//	NODE-15 The records of the cluster are changed only under the condition that they are those which the decision rested on.
package node
