// Package build tells what this program is: its version and the versions of the
// formats it reads and writes.
package build
