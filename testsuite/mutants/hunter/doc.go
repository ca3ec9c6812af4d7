// Command hunter runs simulation seeds until the first failure and prints a
// mutants.Report. Package mutants builds it with one bug planted.
//
//	hunter [-sharded] FROM SEEDS
package main
