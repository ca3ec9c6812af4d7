// Package shell is the dialogue: commands read from a terminal or a pipe, one a
// line, and their answers.
//
//	PUT user1 john       →  OK (version 12)
//	GET user1            →  Value found: john
//	ERASE user1          →  Erased
//	SCAN user            →  key and value of each, a tab between them
//
// Contract, by number:
//
//	SHELL-1  Answers go to the output stream, the prompt, errors and timings to the
//	         error stream. Without a terminal there is no prompt and no timing unless
//	         asked for, so that the same input gives the same output. With JSON a
//	         command that fails is answered with {"error":...,"exit_code":...}.
//	SHELL-2  A command that fails does not end the dialogue. Without a terminal the
//	         exit code is that of the first command that failed; a key that has no
//	         value is an answer, not a failure.
//	SHELL-3  Every byte string can be written as one word (Words).
package shell
