package cluster

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

func managed(c *fakeCluster) (actions []kvpb.NodeAction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.shards.managed {
		actions = append(actions, m.Action)
	}
	return actions
}

// Goal: CLUS-1, a drain follows the hint to the driver, waits until the node holds nothing, says how far it is, and is done at once when given
// again; the same of a removal, which drains first. Method: a fake cluster in which things move by a step a look, behind a node that
// does not drive.
func TestDrainAndRemoveWaitUntilTheNodeIsEmpty(t *testing.T) {
	c := newFakeShards(t, 4)
	code, out, talk := c.run(patient(t), c.addresses(3), "drain", "4")
	require.Zero(t, code, talk)
	require.Equal(t, "Node 4 is drained: it holds nothing any more.\n", out)
	require.Contains(t, talk, "node 4: 3 partitions left; 1.0 MiB of 4.0 MiB copied; about 12s left\n")
	require.Contains(t, talk, "node 4: 1 partition left")
	require.False(t, c.shards.holds(4))
	code, out, talk = c.run(patient(t), c.addresses(3), "json", "drain", "4")
	require.Zero(t, code, talk)
	require.JSONEq(t, `{"done":true}`, out)
	require.Empty(t, talk)

	c = newFakeShards(t, 5)
	code, out, talk = c.run(patient(t), c.addresses(2), "remove", "1")
	require.Zero(t, code, talk)
	require.Equal(t, "Node 1 is removed.\n", out)
	require.Contains(t, talk, "node 1: 2 partitions and the metadata group left")
	require.Equal(t, []kvpb.NodeAction{kvpb.NodeAction_DRAIN, kvpb.NodeAction_RETIRE}, managed(c))
	for _, line := range []string{"remove 1", "remove 1 --force"} {
		code, out, talk = c.run(patient(t), c.addresses(2), strings.Fields(line)...)
		require.Zero(t, code, talk)
		require.Equal(t, "Node 1 is removed.\n", out)
		require.Empty(t, talk)
	}
	require.Len(t, managed(c), 2)
}

// Goal: what is only to be recorded is answered when it is, as often as it is asked. Method: each such command twice.
func TestRecordedChanges(t *testing.T) {
	c := newFakeShards(t, 4)
	for _, x := range []struct {
		line, out string
		want      *kvpb.ManageNodeRequest
	}{
		{"drain 4 --no-wait", "Node 4 is being drained; `holdfast cluster rebalance --watch` shows how far it is.\n", &kvpb.ManageNodeRequest{Node: 4, Action: kvpb.NodeAction_DRAIN}},
		{"undrain 4", "Node 4 is in use.\n", &kvpb.ManageNodeRequest{Node: 4, Action: kvpb.NodeAction_UNDRAIN}},
		{"weight 2 250", "Node 2 has weight 250 now.\n", &kvpb.ManageNodeRequest{Node: 2, Action: kvpb.NodeAction_SET_WEIGHT, Weight: 250}},
		{"zone 2 rack-100%d", "Node 2 is in zone rack-100%d now.\n", &kvpb.ManageNodeRequest{Node: 2, Action: kvpb.NodeAction_SET_ZONE, Zone: "rack-100%d"}},
	} {
		for range 2 {
			code, out, talk := c.run(patient(t), c.addresses(2, 3), strings.Fields(x.line)...)
			require.Zero(t, code, talk)
			require.Equal(t, x.out, out)
			got := c.shards.managed[len(c.shards.managed)-1]
			require.Equal(t, x.want.String(), got.String())
		}
	}
	_, out, _ := c.run(patient(t), c.addresses(1), "zone", "2", "")
	require.Equal(t, "Node 2 is in no zone now.\n", out)
	_, out, _ = c.run(patient(t), c.addresses(1), "json", "weight", "2", "1")
	require.JSONEq(t, `{"done":true}`, out)
	_, out, _ = c.run(patient(t), c.addresses(1), "json", "drain", "2", "--no-wait")
	require.JSONEq(t, `{"done":false}`, out)
}

