// Package shrink makes failing plans small: it takes away what the violation does not need, faults, operations, clients,
// nodes, partitions, delays, settings, time, until a person can read what is left, and tells that as a story.
//
// It works like delta debugging: an edit of the plan is kept if the plan still fails in the same way. Passes go from
// coarse to fine, and each from large pieces to single ones. Where no edit helps any more it tries the same edits with
// other seeds: much of a plan is often there only to bring about a moment that another seed brings about by itself.
//
// Contract:
//
//	SHRINK-1  The result fails with the fingerprint that the plan failed with (VER-4).
//	SHRINK-2  Each plan that is tried is valid, and as fair as the first one (plan.Fair): nothing is blamed on the
//	          cluster that the plan's author could not have drawn.
//	SHRINK-3  The result is a function of the plan and the number of runs allowed. Workers change nothing, a limit of
//	          time only if it is reached.
//	SHRINK-4  No more plans are executed than allowed, beside a few to see that the first plan and the result fail the
//	          same way each time.
package shrink
