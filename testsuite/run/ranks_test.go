package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: ranked links hold messages back by their ranks, half of the links not at all, another order other links, and all of that ends with the
// fault. Method: messages before, in and after a fault, each handed to the nemesis.
func TestRankedLinksHoldMessagesBack(t *testing.T) {
	const begin, end = 300 * time.Millisecond, 700 * time.Millisecond
	late := func(order int64) map[link]time.Duration {
		p := quiet(plan.Fault{Kind: plan.RankLinks, At: begin, For: end - begin, Param: order})
		out := make(map[link]time.Duration)
		outside := 0
		r := Execute(p, Options{})
		require.EqualValues(t, 1, r.Verdict.Evidence.Count(plan.RankLinks.Counter()))
		n := &nemesis{runner: &runner{plan: p, world: netsim.New(1, netsim.DefaultConfig())}}
		s := &strike{fault: &p.Faults[0]}
		for _, active := range [][]*strike{nil, {s}, nil} {
			n.active = active
			s.ranks = n.ranks(order)
			for from := env.NodeID(1); from <= 3; from++ {
				for to := env.NodeID(1); to <= 3; to++ {
					m := netsim.Message{From: from, To: to}
					n.sent(&m)
					if len(active) == 0 && m.Delay != 0 {
						outside++
					} else if m.Delay > 0 {
						out[link{from, to}] = m.Delay
					}
				}
			}
		}
		require.Zero(t, outside)
		return out
	}
	one, two := late(1), late(2)
	require.Len(t, one, 3, "of six links half")
	require.NotEqual(t, one, two)
	longest := time.Duration(0)
	seen := make(map[time.Duration]bool)
	for _, d := range one {
		longest = max(longest, d)
		seen[d] = true
	}
	require.Len(t, seen, 3, "each has a rank of its own")
	require.Equal(t, 300*time.Millisecond, longest, "one and a half election timeouts")
	require.Equal(t, one, late(1))
}
