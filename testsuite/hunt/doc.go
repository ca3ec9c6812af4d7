// Package hunt runs many seeds on all cores and gathers what they found. Each run is
// single-threaded and independent of all others, so that the number of workers and
// their order change nothing but the time it takes. Violations that are known already can be counted
// apart, so that the hunt goes on for others.
package hunt
