// Package env holds the seams between Holdfast's decisions and the world they
// run in: time, randomness, the network, off-loop work, files and the storage
// engine. It contains interfaces and plain types, nothing else.
//
// Everything above these seams (raft, kv/machine, kv/replica, kv/node,
// kv/client's core) is single-threaded and deterministic: it is called by one
// event loop, never starts a goroutine, never reads a clock and never blocks.
// Two families of implementations exist:
//
//   - production: kv/osio (clock, loop, lanes, files), kv/grpcio (transport),
//     kv/storage's Pebble engine;
//   - simulation: testsuite/cluster on netsim (virtual time, simulated network and
//     disks) and kv/storage's memory engine.
//
// Contract, by number:
//
//	ENV-1  All methods of Host are called on the event loop and return without blocking.
//	ENV-2  Every call back into the node (Tick, Receive, Job.Done, ...) is made
//	       on the event loop, one at a time.
//	ENV-3  Jobs of one lane run in submission order, one at a time; Done is called
//	       in that order too. Jobs of different lanes run in any order.
//	ENV-4  After a crash nothing is called back: a Job may have run without Done.
//	ENV-5  Messages may be lost, duplicated, delayed and reordered, never altered:
//	       a transport checks what it carries.
package env
