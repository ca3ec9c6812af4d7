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
//     erasures go: a matching between them and the places between blocks, each as late as can be, changed where
//     absence must be (matching.go). A search along the order of the zones finds an order. It goes
//     straight ahead if the guesses are right. Where it is stuck, it jumps back to the last point
//     at which the operation whose time runs out could have come, and lets it come there (jump.go).
//     It gives up when its budget is spent.
//
// Rules that compare two or a few operations reject most histories that are not linearizable, at
// once and with just these operations. What is left is rejected only when the search has tried
// everything that matters: in the whole history, or, if that is too long, in what a few answers near the
// place at which the search was stuck say by themselves. Then answers are forgotten as long as the
// others still contradict each other (reduce.go).
//
// Time is O(n log n): sorting, searches with budgets proportional to n, and, for a small set after
// RuleSearch only, some more of them with a bound of their own.
//
// Contract, by number:
//
//	ZONE-1  What is accepted is linearizable: each order is replayed by Verify, which
//	        shares nothing with the rest of the package.
//	ZONE-2  What is rejected is not linearizable.
//	ZONE-3  The answer is a function of the operations and the horizon.
//	ZONE-4  Bad input is undecided; nothing panics.
package zone
