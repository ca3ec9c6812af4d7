package run

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// looks executes a plan with the fault that suited makes of a kind and looks at the cluster every 5 ms. The run must pass, with
// the fault in effect.
func looks(t *testing.T, p *plan.Plan, look func(now time.Duration, during bool, c *cluster.Cluster)) {
	f := &p.Faults[0]
	v := Execute(p, Options{LookEvery: 5 * time.Millisecond, Look: func(now time.Duration, c *cluster.Cluster) {
		look(now, now >= f.At && now < f.At+f.For, c)
	}}).Verdict
	require.Equal(t, verdict.Pass, v.Outcome, "%v", v.Reasons)
	require.EqualValues(t, 1, v.Evidence.Count(f.Kind.Counter()))
}

// Goal: a swizzle cuts nodes off one by one and lets them back one by one, in orders that its parameter draws. Method: who is
// cut off from whom in the course of swizzles of three nodes of five.
func TestSwizzleGoesOneByOne(t *testing.T) {
	orders := map[string]bool{}
	for param := range int64(12) {
		p := suited(plan.Swizzle)
		p.Nodes, p.Faults[0].Targets, p.Faults[0].Param = 5, []int{1, 2, 4}, param
		course, last := "", ""
		sizes := []int{0}
		looks(t, p, func(_ time.Duration, during bool, c *cluster.Cluster) {
			off := ""
			for n := env.NodeID(1); n <= 5; n++ {
				// Node 5 is never a target, so who does not reach it is cut off.
				if c.World.IsCut(n, 5) {
					require.True(t, c.World.IsCut(5, n))
					require.True(t, during)
					off += fmt.Sprint(n)
				}
			}
			if off != last {
				course, last, sizes = course+" "+off, off, append(sizes, len(off))
			}
		})
		require.Equal(t, []int{0, 1, 2, 3, 2, 1, 0}, sizes, "param %d: %s", param, course)
		orders[course] = true
	}
	require.Greater(t, len(orders), 6)
}

// Goal: a narrow link carries no more than it may. Method: the bytes that arrive from each node, one of which leads and replicates long
// values, at the others while its links are narrow.
func TestThrottledLinksCarryLittle(t *testing.T) {
	p := suited(plan.Throttle)
	f := &p.Faults[0]
	f.Leader, f.Param = false, 1000
	for i := range p.Operations {
		p.Operations[i].Value += strings.Repeat("x", 400)
	}
	for n := 1; n <= 3; n++ {
		f.Targets = []int{n}
		bytes := map[env.NodeID]int64{}
		Execute(p, Options{Sink: func(e netsim.Event) {
			if e.Kind != netsim.KindDeliver || e.From != env.NodeID(n) || e.To >= netsim.FirstClient {
				return
			}
			if at := time.Duration(e.At); at >= f.At && at < f.At+f.For {
				bytes[e.To] += int64(e.Size)
			}
		}})
		for to, got := range bytes {
			// Each of two channels that nodes use has the bandwidth for itself; what was under way comes on top.
			require.LessOrEqual(t, got, 2*f.Param*int64(f.For)/int64(time.Second)+1000, "%d>%d", n, to)
		}
	}
}

// Goal: a slow process takes no more inputs than its pace allows. Method: the messages that a leader takes in while each of its inputs
// keeps it busy for 20 ms.
func TestSlowProcessTakesFewInputs(t *testing.T) {
	p := suited(plan.SlowProcess)
	f := &p.Faults[0]
	f.Param = 20_000
	struck, taken := 0, map[env.NodeID]int{}
	Execute(p, Options{Struck: func(s Struck) { struck = s.Target }, Sink: func(e netsim.Event) {
		if at := time.Duration(e.At); e.Kind == netsim.KindDeliver && at > f.At && at < f.At+f.For {
			taken[e.To]++
		}
	}})
	require.Positive(t, struck)
	require.LessOrEqual(t, taken[env.NodeID(struck)], 1+int(f.For/(20*time.Millisecond)))
	require.Greater(t, taken[env.NodeID(1+struck%3)], taken[env.NodeID(struck)])
}

// clockCourse are the distances that the wall clock of a fault's target has from the others', in the course of a run.
func clockCourse(t *testing.T, kind plan.FaultKind) map[time.Duration]int {
	p := suited(kind)
	f := &p.Faults[0]
	f.Leader, f.Targets, f.Param = false, []int{2}, 5000
	seen := map[time.Duration]int{}
	// Writes reach all nodes, so that the target's clock is read.
	for i := range p.Operations {
		p.Operations[i].Client = 1 + i%p.Clients
	}
	Execute(p, Options{LookEvery: 5 * time.Millisecond, Look: func(now time.Duration, c *cluster.Cluster) {
		off := time.Duration(c.Process(2).Host().WallNow() - c.Process(1).Host().WallNow())
		if now < f.At || now > f.At+f.For {
			require.Zero(t, off, "at %v", now)
			return
		}
		seen[off]++
	}})
	return seen
}

// Goal: an offset is there for the time of the fault, a strobe goes to and fro, and both leave no trace. Method: the distance of the
// target's wall clock from another one.
func TestWallClocksAreOffWhileTheFaultIsOn(t *testing.T) {
	const off = 5 * time.Second
	offset := clockCourse(t, plan.ClockOffset)
	require.Greater(t, offset[off], 70)
	require.LessOrEqual(t, offset[0], 1)
	require.LessOrEqual(t, len(offset), 2)
	strobe := clockCourse(t, plan.ClockStrobe)
	require.Greater(t, strobe[off], 30)
	require.Greater(t, strobe[0], 30)
	require.Len(t, strobe, 2)
}

// Goal: a flood fills the table of sessions, which keeps its bound; a client that was silent meanwhile works on. Method: the number of
// sessions in the course of a run, and a client that writes before the flood and after it.
func TestFloodFillsTheTableOfSessions(t *testing.T) {
	p := suited(plan.FloodSessions)
	p.Faults[0].Param = 2
	for i := range p.Operations {
		p.Operations[i].Client = 1
		if at := p.Operations[i].At; at < 250*time.Millisecond || at > 750*time.Millisecond {
			p.Operations[i].Client = 2
		}
	}
	before, most := 0, 0
	looks(t, p, func(now time.Duration, _ bool, c *cluster.Cluster) {
		l := c.Leader()
		if l == 0 {
			return
		}
		sessions := c.Member(l).Replica(node.TheGroup).Sessions()
		if now < p.Faults[0].At {
			before = max(before, sessions)
		}
		most = max(most, sessions)
	})
	require.LessOrEqual(t, before, 2)
	require.Equal(t, p.Settings.MaxSessions, most)
}
