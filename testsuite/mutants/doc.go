// Package mutants proves that the testbed finds bugs: it plants known bugs of real
// systems into the production code, one at a time, and hunts them.
//
// A mutant is a file in catalogue/: where the bug is from, a few small edits, and
// the oracles that may find it. The edits are applied to copies of the files, which
// `go build -overlay` puts in place of the originals; the source tree stays clean.
// The mutated simulation (hunter/) then runs seeds until an oracle fires, of clusters with
// partitions if the mutant says so.
//
// Contract:
//
//	MUT-1  Each edit's old text occurs exactly once in its file: a mutant that no longer
//	       applies is an error, not a pass.
//	MUT-2  A mutant counts as found only if an oracle that it names fired; a crash or a timeout
//	       that it does not name is "found otherwise" and fails the scoreboard.
//	MUT-3  The same seeds are clean without the mutant (testsuite's own tests).
//	MUT-4  A mutated program differs from the clean one; so an overlay that is not
//	       applied cannot pass for a bug that is not found.
package mutants
