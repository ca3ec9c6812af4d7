// Package exit holds the exit codes of the program and the errors that carry
// them.
//
// Contract, by number:
//
//	EXIT-1  Every error that reaches a user says what was tried, why it failed and,
//	        where there is something to do, what to do next.
//	EXIT-2  A code never claims more than is known: NotApplied and Denied are only
//	        for requests that certainly changed nothing; where that is not
//	        certain the code is Unknown.
//	EXIT-3  Any error with a method ExitCode() int decides its own code; every
//	        other error is Failure.
package exit