// Goal: what the cluster refuses ends with 6 and its reason; a removal goes on where only waiting helps. Method: refusals, among them one that
// comes to an end.
func TestRefusals(t *testing.T) {
	c := newFakeShards(t, 4)
	for line, text := range map[string]string{
		"drain 9":          "cannot drain node 9: there is no node of that id (nothing was changed)",
		"undrain 9":        "cannot undrain node 9: there is no node",
		"weight 9 5":       "cannot set the weight of node 9: there is no node",
		"zone 9 x":         "cannot set the zone of node 9: there is no node",
		"remove 9":         "cannot remove node 9: there is no node",
		"remove 3 --force": "cannot remove node 3: the node is not known to be dead",
	} {
		code, out, talk := c.run(patient(t), c.addresses(1), strings.Fields(line)...)
		require.Equal(t, exit.Denied, code, line)
		require.Contains(t, talk, text)
		require.Contains(t, talk, "\nnext: `holdfast cluster nodes`")
		require.Empty(t, out)
	}
	require.Empty(t, managed(c))
	times := 0
	c.shards.refuse = func(req *kvpb.ManageNodeRequest) string {
		if req.Action == kvpb.NodeAction_RETIRE {
			if times++; times < 4 {
				return "refused: node 4 still holds partition 2: wait until it is drained"
			}
		}
		return ""
	}
	code, _, talk := c.run(patient(t), c.addresses(1), "remove", "4")
	require.Zero(t, code, talk)
	require.Equal(t, 1, strings.Count(talk, "node 4 is empty, and not removed yet: node 4 still holds partition 2"), talk)
	c.shards.node(3).Alive = false
	code, out, talk := c.run(patient(t), c.addresses(1), "remove", "3", "--force")
	require.Zero(t, code, talk)
	require.Equal(t, "Node 3 is removed.\n", out)
	require.NotContains(t, managed(c)[2:], kvpb.NodeAction_DRAIN)
}

// Goal: CLUS-2, a drain that gets nowhere, and one that is interrupted, end with 5 and say what goes on; one that somebody took back ends with
// 1. Method: a cluster that stands still; the user's interruption; another operator.
func TestDrainThatDoesNotGetOn(t *testing.T) {
	c := newFakeShards(t, 4)
	c.shards.still = true
	code, out, talk := c.run(patient(t), c.addresses(1), "drain", "4", "--wait", "50ms")
	require.Equal(t, exit.Unknown, code)
	require.Empty(t, out)
	require.Contains(t, talk, "cannot drain node 4 at the moment: nothing has moved for 50ms; node 4: 3 partitions left; about 12s left\nnext: what has begun goes on by itself")
	ctx, cancel := context.WithCancel(patient(t))
	looks := 0
	c.shards.asked = func() {
		if looks++; looks == 3 {
			cancel()
		}
	}
	code, _, talk = c.run(ctx, c.addresses(1), "remove", "4")
	require.Equal(t, exit.Unknown, code)
	require.Contains(t, talk, "before it was interrupted: remove node 4")
	looks = 0
	c.shards.asked = func() {
		if looks++; looks == 3 {
			c.shards.node(4).State = "up"
		}
	}
	code, _, talk = c.run(patient(t), c.addresses(1), "drain", "4")
	require.Equal(t, exit.Failure, code)
	require.Contains(t, talk, "node 4 is not drained any more: somebody took it back into use")
}

// Goal: CLUS-4, a drain goes on while the driver is away or changes, and does not take a node for empty that another one only believes to be. Method: no
// driver at first, then another one, then one that does not know who leads a group.
func TestDrainOutlivesTheDriver(t *testing.T) {
	c := newFakeShards(t, 4)
	looks := 0
	c.shards.asked = func() {
		switch looks++; looks {
		case 2:
			c.leader = 2
		case 4:
			c.shards.still = true
			for _, g := range c.shards.groups {
				g.Wanted = []uint64{1, 2, 3}
				g.Holds = []uint64{1, 2, 3}
			}
			c.shards.groups[1].Leader, c.shards.groups[1].Holds = 0, nil
		case 6:
			c.shards.still = false
			c.shards.groups[1].Leader = 2
		}
	}
	code, _, talk := c.run(patient(t), c.addresses(3), "drain", "4")
	require.Zero(t, code, talk)
	require.Contains(t, talk, "nothing left; about 12s left; nobody leads 1 group at the moment")
	require.GreaterOrEqual(t, looks, 6)
	require.False(t, c.shards.holds(4))
}

