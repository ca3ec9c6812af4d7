// Package hashing says which partition a key is of, and which nodes are to hold
// each partition. It is pure: the same arguments give the same answer, everywhere.
//
// Both live on one ring of 64-bit hashes. A partition is an equal range of it. Nodes own
// virtual nodes on it, in proportion to their weight, and a partition prefers nodes in
// the order in which a walk up the ring from the start of its range meets them. That is
// consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018), but for one
// thing: where a bound is in the way, partitions are not passed on in the order
// in which they come, but by a flow of least cost (flow.go). So the bounds are exact, and the moves
// from one placement to the next are not few but the fewest.
//
// What is fair: a share in proportion to weight; but no node has more than one replica of each
// partition, and no zone more or less than RING-3 makes it hold. What these two cut off, or
// add, is taken by the others in proportion to weight. In other words, there is a level such that
// a node's share is min(Partitions, level × weight); and a zone for which the sum of that is
// outside RING-3 has a level of its own, at which the sum is the bound. So spread over
// zones wins over balance, and balance holds exactly among what zones permit.
//
// Invariants:
//
//	RING-1  A key's partition is floor(xxhash64(seed, key) × partitions / 2^64) + 1. So ranges are
//	        equal to within one hash, and ascend. This is a promise on disk and to clients: it never changes.
//	RING-2  A partition has min(Replicas, nodes) replicas, on distinct nodes, all of them given.
//	RING-3  They are spread over zones as evenly as can be: no zone has two more of them than another
//	        one that has a node without. So they are in min(Replicas, zones) zones; and with three zones
//	        that have nodes enough, none has a majority. A node without a zone is a zone by itself.
//	RING-4  Each node has its fair share of replicas, rounded down or up.
//	RING-5  No placement with RING-2 to RING-4 has fewer moves from the current one (so it is 1.0, not 1.25,
//	        times the unavoidable). Among those with as few, the current leaders lose as few
//	        replicas as can be. A placement that has RING-2 to RING-4 is kept, so placing twice moves nothing.
//	RING-6  A node leads its share of partitions by weight, rounded down or up, if the replicas permit it.
//	        They do if nothing is cut off or added to shares, and if all nodes hold all partitions. Else
//	        there may be nodes with one less or one more than that, as few as can be.
//	RING-7  As few partitions as RING-6 allows change a leader that is still among their nodes.
//	RING-8  The placement is a function of the set of nodes: their order plays no part.
//
// The flow exists for RING-4, since giving each partition the fraction share/Partitions of each
// node is one within all bounds, and where fractions do, whole numbers do. As for RING-6, let
// each node lead each of its partitions to the fraction (share of leaders)/(fair share). At each
// partition these add up to the same, so to 1: nodes that are not cut off have one fraction
// at one level, and each partition has as many of them as any other. A node's fractions add up
// to its share of leaders, give or take less than one fraction, since its replicas are its fair
// share rounded. So whole numbers do that are less than two away from it. If nothing is cut off or
// added, the fraction is 1/Replicas, and its fair share rounded, times that, rounded, is no farther
// away than its share of leaders rounded.
//
// FLOW-1 to FLOW-3 are in flow.go.
package hashing
