// Package oracle watches the nodes of a simulated cluster and tells the invariant
// checkers (checker/invariant) what happens: who leads, what is appended, truncated,
// committed and applied, what messages promise and what is there after a
// restart. The first violation ends the run.
//
// It looks at nodes from outside, after each of their turns, and at the bytes they
// send. It keeps its own copy of each node's log, so that it does not depend on what
// the node remembers.
//
// Contract:
//
//	ORA-1  Everything that changed in a turn is observed before anybody else acts on it.
//	ORA-2  A violation is reported once, with the virtual time of the turn.
package oracle
