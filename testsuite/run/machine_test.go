package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/testsuite/cluster"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: a fault of a process takes the process away for its time, and gives it back. Method: a look at the target before, during and
// after each.
func TestProcessesAreGoneWhileTheFaultIsOn(t *testing.T) {
	for _, kind := range []plan.FaultKind{plan.Kill, plan.PowerLoss, plan.Pause, plan.Wipe} {
		p := suited(kind)
		f := &p.Faults[0]
		f.Leader, f.Targets = false, []int{2}
		looks(t, p, func(now time.Duration, during bool, c *cluster.Cluster) {
			process := c.Process(2)
			if now == 0 {
				return
			}
			require.Equal(t, during && kind == plan.Pause, process.Paused(), "%s at %v", kind, now)
			require.Equal(t, during && kind != plan.Pause, !process.Alive(), "%s at %v", kind, now)
			if kind == plan.Wipe {
				require.Equal(t, during, process.Disk().Used() == 0, "at %v", now)
			}
		})
	}
}

// Goal: a lane that is slow does few jobs, one that is stalled or hangs none, and only the second stays so. Method: the jobs that the
// target's lane does in the time of each fault and in the time before and after.
func TestSlowLanesDoLittle(t *testing.T) {
	for kind, most := range map[plan.FaultKind]uint64{
		plan.SlowDisk: 8, plan.SlowApply: 8, plan.StallDisk: 0, plan.HangDisk: 0,
	} {
		p := suited(kind)
		f := &p.Faults[0]
		f.At, f.Leader, f.Targets = 500*time.Millisecond, false, []int{2}
		if kind == plan.HangDisk {
			f.Param = 0
		}
		var at [3]uint64 // jobs done when it begins, when it ends, and in the end
		looks(t, p, func(now time.Duration, _ bool, c *cluster.Cluster) {
			done := c.Process(2).LaneStats(laneOf(f)).Run
			switch now {
			case f.At:
				at[0] = done
			case f.At + f.For - 5*time.Millisecond:
				at[1] = done
			}
			at[2] = done
		})
		require.Positive(t, at[0], "%s", kind)
		require.LessOrEqual(t, at[1]-at[0], most, "%s", kind)
		if kind == plan.HangDisk {
			require.Equal(t, at[1], at[2])
		} else {
			require.Greater(t, at[2], at[1], "%s", kind)
		}
	}
}
