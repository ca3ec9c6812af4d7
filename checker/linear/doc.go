// Package linear decides whether a history is linearizable: whether every
// operation can be given one point in time between its call and its return, so
// that the operations at these points, one after the other, are what a single
// versioned register per key would have answered.
//
// Linearizability is local (Herlihy and Wing 1990, theorem 1): a history
// is linearizable if and only if its part for each key is. Each key is checked by
// itself, under a bound on work, memory and, if asked for, time, in three ways, of which
// the first that decides is the last: the order that the answers propose by their places
// in the log is replayed (witness.go); the zones of the writes are compared
// (checker/zone); and porcupine searches among all orders.
//
// The register. A key is absent at first. A write gives it a value and a version;
// versions of a key strictly increase in the order in which its writes took
// effect, across erasures too. A read returns value and version, a conditional
// write whose condition fails returns the actual value and version, an erasure
// says whether there was something to erase.
//
// Contract, by number:
//
//	LIN-1  A violation is reported only if no linear order exists: unknown outcomes
//	       may have taken effect at any time after their call, or never; unknown
//	       versions may be any that fit.
//	LIN-2  A failed operation took no effect; a read that saw its value is a violation.
//	LIN-3  When a bound is hit the key is undecided, never passed.
//	LIN-4  Without a Timeout the result is a function of history and options.
//	LIN-5  A finding names the operation with which the history stops being
//	       linearizable: the part up to its return is not, anything shorter is. If
//	       a few operations contradict each other by themselves, it lists them,
//	       and its picture shows only them.
//	LIN-6  Stale reads take no part, except that what they saw must have been
//	       written.
//
// Porcupine's search is given what can be inferred beforehand; without it a few
// dozen unknown outcomes on one key would make the search exponential:
//
//   - An unknown write whose unique value was seen took effect before the
//     first answer that shows it, with the version that this tells.
//   - An unknown write whose value nobody saw can only have been what an erasure
//     found, so it is tried only right before one; if there is none it is left out.
//   - An unknown erasure can only matter to an answer that shows the key absent, so
//     it is tried only right before one.
//   - Versions told by answers never decrease along any order.
//
// Histories that the zones do not decide, and with a tenth or more of unknown outcomes among
// hundreds of operations of one key, can still exceed the bounds if they are not linearizable.
//
// Not checked here: atomicity of batches over several keys.
package linear
