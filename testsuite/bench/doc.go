// Package bench measures the speed of the simulation itself, in CPU time of this
// process, so that other load on the machine hardly matters.
package bench
