// Package history holds what clients saw: every operation with its invocation,
// its return, its outcome and its result. It is the only thing the
// linearizability checker looks at.
//
// An operation's place in real time is given by two numbers of one strictly
// increasing event sequence (Call and Return), handed out by the Recorder in
// the order in which events are reported to it. Times in nanoseconds are kept
// for people to read; nothing is decided by them. A wall clock cannot order
// two events that are close together, a counter can.
//
// The file format (JSON lines, versioned) is described in docs/history-format.md.
//
// Contract, by number:
//
//	HIS-1  Every event number is used once: calls and returns are totally ordered.
//	HIS-2  Each operation ends in one of three ways. OK: it was answered, its
//	       Result tells how. Failed: it certainly has not been and will not be
//	       applied. Unknown: it may have been applied, may be applied later, or never;
//	       its Return is Never.
//	HIS-3  A compare-and-set or put-if-absent whose condition did not hold is OK with
//	       Result.Swapped false and the key's actual state; it is not Failed.
//	HIS-4  A Call is recorded before the request can have any effect, a Return
//	       after the answer has arrived; otherwise the checker is given false facts.
//	HIS-5  What a Writer wrote a Reader reads back identically. Bad input gives
//	       an error naming the line, never a panic; a file that was cut off is an error.
//
// Batches over several keys are not part of the format: linearizability is
// checked per key, which cannot see whether a batch was atomic.
//
// Only SyncRecorder may be used by more than one goroutine.
package history
