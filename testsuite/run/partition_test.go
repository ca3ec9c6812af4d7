package run

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// blocked names the directions in which nothing arrives between four nodes and two clients (a and b).
func blocked(w *netsim.World) string {
	ids := []env.NodeID{1, 2, 3, 4, netsim.FirstClient + 1, netsim.FirstClient + 2}
	var out []string
	for i, from := range ids {
		for j, to := range ids {
			if w.IsBlocked(from, to) {
				out = append(out, fmt.Sprintf("%c%c", "1234ab"[i], "1234ab"[j]))
			}
		}
	}
	return strings.Join(out, " ")
}

// Goal: each fault of the network blocks the directions that it says, while it is on, and no others. Method: all directions between
// four nodes and two clients, in the middle of each fault and around it.
func TestFaultsOfTheNetworkBlockWhatTheySay(t *testing.T) {
	const at, lasts = 300 * time.Millisecond, 400 * time.Millisecond
	for _, c := range []struct {
		fault plan.Fault
		want  string
	}{
		{plan.Fault{Kind: plan.Isolate, Targets: []int{2}}, "12 21 23 24 2a 2b 32 42 a2 b2"},
		{plan.Fault{Kind: plan.Isolate, Targets: []int{2}, Param: 1}, "12 21 23 24 32 42"},
		{plan.Fault{Kind: plan.Split, Targets: []int{1, 3}}, "12 14 1a 21 23 2b 32 34 3a 41 43 4b a1 a3 ab b2 b4 ba"},
		{plan.Fault{Kind: plan.OneWay, Targets: []int{3}}, "31 32 34"},
		{plan.Fault{Kind: plan.OneWay, Targets: []int{3}, Param: 1}, "13 23 43"},
		{plan.Fault{Kind: plan.Bridge}, "23 32 34 43"},
		{plan.Fault{Kind: plan.Ring}, "13 24 31 42"},
		{plan.Fault{Kind: plan.Clog, Targets: []int{4}}, "41 42 43"},
		{plan.Fault{Kind: plan.DeafClient, Param: 2}, "1b 2b 3b 4b"},
		{plan.Fault{Kind: plan.DivertClient, Targets: []int{3}, Param: 1}, "3a a3"},
	} {
		f := c.fault
		f.At, f.For = at, lasts
		p := quiet(f)
		p.Nodes, p.Clients = 4, 2
		require.NoError(t, p.Validate())
		Execute(p, Options{LookEvery: 50 * time.Millisecond, Look: func(now time.Duration, cl *cluster.Cluster) {
			want := ""
			if now >= at && now < at+lasts {
				want = c.want
			}
			require.Equal(t, want, blocked(cl.World), "%s %d at %v", f.Kind, f.Param, now)
		}})
	}
}

// Goal: with Leader a fault of the network hits whoever leads when it strikes. Method: the node that is cut off, in clusters
// that elect different leaders, none of which is the plan's target.
func TestLeadersAreIsolated(t *testing.T) {
	leaders := map[int]bool{}
	for seed := range uint64(12) {
		p := quiet(plan.Fault{Kind: plan.Isolate, At: 500 * time.Millisecond, For: 200 * time.Millisecond, Leader: true, Targets: []int{1}})
		p.Seed = seed
		leader := 0
		Execute(p, Options{LookEvery: 50 * time.Millisecond, Look: func(now time.Duration, c *cluster.Cluster) {
			switch now {
			case 450 * time.Millisecond:
				leader = c.Leader()
			case 550 * time.Millisecond:
				for n := 1; n <= 3 && leader != 0; n++ {
					require.Equal(t, n == leader, c.World.IsCut(env.NodeID(n), env.NodeID(1+n%3)) && c.World.IsCut(env.NodeID(n), env.NodeID(1+(n+1)%3)))
				}
			}
		}})
		leaders[leader] = true
	}
	require.True(t, leaders[1] && leaders[2] && leaders[3], "%v", leaders)
}
