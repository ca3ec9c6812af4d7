package placement

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Goal: what commands are told of a node is what reports prove: where it is a member, what is not known, and who cannot do
// without it. Method: two partitions and the metadata group, seen in several ways.
func TestEvidenceIsWhatReportsProve(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 2, Replicas: 3}, 1, 2, 3, 4)
	r.put(1, 1, 1, 2, 3)
	r.put(2, 1, 1, 2, 4)
	r.report(1, 2, 3, 4)
	about := func(id uint64) Evidence { return r.d.Evidence(r.now, r.state(), id) }
	require.Equal(t, Evidence{Answers: true, Unknown: []uint64{1, 2, MetaGroup}}, about(3))

	r.leads(1, 1, 2, 1, voters(1, 2, 3))
	r.leads(1, 2, 2, 1, voters(1, 2, 4))
	r.leads(1, MetaGroup, 2, 1, voters(1, 2, 3))
	r.report(1)
	require.Equal(t, Evidence{Answers: true, Member: []uint64{1, MetaGroup}}, about(3))
	require.Equal(t, Evidence{Answers: true, Member: []uint64{2}}, about(4))
	r.leads(1, 1, 2, 1, voters(1, 2, 3)).Settled = false
	r.report(1)
	require.Equal(t, Evidence{Answers: true, Member: []uint64{2}, Unknown: []uint64{1}}, about(4))

	r.after(4 * time.Second)
	r.report(1, 3)
	require.Equal(t, []uint64{1, 2, MetaGroup}, about(1).Needed, "2 and 4 are silent")
	require.Equal(t, []uint64{1, MetaGroup}, about(3).Needed)
	require.False(t, about(2).Answers)
	require.Equal(t, []uint64{2}, about(2).Needed, "1 and 3 are a majority of the others")
	r.pass(6, 1)
	require.True(t, about(2).Dead)
	require.False(t, about(1).Dead)
}

// Goal: a voter in a log that is lost counts for nobody's majority. Method: a node that rejoined, before it was replaced.
func TestLostLogsAreNoMajority(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 3}, 1, 2, 3)
	r.put(1, 1, 1, 2, 3)
	r.leads(1, 1, 2, 1, voters(1, 2, 3))
	r.report(1, 2, 3)
	require.Empty(t, r.d.Evidence(r.now, r.state(), 3).Needed)
	r.after(4 * time.Second)
	wiped := plain(2)
	wiped.Store = 201
	r.do(Join(r.state(), wiped, true, r.d.Evidence(r.now, r.state(), 2)))
	r.report(1, 3)
	r.d.Heard(r.now, Report{Node: 2, Store: 201})
	require.True(t, r.d.Evidence(r.now, r.state(), 2).Answers)
	require.Equal(t, []uint64{1}, r.d.Evidence(r.now, r.state(), 3).Needed)
}

// Goal: a leader that was heard of before the table changed proves nothing about who is a member now. Method: a node that
// was wanted again for a moment, of which the driver heard nothing.
func TestEvidenceIsOfThePresentEpoch(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 3}, 1, 2, 3, 4)
	r.put(1, 1, 1, 3, 4)
	r.leads(1, 1, 2, 1, voters(1, 3, 4))
	r.leads(1, MetaGroup, 2, 1, voters(1, 2, 3))
	r.report(1, 2, 3, 4)
	about := func(id uint64) Evidence { return r.d.Evidence(r.now, r.state(), id) }
	require.Empty(t, about(2).Unknown)
	r.put(1, 2, 1, 2, 4)
	r.put(1, 3, 1, 3, 4)
	require.Equal(t, []uint64{1}, about(2).Unknown)
	r.leads(1, 1, 2, 3, voters(1, 3, 4))
	r.report(1)
	require.Empty(t, about(2).Unknown)

	r.pass(4, 1, 3, 4)
	require.NotContains(t, about(3).Needed, uint64(1))
	r.put(1, 4, 2, 3)
	require.Contains(t, about(3).Needed, uint64(1), "it is to be on 2 and 3, and 2 is silent")
}
