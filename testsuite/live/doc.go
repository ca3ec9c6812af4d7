// Package live attacks a Holdfast cluster of real processes on this machine: it
// kills, pauses, stops and restarts nodes while clients work, and judges what
// the clients saw. Nothing in it is simulated: sockets, files, syncs and
// signals are the operating system's.
//
// A Cluster owns the processes. A Load is the clients, with the recorder of
// their history. A Watch asks all nodes for their status and feeds the answers
// to the oracles of checker/invariant. A Script says, as data, what happens to
// the cluster; Run plays it, waits for what each step promises, and
// collects evidence for the verdict.
//
// Contract, by number:
//
//	LIVE-1  Only processes that a Cluster started itself get a signal, through their
//	        handle. Close leaves none behind; on Linux the kernel ends them should
//	        this process die first.
//	LIVE-2  A fault counts as evidence only if it took effect: a kill if the
//	        operating system reports death by SIGKILL, a pause if it reports the
//	        process as stopped, a fault of the leader if a leader of a later term
//	        was seen, a lost disk if the node is a voter again under another replica
//	        id. What the script says is no evidence.
//	LIVE-3  Time never decides between pass and violation. A step that does not get
//	        what it waits for within its bound makes the verdict unknown.
//	LIVE-4  A node's ports are below those the system gives to outgoing connections,
//	        so that a node that is down does not lose its port to one.
//	LIVE-5  Values are unique in a history, and some keys are written once, so that
//	        the loss of any single acknowledged write of those is seen by the
//	        final reads.
//
// go test ./testsuite/live runs the standard script, that of membership, a snapshot of
// 64 MiB and the bad starts; with -short it starts no process.
// HOLDFAST_LIVE_SNAPSHOT_MIB=1100 makes the snapshot larger (make live-snapshot).
// HOLDFAST_LIVE_SOAK=10m go test -count=1 -v -timeout=30m -run Soak ./testsuite/live
// goes on with drawn scripts for that long; HOLDFAST_LIVE_SEED chooses them.
// HOLDFAST_LIVE_KEEP=DIR keeps the files of runs that did not pass in DIR
// (default: a new directory in the system's place for temporary files).
package live
