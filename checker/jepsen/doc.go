// Package jepsen converts histories from and to EDN as Jepsen writes it, so that Knossos and Elle can judge what
// Holdfast recorded, and the checkers here what Jepsen did.
//
// Read takes histories of Jepsen's registers: :read, :write and :cas, as one vector or one operation after the other,
// alone or wrapped in #jepsen.history.Op{...}. Values of the form [key value] (jepsen.independent) are taken apart; a
// history without them is of one key. Write gives such a history (Knossos), or transactions of one or two
// micro-operations (Elle, rw-register).
//
// Contract, by number:
//
//	EDN-1  Nothing gets stronger on the way: if the original is linearizable, so is what is written. Where EDN has no words for a
//	       condition it is left out, and Dropped counts that.
//	EDN-2  What Read returns is a valid history. Bad input gives an error that names the operation, never a panic.
//	EDN-3  A process has one operation at a time, and none after an :info, as Jepsen demands. So processes are not the
//	       clients of the original.
//	EDN-4  Different values stay different: bytes that are not text, and text that looks like them, are written in hexadecimal.
package jepsen
