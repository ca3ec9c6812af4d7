// Package serve is the command server: one node of a production cluster.
//
// Contract, by number:
//
//	SERVE-1  SIGTERM and SIGINT stop the node in order; a node that fails by itself
//	         ends the program with exit.Failure and the reason.
//	SERVE-2  A node whose data is gone does not come back as if nothing had
//	         happened: an empty directory is taken only where no member that
//	         answers knows this node, or where the operator says so (--new).
package serve
