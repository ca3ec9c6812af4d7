// Package testsuite holds the tests that attack whole clusters: the production nodes
// of kv/node in the simulated world of netsim, with clients and faults, judged by
// checker. Its sub-packages are the parts: plan (a run as data), cluster, workload,
// oracle, run (execution and verdict), hunt (many seeds), mutants (planted bugs),
// bench (the simulation's own speed) and live (real processes).
//
// `go test ./testsuite` runs a bounded number of seeds. When one fails it prints the
// seed, what was violated, and the one command that replays it.
package testsuite
