// Package zone decides fast whether the history of one register is linearizable, where
// values are distinct or versions are told. Where they are not, it says that it does not
// decide, and checker/linear goes on with its search. The register is that of
// checker/linear; see there.
//
// The method is that of Gibbons and Korach 1997 ("Testing Shared Memories", §4): a write that took
// effect and the answers that show its value form a cluster. Its zone lies between the earliest
// return and the latest call in it. If the return comes first, the value was there all that time, and no
// other cluster can be there too; else the cluster can be put at one point of its zone. Added to this:
//
//   - A compare-and-set that took effect stands right behind the write that it replaced. Such
//     chains are blocks, and a block is treated like a cluster.
//   - An unknown write took effect if its value was seen, or if a compare-and-set that took effect
//     replaced it. It gets the version under which it was seen. One that nobody saw is
//     only needed where something was erased on a key that was absent otherwise, or where a
//     compare-and-set expects a version or a repeated value that no other write explains.
//   - Versions that are known put their blocks in a line; a block is called no earlier than those
//     before it in the line, and returns no later than those behind it.
//   - Absence has no value of its own, so the answers that show it do not say which
//     erasure they followed, and most erasures do not tell their version. A plan guesses where
//     erasures go, and a search along the order of the zones finds an order. It goes straight ahead if
//     the guesses are right, steps back if they are not, and gives up when its budget is spent.
//
// Rules that compare two or a few operations reject most histories that are not linearizable, at
// once and with just these operations. What is left is rejected only when the search has tried
// everything that matters.
//
// Time is O(n log n): sorting, and a search with a budget proportional to n.
//
// Contract, by number:
//
//	ZONE-1  What is accepted is linearizable: each order is replayed by Verify, which
//	        shares nothing with the rest of the package.
//	ZONE-2  What is rejected is not linearizable.
//	ZONE-3  The answer is a function of the operations and the horizon.
//	ZONE-4  Bad input is undecided; nothing panics.
package zone
