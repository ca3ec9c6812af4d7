// Package plan describes one simulated run as data: the cluster and its settings,
// the network, what clients do and which faults strike, each at a virtual time. A
// plan is drawn from a seed (Draw), or read from a file; executing the same plan
// always takes the same course.
//
// Invariants:
//
//	PLAN-1  Draw is a pure function of the seed; each part of a plan comes from a random
//	        stream of its own, so that a change to one leaves the others as they are.
//	PLAN-2  A plan that Validate accepts can be executed: removing operations, faults
//	        or clients from it gives a plan that can be executed too (shrinking).
//	       It costs at most a minority of the nodes their data or their return.
//	PLAN-3  Encoding is stable byte for byte; Decode refuses what Validate refuses and
//	        fields it does not know.
//	PLAN-4  What Draw and DrawSharded return is Fair: a correct cluster survives it.
package plan
