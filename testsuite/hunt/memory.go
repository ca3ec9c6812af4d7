package hunt

import (
	"os"
	"runtime/debug"
)

// garbage is how much may pile up before it is collected, in percent of what is alive.
const garbage = 400

// EaseGC lets programs that do little but simulate collect garbage less often than is usual: runs make much of it and keep little, and
// a third of the time went there. GOGC in the environment counts more.
func EaseGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}
