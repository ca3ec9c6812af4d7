// Command hunter runs simulation seeds until the first failure, shrinks it if asked to, and prints a
// mutants.Report. Package mutants builds it with one bug planted.
//
//	hunter [-sharded] [-strategy NAME] [-ablate TIME] [-shrink DIR [-of RUN]] FROM SEEDS
package main
