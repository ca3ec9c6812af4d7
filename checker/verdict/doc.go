// Package verdict says how a check ended, and why it may be believed.
//
// A check ends in one of five ways: pass, violation, unknown, vacuous or
// liveness (DESIGN §7, §8). The package holds the outcome with its exit code, the
// violations that oracles report, the evidence (counters of what really happened
// in the run) and the one rule, Judge, that turns these into an outcome.
//
// Contract, by number:
//
//	VER-1  A run passes only if no oracle fired, every check came to an end, and
//	       every requirement is met by the evidence. One requirement always holds:
//	       at least one operation was acknowledged.
//	VER-2  Precedence: violation, liveness, unknown, vacuous, pass. A safety
//	       violation is never hidden by a check that did not finish.
//	VER-3  Encoding is stable byte for byte: evidence is sorted by name, violations
//	       keep the order in which they were found, nothing depends on a map's order.
//	VER-4  A fingerprint names what went wrong, without the nodes, times and values
//	       of one run: shrinking keeps it while everything else may change.
//
// The package is pure: no clocks, no goroutines, no files.
package verdict
