// Package cluster runs production nodes (kv/node) in a simulated world (netsim):
// it boots them from their simulated disks, watches what they send, and shows
// their state to oracles. The nodes do not know where they are.
//
// Contract:
//
//	CLU-1  A boot is what a real start is: open the log, open the engine, start the
//	       node; nothing but the disk survives a crash.
//	CLU-2  After each turn of a node Watcher.AfterTurn is called, and before each message
//	       leaves a node Watcher.Sending.
//	CLU-3  Quirks (plan.Quirks) stay within the contract of kv/env: the ends of a lane's jobs come in
//	       order, nothing comes to an incarnation that is over, ticks come late or too many, never too few.
package cluster
