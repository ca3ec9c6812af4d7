// Package attack plays a plan, the same data that the simulation executes, to a store of real processes, and judges what
// the clients saw.
//
// What a plan says is scaled in time (Run.Scale), and translated (Translate): kills, pauses, cut and stalled networks,
// changes of members and lost disks are played; the kinds that need a simulated disk, clock or lane are skipped, and the
// result lists them. Where the simulation's fault is stronger than what can be done to a process, the list says what was
// played instead. Half of the faults of the network stall the links, as a partition does, half cut them, as a firewall
// that resets connections does.
//
// Invariants:
//
//	ATTACK-1  A verdict rests on evidence: a kind of fault that the plan has and that can be played must have taken effect at
//	          least once, or the run is vacuous. A fault of the network takes effect by the bytes that it held or the
//	          connections that it broke, of the links that it is about and while it lasted; others as LIVE-2 says.
//	ATTACK-2  Time decides nothing: that clients do not get through after healing within Run.Patience, or that partitions do not
//	          come to rest, leaves the verdict unknown, as does a node that cannot be started (LIVE-3).
//	ATTACK-3  What a correct store cannot survive is not played: a disk is only wiped while all other members are up and
//	          connected, no other disk is being replaced, and no change of members was begun; a node is only removed while
//	          three others remain.
//	ATTACK-4  A plan of Draw is valid for the simulation as well, so that what was found can be tried there.
package attack
