// Package events is the log of what a cluster went through in a run, for people to read
// next to what its clients saw: nodes that went down and came up, who led which group in which
// term, the faults and whether they had an effect.
//
// It is plain data. A verdict never rests on it: it shows a course, the oracles judge it.
//
// Contract, by number:
//
//	EVT-1  A log holds at most as many events as it was made for. Of more it keeps the
//	       first half and the newest half, and says how many are missing and from when to when.
//	EVT-2  Written, the same events give the same bytes.
//
// The package is pure: no clocks, no goroutines, no files.
package events
