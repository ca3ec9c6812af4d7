// Package check has the commands that judge what is on disk: the history of a run
// (linearizability) and the data directory of a stopped node (integrity).
//
// Contract, by number:
//
//	CHECK-1  Exit code 0 means that everything was looked at and nothing was wrong: a
//	         search that hit a bound, a history that shows nothing, and data that could not
//	         be read, are 11.
//	CHECK-2  Input that is not what it should be is an error (1), never a verdict.
//	CHECK-3  `check data` changes nothing, and does not look at a directory that is in use.
//	CHECK-4  Of each damage it says where it is, and what the next start of the node does about
//	         it. Damage never hides behind what could not be read.
package check
