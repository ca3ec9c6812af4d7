// Package placement gives the records of the metadata group their meaning, and decides how they change: who is in
// the cluster, where each partition is to be, and when it may move (ADR 0019). It is pure: it is told the time, the
// records, and what nodes report, and returns what to write. hashing says where partitions belong; this package
// says how to get there without losing anything on the way.
//
// # Records
//
// They are ordinary keys of the group MetaGroup, and nothing else is in it:
//
//	cluster   what the cluster was made with: partitions, replicas, seed
//	node/ID   a node: address, the number of its log, weight, zone, whether it is up, draining or removed
//	part/G    a group: an epoch, the nodes that are wanted, and the replicas that it begins with. The metadata
//	          group has one, too.
//
// Decode makes a State of them. A node that has a State as its table, however old, learns from Wants what the
// groups that it leads are to become, and from BeginsAt which groups begin in its log.
//
// # Contract
//
// The leader of the metadata group makes a Driver when it begins to lead, hands it every report with Heard, and
// calls Step with the newest State at Deadline and when a transaction has ended. What Step or a command
// returns is written as one command of the machine (Txn.MachineOps), one at a time. Nothing bad comes of
// a State that is old, of two drivers, of a write whose outcome is unknown, nor of reports that are lost, late, repeated
// or out of order: only time is lost. A report is answered with the table, if it is newer than the node's, and with Gone.
//
// The time must not go back. Each node with one log reports about every DriverConfig.ReportEvery.
//
// # How partitions move
//
// The goal is hashing.Place for all nodes that are Up and not dead. The table is brought there in steps, each of which
// changes the wanted nodes of a group and raises its epoch; the next step of this group waits until its leader has
// reported that the one before is done. A step grows the group, drops replicas that are too many, or exchanges
// some: no more than may be lost together (PLACE-6), the dead first. All copies are those that the goal needs; no
// partition goes a detour, and since a goal that is computed half-way is no farther than the first one, a new driver adds none.
//
// A node is dead when it was silent for DriverConfig.DeadAfter. What it had is then placed elsewhere, but for voters that
// nobody can replace, as long as there are too few copies without them (goal.go, keepDead). If it comes back before, nothing has happened; if it comes back
// later, what is elsewhere by then is gone, and it is given its share anew, after a probation that doubles with each
// death. A driver has no memory but the table: a new one forgets probations.
//
// The metadata group is one of 1, 3 or 5 voters (MetaVoters) and has no goal of hashing's: those that are in it and live stay.
//
// # Invariants
//
//	PLACE-1  Each transaction conditions on the versions of all that it writes, and always writes the record of the
//	         cluster. A decision rests on all records: on the nodes for the goal, on all groups for the bound of moves. The
//	         record of the cluster stands for them all, since its version is that of the newest change of
//	         any. So a decision takes effect only on the very State it was made on, and at most once (SHARD-10).
//	PLACE-2  What is decoded is valid, alone and together: ids and logs are unique, groups are of this cluster and on known
//	         nodes, no record is newer than that of the cluster. Everything has exactly one encoding, and a bound.
//	         Records are never erased. What this build does not know is refused, not passed over.
//	PLACE-3  A change of a group's wanted nodes raises its epoch by one; nothing lowers it (SHARD-06). Initial never changes.
//	PLACE-4  A movement begins only while fewer than MaxMoves partitions are being moved, and where the nodes that get it and
//	         the leader that sends it have fewer than MaxMovesPerNode. One counts until its leader reported that it is
//	         done, but not while nobody leads it (SHARD-17), nor while it is being created.
//	PLACE-5  The wanted nodes of a group change only while its leader is known, and when the change before is reached, that is
//	         settled in the configuration under this epoch; or if a node that is wanted is dead, drained or removed.
//	PLACE-6  Of n wanted nodes, d of which are dead voters, at most max(1, (n-1)/2 - d) are no voters when they become wanted,
//	         or no more than before; only where a group grows, all at once, there may be more. So those that were in it
//	         outvote the new ones, should these fail, wherever that is possible. A node that is added was heard of lately and is on no
//	         probation, and a majority of the wanted ones was heard of lately.
//	PLACE-7  A replica is called gone only if a configuration that was settled under its leader lacks it and has its
//	         generation or a higher one (CONF-4). That never becomes untrue (MEMB-14).
//	PLACE-8  The id of a removed node, and the log of another one, are never accepted. A node is not removed while it is a member
//	         of a group, or, by force, while a group has no majority without it.
//	PLACE-9  The same calls give the same results. Memory is bounded by MaxPartitions, MaxReplicas and maxSightings.
//	PLACE-10 When nothing fails for long enough, and no node is away, the table is the goal, each group is what the table says, and no node holds
//	         anything else, but for empty learners of configurations that were taken back: the id of such a one may
//	         still be given out, so it stays until the group's generation has passed its own.
package placement
