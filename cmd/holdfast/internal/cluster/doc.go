// Package cluster is the commands that show and change the nodes of a running cluster, and what they
// hold. In a cluster with partitions these are nodes, partitions, ring, rebalance, drain, undrain, weight,
// zone and remove: partitions move by themselves to where the table of the metadata group wants them, and the commands
// change what it wants of nodes, and wait (Mover). In a cluster of one group an operator changes the members by hand: add,
// remove, promote, demote, priority and transfer-leader. status is for both.
//
// Contract, by number:
//
//	CLUS-1  Every command names the state that is wanted, not a step: it may be repeated and
//	        interrupted at any time, and ends with 0 once that state is reached.
//	CLUS-2  A command that ends otherwise says whether the cluster goes on by itself.
//	CLUS-3  A node is added to a group only after it answered for itself: with its id, its cluster and the
//	        number of its log, for which alone its replica is made.
//	CLUS-4  A node counts as empty only if a node that drives the placement says who holds each group, and for
//	        each group it is not among them nor among those that are to.
//	CLUS-5  A command that waits for something to move waits as long as something does, and then for --wait.
//	CLUS-6  What only the driver knows is not shown where it does not answer, and that is said.
//	CLUS-7  A command that is for the other kind of cluster changes nothing, ends with exit.Denied, and says what to
//	        do instead.
package cluster
