// Package sim is the commands that attack the simulated cluster: `sim run`,
// `sim hunt` and `sim merge`, `sim replay`, `sim shrink`, `sim serve`, `sim bench` and `sim mutants`.
//
// Contract:
//
//	SIMCMD-1  The exit code is the verdict's (DESIGN §7): 0 pass, 10 violation, 11 unknown or
//	          vacuous, 12 liveness.
//	SIMCMD-2  A run that failed is kept in a directory, and the command that replays it
//	          is printed.
//	SIMCMD-3  A hunt goes on where it was interrupted, with the same program and seeds only, and shards add up to
//	          what one machine would have found.
//	SIMCMD-4  What sim shrink keeps fails as the run did, and replays. A run that does not fail is an
//	          error (1), not a result.
package sim
