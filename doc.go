// Package holdfast is the root of the Holdfast module: a sharded, linearizable
// key-value store on its own Raft, with the testbed that proves it. It holds no
// code. The program is cmd/holdfast, the Go client kv/client, the consensus
// core raft; ARCHITECTURE.md shows the way.
//
// The tests of this directory keep the rules of the source tree, and have no
// list of exceptions. If a rule makes the code worse, change the rule and its
// reason:
//
//	TREE-1  Who may import whom (deps_test.go).
//	TREE-2  Decisions are deterministic: no clocks, goroutines or global
//	        randomness where they are made (purity_test.go).
//	TREE-3  Files, functions, names and package comments stay small and in place
//	        (tidy_test.go).
package holdfast
