// Package dev is the command dev: a cluster of separate nodes in one process, for
// trying things out and for seeing them fail. Each node has its own port, data
// directory and everything else that a production node has; only the network
// between them goes through a Cut.
//
// Contract, by number:
//
//	DEV-1  KILL ends a node as a crash does: nothing is flushed or said. STOP ends it
//	       in order. START lets it come back with its data.
//	DEV-2  PARTITION breaks the connections between nodes of different sides and
//	       keeps them from being made again until HEAL. Clients reach all nodes.
//	DEV-3  A node that once had data does not come back without.
//	DEV-4  A directory keeps what it began with, nodes and partitions, and the nodes that
//	       joined and were removed since. JOIN ends when the cluster knows the node, REMOVE
//	       when it holds nothing; no id is used again.
package dev
