// Package careless is a replicated store that is wrong, as many were: it keeps everything in memory, the primary
// acknowledges a write before any replica has it, each replica answers reads from what it has, and each node takes for the
// primary the lowest one that it can reach, without asking the others. So reads are stale, a primary that dies takes
// acknowledged writes with it, and a partition gives two primaries. Without faults, and with clients that go to the primary
// alone, nobody notices.
//
// It shows that an attack finds what is wrong, in processes whose code the attack does not know (testsuite/live/attack). It is
// no example of anything else.
//
// Contract:
//
//	CARELESS-1  It fails as a careless system does, not as a broken program: without faults and read at its primary it is
//	            linearizable, its operations are atomic at one node, and a client that does not know the outcome says so.
package careless
