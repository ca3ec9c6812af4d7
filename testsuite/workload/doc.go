// Package workload is the clients of a simulated run: the production client's core
// (kv/client/core) on a simulated process each, doing what the plan says and
// recording what they see.
//
// Contract:
//
//	WORK-1  An operation's call is recorded before its request can leave, its return after
//	        its answer arrived (HIS-4).
//	WORK-2  Conditional writes expect what their client last saw of the key, so that
//	        they succeed and fail in good proportion.
//	WORK-3  Each operation waits at most for the plan's operation timeout, the final ones
//	        without limit: these must succeed.
package workload
