// Package week runs a simulated cluster for up to a week of virtual time and measures what its
// nodes hold in memory and on disk: under endless writes it must stay flat (DESIGN §4).
//
// Contract:
//
//	WEEK-1  A node's memory is measured, not estimated: Footprint walks everything that can be
//	        reached from it.
//	WEEK-2  Measuring changes nothing: a run with it has the trace hash of one without.
package week
