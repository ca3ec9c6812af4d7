// Package checker is the root of the packages that judge a run of the store. It
// holds no code itself:
//
//   - checker/history: what clients saw, and its file format;
//   - checker/linear: whether that is linearizable; checker/zone decides most of it fast;
//   - checker/invariant: oracles that watch the replicas of Raft groups;
//   - checker/verdict: violations, evidence, and the rule that makes a verdict of them.
//
// Contract, by number:
//
//	CHK-1  Nothing here knows the implementation that is judged: histories and
//	       facts are plain data, so that a mistake in the store cannot hide
//	       itself in its judge.
//	CHK-2  Every oracle and every rule has a test in which it fires, and one in
//	       which it is silent.
//	CHK-3  No answer is no pass.
package checker
