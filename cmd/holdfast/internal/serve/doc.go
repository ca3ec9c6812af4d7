// Package serve is the command server: one node of a production cluster.
//
// Contract, by number:
//
//	SERVE-1  SIGTERM and SIGINT stop the node in order; a node that fails by itself
//	         ends the program with exit.Failure and the reason.
//	SERVE-2  A node whose data is gone does not come back as if nothing had
//	         happened: an empty directory is taken only where no member that
//	         answers knows this node, or where the operator says so (--new, --rejoin).
//	SERVE-3  A node that joins with an empty directory is started only if a member
//	         of the cluster of that name answered, and does not count it as a
//	         member; with --rejoin, only if those that answer do. With data,
//	         --join and --rejoin change nothing but where the others are looked for.
package serve