// Goal: it is said beforehand that there will be fewer copies, and only then. Method: three and four nodes.
func TestDrainingWarnsOfFewerCopies(t *testing.T) {
	c := newFakeShards(t, 3)
	code, _, talk := c.run(patient(t), c.addresses(1), "drain", "3")
	require.Zero(t, code, talk)
	require.Contains(t, talk, "warning: without node 3 there are 2 nodes for 3 copies: partitions will have 2 copies until another node joins\n")
	_, _, talk = c.run(patient(t), c.addresses(1), "drain", "3")
	require.NotContains(t, talk, "warning", "it is drained already")
	c = newFakeShards(t, 4)
	_, _, talk = c.run(patient(t), c.addresses(1), "drain", "3")
	require.NotContains(t, talk, "warning")
}

// Goal: CLUS-7, commands of the one kind of cluster are refused in the other with what to do instead, before anything is changed. Method: all of them.
func TestCommandsOfTheOtherKindOfCluster(t *testing.T) {
	c := newFakeShards(t, 3)
	joining := c.start(4)
	for line, next := range map[string]string{
		"add 4=" + joining.address: "holdfast server --id 4 --join " + c.nodes[1].address + " --listen " + joining.address,
		"promote 2":                "`holdfast cluster drain NODE`", "demote 2": "`holdfast cluster drain NODE`",
		"priority 2 5": "leaders follow the placement", "transfer-leader": "leaders follow the placement", "transfer-leader 2": "leaders follow the placement",
	} {
		code, out, talk := c.run(patient(t), c.addresses(1, 2), strings.Fields(line)...)
		require.Equal(t, exit.Denied, code, talk)
		require.Contains(t, talk, "has partitions")
		require.Contains(t, talk, next, line)
		require.Empty(t, out)
	}
	require.Zero(t, c.counted())
	one := newFakeCluster(t, 1)
	for _, line := range []string{"drain 1", "undrain 1", "weight 1 5", "zone 1 a"} {
		code, _, talk := one.run(patient(t), one.addresses(1), strings.Fields(line)...)
		require.Equal(t, exit.Denied, code, talk)
		require.Contains(t, talk, "this cluster has no partitions, it is one group (nothing was changed)\nnext: `holdfast cluster status`")
	}
	sharded := one.start(4)
	sharded.status = func() *kvpb.NodeStatus { return &kvpb.NodeStatus{Node: 4, Cluster: 7, Store: 1, Sharded: true} }
	code, _, talk := one.run(patient(t), one.addresses(1), "add", "4="+sharded.address)
	require.Equal(t, exit.Denied, code)
	require.Contains(t, talk, "--partitions 0")
	require.Zero(t, one.counted())
}

// Goal: mistakes on the command line are usage errors. Method: a table.
func TestMistakesOfShardedCommandsAreUsageErrors(t *testing.T) {
	c := newFakeShards(t, 3)
	for line, text := range map[string]string{
		"drain x": `"x" is not the id of a node`, "drain": "1 argument", "drain 1 --wait 0s": "must be more than 0", "weight 1": "2 arguments",
		"weight 1 0": "a number from 1 to 1000", "weight 1 1001": "a number from 1 to 1000", "zone 1": "2 arguments",
		"zone 1 " + strings.Repeat("x", 65): "65 bytes", "nodes --timeout 0s": "must be more than 0", "ring --endpoints nowhere": `endpoint "nowhere"`,
		"rebalance --watch --wait 0s": "must be more than 0", "partitions 3": "no arguments",
	} {
		code, _, talk := c.run(patient(t), c.addresses(1), strings.Fields(line)...)
		require.Equal(t, exit.Usage, code, "%s: %s", line, talk)
		require.Contains(t, talk, text, line)
	}
	require.Zero(t, c.counted())
}

