// Package bench measures a cluster through the Go client and can write down what
// its clients saw, for `holdfast check history`.
//
// A closed loop has a fixed number of clients, each of which sends its next
// operation when the last one is answered: it finds the throughput. A fixed rate
// has a timetable, and an operation's latency counts from the time it was due, so that
// a store that stalls is charged for everybody who would have waited
// ("coordinated omission"): it finds the latency.
//
// Contract, by number:
//
//	BENCH-1  Latencies are of operations that were answered; all others are counted by
//	         how they ended.
//	BENCH-2  At a fixed rate, operations that were due but could not begin before the
//	         end are reported as missed, never left out silently.
//	BENCH-3  A recorded run writes values that are all different, to keys that nobody
//	         else uses, and its history has every operation that was sent.
package bench
