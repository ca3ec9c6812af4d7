// Package cluster is the commands that show and change who is a member of a running
// cluster: cluster status, add, remove, promote, demote, priority and transfer-leader.
//
// Contract, by number:
//
//	CLUS-1  Every command names the state that is wanted, not a step: it may be repeated and
//	        interrupted at any time, and ends with 0 once that state is reached.
//	CLUS-2  A command that ends otherwise says whether the cluster goes on by itself.
//	CLUS-3  A node is added only after it answered for itself: with its id, its cluster and the
//	        number of its log, for which alone its replica is made.
package cluster
