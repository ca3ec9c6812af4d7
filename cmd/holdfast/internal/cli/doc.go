// Package cli is the command line: the commands, their flags and their help. The
// work is done in the packages beside it.
//
// Contract, by number:
//
//	CLI-1  Every mistake of the user on the command line or in the settings ends with
//	       exit.Usage, before anything was sent.
//	CLI-2  Data goes to standard output in the form of --output, everything
//	       else to standard error.
//	CLI-3  Commands given to Main beside the package's own are treated alike: their
//	       flags are settings, and an error with a method ExitCode() int
//	       decides the exit code.
//	CLI-4  A command with several keys says of each how it ended, and does not claim of all
//	       what holds for some.
package cli
