package live

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// settledOn is a cluster at rest: partition 1 and the metadata are on nodes 1, 2 and 3, node 4 has nothing, node 5 was removed.
func settledOn() *resting {
	placed := func() *kvpb.PlacementResponse {
		p := &kvpb.PlacementResponse{Driver: true, TableVersion: 9, Partitions: 1, Replicas: 3, Groups: []*kvpb.PlacedGroup{
			{Group: 1, Epoch: 4, Wanted: []uint64{1, 2, 3}, Phase: "ok"}, {Group: 7, Metadata: true, Wanted: []uint64{1, 2, 3}, Phase: "ok"},
		}}
		for id := range uint64(5) {
			p.Nodes = append(p.Nodes, &kvpb.PlacedNode{Node: id + 1, State: stateUp, Alive: true, SilentMs: 100})
		}
		p.Nodes[4] = &kvpb.PlacedNode{Node: 5, State: stateRemoved}
		return p
	}
	r := &resting{before: placed(), after: placed(), statuses: map[uint64]*kvpb.NodeStatus{4: {}}, since: time.Second}
	for id := range uint64(3) {
		s := &kvpb.NodeStatus{}
		for _, group := range []uint64{1, 7} {
			g := &kvpb.GroupStatus{Group: group, Replica: id + 1, Role: "follower", Term: 3}
			if id == 0 {
				g.Role = roleLeader
			}
			for m := range uint64(3) {
				g.Configuration = append(g.Configuration, &kvpb.GroupMember{Node: m + 1, Replica: m + 1, Role: kvpb.MemberRole_VOTER})
			}
			s.Groups = append(s.Groups, g)
		}
		r.statuses[id+1] = s
	}
	return r
}

// Goal: whatever is not as the table has it at rest is a violation, and a cluster that is as it is to be has none.
// Method: a cluster at rest, changed in one thing at a time.
func TestWhatIsWrongAtRestIsAViolation(t *testing.T) {
	require.Nil(t, settledOn().compare())
	leader := func(r *resting, at int) *kvpb.GroupStatus { return r.statuses[1].Groups[at] }
	for name, c := range map[string]struct {
		change func(r *resting)
		want   string
	}{
		"a node is to hold it twice": {func(r *resting) { r.after.Groups[0].Wanted = []uint64{1, 2, 2} }, "placement/one-node-twice"},
		"two members on a node":      {func(r *resting) { leader(r, 0).Configuration[2].Node = 2 }, "placement/one-node-twice"},
		"wanted on a removed node":   {func(r *resting) { r.after.Groups[0].Wanted[2] = 5 }, "placement/on-a-removed-node"},
		"a member on a removed node": {func(r *resting) {
			leader(r, 1).Configuration = append(leader(r, 1).Configuration, &kvpb.GroupMember{Node: 5})
		}, "placement/on-a-removed-node"},
		"no replica":        {func(r *resting) { r.statuses[3].Groups = r.statuses[3].Groups[1:] }, "placement/not-as-planned"},
		"a replica is left": {func(r *resting) { r.statuses[4].Groups = []*kvpb.GroupStatus{{Group: 1, Replica: 44}} }, "placement/not-as-planned"},
		"a learner":         {func(r *resting) { leader(r, 0).Configuration[1].Role = kvpb.MemberRole_LEARNER }, "placement/not-as-planned"},
		"a member too many": {func(r *resting) {
			leader(r, 0).Configuration = append(leader(r, 0).Configuration, &kvpb.GroupMember{Node: 4})
		}, "placement/not-as-planned"},
	} {
		r := settledOn()
		c.change(r)
		v := r.compare()
		require.NotNil(t, v, name)
		require.Equal(t, c.want, v.Fingerprint, name)
	}
	r := settledOn()
	r.statuses[4].Groups = []*kvpb.GroupStatus{{Group: 1, Replica: 44, Removed: true}}
	require.Nil(t, r.compare(), "it knows that it is out")
}

// Goal: nothing is judged while anything moves, or is not known. Method: a cluster at rest, changed in one thing at a time.
func TestNothingIsJudgedBeforeRest(t *testing.T) {
	up := []uint64{1, 2, 3, 4}
	require.NoError(t, settledOn().moving())
	require.True(t, settledOn().restful(up))
	for name, change := range map[string]func(r *resting){
		"a phase":               func(r *resting) { r.after.Groups[0].Phase = "cleaning" },
		"a phase before":        func(r *resting) { r.before.Groups[1].Phase = "adding" },
		"a partition not made":  func(r *resting) { r.after.Partitions = 2 },
		"a silent node":         func(r *resting) { r.before.Nodes[3].SilentMs = 1001 },
		"a node never heard of": func(r *resting) { r.before.Nodes[3].Alive = false },
		"no leader":             func(r *resting) { r.statuses[1].Groups[0].Role = "follower" },
	} {
		r := settledOn()
		change(r)
		require.Error(t, r.moving(), name)
	}
	require.False(t, settledOn().restful([]uint64{1, 2, 3}), "node 4 is down")
	r := settledOn()
	r.after.Nodes[3].State, r.after.Nodes[2].State = "draining", "draining"
	require.False(t, r.restful(up), "two of three nodes may hold partitions")
}
