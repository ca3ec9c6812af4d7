// Package live is the command `live`: it attacks a cluster of real server processes, which it starts itself on this machine,
// with plans that are drawn from seeds or read from a file.
//
// Contract:
//
//	LIVECMD-1  The exit code is the verdict's (checker/verdict): 0 pass, 10 violation, 11 unknown or vacuous, 12 liveness;
//	           that of several runs is the worst of them. Single vacuous runs among others that passed do not count, unless they
//	           are most.
//	LIVECMD-2  Each run leaves a directory with its report, plan, history, verdict and the logs of its nodes, and says
//	           where; --dir names the place. The data of the nodes are kept only if the run did not pass.
//	LIVECMD-3  The processes are those of this program itself; none is left when the command ends.
package live
