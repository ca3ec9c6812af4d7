// Package report makes one page of a run, or of a history alone, that people want to read:
// the verdict in words, the evidence, what was violated and by which operations, how to see it again,
// and a timeline of clients, nodes, partitions and faults that can be zoomed.
//
// Contract, by number:
//
//	REP-1  A report is one HTML file that needs nothing else: no network, no other file. What it
//	       links to, the pictures of keys, lies next to it.
//	REP-2  Whatever bytes keys, values and messages have, they are shown as text: nothing
//	       that a client wrote is ever read as HTML or as a script.
//	REP-3  The same data gives the same bytes.
//	REP-4  A report is smaller than MaxBytes, whatever it is of. What was left out or cut short
//	       is said in the report.
//	REP-5  Every violation of the verdict is in the report, and its other reasons up to a number; without
//	       scripts too.
//
// The package is pure: data in, HTML out. It has no clocks, no goroutines, no files but the page's own
// parts, which are compiled in.
package report
