// Package coverage tells how much of what a cluster can go through a run has been through, so that a search can prefer
// what it has not seen.
//
// What counts is the abstract state of a group: of each replica its role, how far its term and its log are behind the
// furthest, what of it is not durable, committed or applied yet, its part in the configuration, and what it is busy with;
// of nodes without one, whether they run. Indexes, terms and times themselves do not count, nor do the names of the
// nodes: two states that differ by a renaming are one.
//
// Contract, by number:
//
//	COVER-1  Watching changes nothing: a run takes the same course with it and without.
//	COVER-2  What a run has seen is a function of its plan.
//	COVER-3  A Map never forgets, its size is fixed, and merging is commutative and idempotent: machines may add
//	         up what they saw in any order, and twice.
package coverage