// Goal: a watch shows what moves until all is at rest, for people and for programs, and ends with 0 when it is interrupted. Method: a node is being
// drained meanwhile.
func TestWatchEndsWhenAllIsAtRest(t *testing.T) {
	for _, form := range [][]string{{}, {"json"}} {
		c := newFakeShards(t, 4)
		c.shards.node(4).State = "draining"
		code, out, talk := c.run(patient(t), c.addresses(2), append(form, "rebalance", "--watch")...)
		require.Zero(t, code, talk)
		require.Empty(t, talk)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		require.Greater(t, len(lines), 2)
		if len(form) == 0 {
			require.Equal(t, "partitions: 3 ok, 1 catching up; 1 copy to make; 1.0 MiB of 4.0 MiB copied; about 12s left", lines[0])
			require.Equal(t, "partitions: 4 ok; nothing moves", lines[len(lines)-1])
			continue
		}
		for i, line := range lines {
			var g Progress
			require.NoError(t, json.Unmarshal([]byte(line), &g), line)
			require.Equal(t, i == len(lines)-1, g.AtRest)
		}
	}
	c := newFakeShards(t, 4)
	c.shards.groups[0].Phase, c.shards.still = "waiting", true
	ctx, cancel := context.WithCancel(patient(t))
	c.shards.asked = cancel
	code, _, talk := c.run(ctx, c.addresses(1), "rebalance", "--watch")
	require.Zero(t, code, talk)
}

// Goal: CLUS-5, a watch ends with 1 and the reason when nothing moves and something should, and at once where nothing can. Method: a cluster that stands still,
// without and with an excuse, and one whose driver is away.
func TestWatchThatSeesNothingMove(t *testing.T) {
	c := newFakeShards(t, 4)
	c.shards.still = true
	c.shards.groups[0].Phase = "unavailable"
	code, out, talk := c.run(patient(t), c.addresses(1), "rebalance", "--watch", "--wait", "50ms")
	require.Equal(t, exit.Failure, code)
	require.Equal(t, 1, strings.Count(out, "\n"), "said once: %s", out)
	require.Contains(t, talk, "nothing has moved for 50ms, and not all is where it is to be: nobody leads partition 1: bring back nodes that hold it\nnext: ")
	c.leader = 0
	code, out, talk = c.run(patient(t), c.addresses(1), "rebalance", "--watch", "--wait", "50ms")
	require.Equal(t, exit.Failure, code)
	require.Contains(t, out, driverless)
	require.Contains(t, talk, driverless)

	c = newFakeShards(t, 2)
	c.shards.still = true
	for _, g := range c.shards.groups {
		g.Phase = "under-replicated"
	}
	begun := time.Now()
	code, _, talk = c.run(patient(t), c.addresses(1), "rebalance", "--watch", "--wait", "50s")
	require.Equal(t, exit.Failure, code)
	require.Contains(t, talk, "all is where it can be, and not where it is to be: there are 2 nodes for 3 copies: have another one join")
	require.Less(t, time.Since(begun), 40*time.Second, "at once, not after --wait")
}

// Goal: CLUS-4, a driver that was replaced is not believed that a node is empty, nor that somebody took it back. Method: one that tells of a time before the node
// joined, then of one before it was drained, then of now.
func TestADriverThatWasReplacedIsNotBelieved(t *testing.T) {
	r := func(groups []*kvpb.PlacedGroup, nodes ...*kvpb.PlacedNode) *kvpb.PlacementResponse {
		return &kvpb.PlacementResponse{Code: kvpb.Code_OK, Driver: true, Partitions: 1, Replicas: 1, Nodes: nodes, Groups: groups}
	}
	on := func(id uint64) []*kvpb.PlacedGroup {
		return []*kvpb.PlacedGroup{{Group: 1, Wanted: []uint64{id}, Holds: []uint64{id}, Leader: id}, {Group: 9, Metadata: true, Wanted: []uint64{1}, Holds: []uint64{1}, Leader: 1}}
	}
	one := &kvpb.PlacedNode{Node: 1, State: "up"}
	script := []*kvpb.PlacementResponse{
		r(on(1), one), r(on(1), one, &kvpb.PlacedNode{Node: 4, State: "up"}), r(on(4), one, &kvpb.PlacedNode{Node: 4, State: "draining"}),
		r(on(1), one, &kvpb.PlacedNode{Node: 4, State: "draining"}),
	}
	c := newFakeCluster(t, 1)
	m := &Mover{Endpoints: c.addresses(1)}
	emptied := m.emptied(4)
	for i, answer := range script {
		c.nodes[1].placement = answer
		is, _, err := emptied(patient(t))
		require.NoError(t, err)
		require.Equal(t, i == len(script)-1, is, i)
	}
	c.nodes[1].placement = script[1]
	_, _, err := emptied(patient(t))
	require.ErrorContains(t, err, "somebody took it back")
}
