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
package server
