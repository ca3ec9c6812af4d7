// Package server assembles one production node: data directory, log, engine,
// event loop, node, transport and services, on one port. It only wires and orders;
// each part has its own package and contract.
//
// Contract, by number:
//
//	SRV-1  Start returns with the node serving, or with an error that says what to do,
//	       and then nothing is left behind: no port, lock, goroutine or file handle.
//	SRV-2  Nothing is sent to peers or clients before the data directory is marked as one
//	       that has a log.
//	SRV-3  Stop ends every pending request honestly and flushes the engine. Kill does
//	       neither: it ends as a crash would, except that the files stay closed and
//	       unlocked, so that the node can be started again in the same process.
//	SRV-4  A node that failed (its log or engine did) answers health checks with
//	       NOT_SERVING, requests with UNAVAILABLE and Status with the reason, until it
//	       is stopped; Failed delivers the reason once.
//	SRV-5  Stop waits up to 2 s for another node to take over what this one leads before it
//	       refuses anything.
//	SRV-6  The members' addresses are written down when the cluster changes them (PEERS), and
//	       read at the start; an unreadable PEERS is logged and harmless. The members that the
//	       cluster began with are those of the first start (osio.Dir.Founders).
//	SRV-7  Damage to the log or the engine keeps no node from starting: what is damaged is
//	       set aside and the node waits, without a replica, for the others to replace it
//	       (package boot). Damage that is met while it runs is treated so at the next start.
package server
