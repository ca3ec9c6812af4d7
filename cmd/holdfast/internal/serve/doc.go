// Package serve is the command server: one node of a production cluster.
//
// Contract, by number:
//
//	SERVE-1  SIGTERM and SIGINT stop the node in order; a node that fails by itself
//	         ends the program with exit.Failure and the reason.
//	SERVE-2  A node whose data is gone does not come back as if nothing had
//	         happened: an empty directory is taken only where no member that
//	         answers knows this node, or where the operator says so (--new, --rejoin).
//	         Where there are partitions, the table says who is known; of the metadata
//	         group, whose founders the table learns of a moment later, a founder may only
//	         have no part that others lack.
//	SERVE-3  A node that joins with an empty directory is started only if a member
//	         of the cluster of that name, and of that kind, answered, and neither counts it
//	         as a member nor knows that it was removed; with --rejoin, only if those that
//	         answer do count it. With data, --join and --rejoin change nothing but where the
//	         others are looked for.
//	SERVE-4  Where there are partitions, it is logged whether the cluster takes the node in,
//	         and why not, whenever that changes.
package serve
