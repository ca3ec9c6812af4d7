// Package run executes plans in the simulated world and judges them.
//
// A run has three phases: until Plan.HealAt clients work while faults strike; then
// everything is healed (but for nodes that stay dead); then each client must
// get a write and a read of every key through within a bound of virtual time. All
// of it is one history, which must be linearizable.
//
// Contract:
//
//	RUN-1  The same plan gives the same trace hash and the same verdict bytes, in any
//	       process and with any GOMAXPROCS.
//	RUN-2  The first violation of an oracle ends the run; the history up to it is kept.
//	RUN-3  A kind of fault that the plan has and that never took effect makes the run
//	       vacuous, not passed. So does loss, duplication, delay or a stall that the plan
//	       asks for and that did not happen, where 50 were to be expected. An effect is
//	       one on the fault's own target while it was on.
//	RUN-4  No run loses more than a correct system survives: at every time, in every
//	       configuration that may be in effect, more voters have their copy of the data
//	       and come back than do not (the fault atlas). A fault or a change of members that
//	       would break this does not happen.
//	RUN-5  Whether the run is watched (Options) changes nothing of its course.
package run
