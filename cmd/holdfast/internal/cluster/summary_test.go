package cluster

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
)

// Goal: the summary has the problems first, those that the driver sees and those that nodes say of themselves. Method: golden, of a cluster in which much
// is wrong, and of one in which nothing is.
func TestSummaryHasTheProblemsFirst(t *testing.T) {
	own := func(s *kvpb.NodeStatus) store.NodeReport {
		s.ClusterName, s.Sharded = "mine", true
		return store.NodeReport{Status: s}
	}
	reports := []store.NodeReport{
		own(&kvpb.NodeStatus{Node: 1, TableVersion: 41}),
		own(&kvpb.NodeStatus{Node: 2, TableVersion: 41, Failure: "no space left on device"}),
		own(&kvpb.NodeStatus{Node: 5, TableVersion: 41, Health: kvpb.Health_REJOINING, HealthReason: "the log is damaged; keep it"}),
		own(&kvpb.NodeStatus{Node: 7, TableVersion: 41, Refused: "refused: node 7 was removed"}), own(&kvpb.NodeStatus{Node: 8}),
		{Endpoint: "127.0.0.1:7003", Err: errors.New("connection refused")},
	}
	sum := summarize(placementOf(sample()), reports)
	require.Equal(t, ""+
		"cluster mine: 4 nodes, 4 partitions with 3 copies each\n"+
		"problem     node 2: it stopped serving: no space left on device\n"+
		"problem     node 5: lost its data and rejoins: the log is damaged\n"+
		"problem     node 7: the cluster does not take it in: node 7 was removed\n"+
		"problem     node 8: it waits to hear from the other nodes of its cluster\n"+
		"problem     nobody leads partition 4: bring back nodes that hold it\n"+
		"problem     node 2 is silent: not heard of for 4s\n"+
		"problem     node 3 is dead: not heard of for 6m40s; what it held is made anew elsewhere, if there are nodes for it\n"+
		"problem     there are 2 nodes for 3 copies: have another one join (`holdfast server --join`)\n"+
		"problem     partition 3: fewer live copies than there should be\n"+
		"nodes       2 up, 1 silent, draining, 1 dead\n"+
		"partitions  1 ok, 1 catching up, 1 under-replicated, 1 unavailable\n"+
		"moving      1 copy to make; 3.0 MiB of 2.5 GiB copied; about 2m10s left\n"+
		"metadata    on nodes 1 2 3, led by node 1: waiting; table 41\n",
		shown(t, func(w *strings.Builder) error { return sum.print(w) }))

	r := sample()
	r.Groups[1], r.Groups[2], r.Groups[3] = r.Groups[0], r.Groups[0], r.Groups[0]
	r.Nodes[1].State, r.Nodes[1].SilentMs, r.Groups[4].Phase = "up", 0, "ok"
	for _, g := range r.Groups {
		g.Wanted, g.Holds = []uint64{1, 2, 5}, []uint64{1, 2, 5}
	}
	require.Contains(t, shown(t, func(w *strings.Builder) error { return summarize(placementOf(r), reports[:1]).print(w) }),
		"node 3 is dead: not heard of for 6m40s; it holds nothing any more: bring it back, or `holdfast cluster remove 3 --force`\n")
	r.Nodes[2].Alive, r.Nodes[2].Dead, r.Nodes[2].SilentMs = true, false, 0
	require.Equal(t, ""+
		"cluster mine: 4 nodes, 4 partitions with 3 copies each\n"+
		"nodes       4 up\n"+
		"partitions  4 ok\n"+
		"moving      nothing\n"+
		"metadata    on nodes 1 2 5, led by node 1: ok; table 41\n",
		shown(t, func(w *strings.Builder) error { return summarize(placementOf(r), reports[:1]).print(w) }))
}

// Goal: `cluster status` shows the summary where there are partitions, and ends with 4 if no driver is found, and shows what is known all the
// same. Method: a fake cluster.
func TestStatusOfAClusterWithPartitions(t *testing.T) {
	c := newFakeShards(t, 3)
	code, out, talk := c.run(patient(t), c.addresses(2), "status")
	require.Zero(t, code, talk)
	require.Equal(t, "cluster mine: 3 nodes, 4 partitions with 3 copies each\nnodes       3 up\npartitions  4 ok\nmoving      nothing\nmetadata    on nodes 2 3 1, led by node 1: ok; table 5\n", out)
	_, out, _ = c.run(patient(t), c.addresses(2), "json", "status")
	var sum Summary
	require.NoError(t, json.Unmarshal([]byte(out), &sum))
	require.True(t, sum.Progress.AtRest)
	require.Empty(t, sum.Problems)
	require.Equal(t, uint64(1), sum.Driver)
	require.Len(t, sum.Nodes, 3)
	c.leader = 0
	code, out, talk = c.run(patient(t), c.addresses(2), "status")
	require.Equal(t, exit.NotApplied, code)
	require.Contains(t, talk, "no node drives the placement at the moment\nnext: ")
	require.Contains(t, out, "problem     "+driverless+"\nnodes       3 up\nmetadata    on nodes 2 3 1")
}

// Goal: many groups are named by a few. Method: one, a few, and many with the metadata group.
func TestManyGroupsAreNamedByAFew(t *testing.T) {
	p := &Placement{}
	add := func(id uint64, metadata bool) {
		p.Groups = append(p.Groups, PlacedGroup{Group: id, Metadata: metadata, Phase: "unavailable"})
	}
	add(1, false)
	require.Equal(t, "partition 1", p.in(placement.PhaseUnavailable))
	for id := uint64(2); id <= 8; id++ {
		add(id, false)
	}
	require.Equal(t, "partitions 1, 2, 3, 4, 5, 6, 7, 8", p.in(placement.PhaseUnavailable))
	add(9, false)
	add(10, false)
	add(99, true)
	require.Equal(t, "the metadata group and partitions 1, 2, 3, 4, 5, 6, 7, 8 and 2 more", p.in(placement.PhaseUnavailable))
	require.Empty(t, p.in(placement.PhaseOK))
}
