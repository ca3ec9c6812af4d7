package run

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// course executes the plan that suited makes of a kind and returns what describe says of the cluster, each text once, from the time
// of the fault on.
func course(t *testing.T, kind plan.FaultKind, describe func(*cluster.Cluster) string) string {
	p := suited(kind)
	var texts []string
	r := Execute(p, Options{LookEvery: 10 * time.Millisecond, Look: func(now time.Duration, c *cluster.Cluster) {
		text := describe(c)
		if now >= p.Faults[0].At-10*time.Millisecond && text != "" && (len(texts) == 0 || texts[len(texts)-1] != text) {
			texts = append(texts, text)
		}
	}})
	require.Equal(t, verdict.Pass, r.Verdict.Outcome, "%v", r.Verdict.Reasons)
	return strings.Join(texts, " > ")
}

// members names the members of the group as its leader has them: voters, and learners with an l.
func members(c *cluster.Cluster) string {
	leader := c.Leader()
	if leader == 0 {
		return ""
	}
	config := c.Member(leader).Replica(node.TheGroup).Raft().CommittedConfiguration()
	if config.Joint() {
		return "joint"
	}
	out := ""
	for n := uint64(1); n <= uint64(c.Size()); n++ {
		m, ok := config.OnNode(n)
		switch {
		case ok && m.Voter:
			out += fmt.Sprint(n)
		case ok:
			out += fmt.Sprintf("%dl", n)
		}
	}
	return out
}

// Goal: each change of members does to the configuration what it says. Method: the configurations that the leader has in the course of
// each, of a group of three nodes and perhaps a spare.
func TestChangesOfMembersTakeEffect(t *testing.T) {
	for kind, want := range map[plan.FaultKind]string{
		plan.AddNode:    "123 > 1234l > 1234",
		plan.RemoveNode: "123 > 12",
		plan.Promote:    "123 > 1234l > 1234",
		plan.Demote:     "123 > 123l",
		plan.Replace:    "123 > 1234l > 1234 > 124",
	} {
		got := course(t, kind, members)
		require.Equal(t, want, strings.ReplaceAll(got, " > joint", ""), "%s", kind)
	}
	leaders := course(t, plan.TransferLeader, func(c *cluster.Cluster) string { return strings.TrimPrefix(fmt.Sprint(c.Leader()), "0") })
	require.Contains(t, leaders, " > ", "the leadership goes to another node")
}

// Goal: each change of nodes does to the table what it says. Method: what the table of node 1 says of the target in the course of each.
func TestChangesOfNodesTakeEffect(t *testing.T) {
	for kind, want := range map[plan.FaultKind]string{
		plan.Join:     "absent > up 100",
		plan.Drain:    "up 100 > draining 100 > up 100",
		plan.Retire:   "up 100 > draining 100 > removed 100",
		plan.Reweight: "up 100 > up 50",
		plan.Rezone:   "up 100 > up 100 z50",
	} {
		target := uint64(3)
		if kind == plan.Join {
			target = 4
		}
		require.Equal(t, want, course(t, kind, func(c *cluster.Cluster) string {
			m := c.Alive(1)
			if m == nil || m.Table() == nil {
				return ""
			}
			for _, n := range m.Table().Nodes {
				if n.ID == target {
					return strings.TrimSpace(fmt.Sprintf("%s %d %s", n.State, n.Weight, n.Zone))
				}
			}
			return "absent"
		}), "%s", kind)
	}
}
