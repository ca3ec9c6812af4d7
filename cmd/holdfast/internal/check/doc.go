// Package check has the commands that judge what is on disk: the history of a run
// (linearizability) and the log of a node (integrity).
//
// Contract, by number:
//
//	CHECK-1  Exit code 0 means that everything was looked at and nothing was wrong: a
//	         search that hit a bound, and a history that shows nothing, are 11.
//	CHECK-2  Input that is not what it should be is an error (1), never a verdict.
package check
