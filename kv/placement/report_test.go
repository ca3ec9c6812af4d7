package placement

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/canon"
)

func sortedReplicas(replicas []Replica) []Replica {
	return slices.SortedFunc(slices.Values(replicas), func(a, b Replica) int { return cmp.Compare(a.Node, b.Node) })
}

func sampleReport() Report {
	return Report{
		Node: 3, Store: 1<<64 - 1, Address: "10.0.0.3:7000", Replicas: []ReplicaReport{
			{Group: 1, Replica: 3, Term: 4, Epoch: 2, Generation: 1<<32 - 1, Index: 1<<64 - 1, Bytes: 9},
			{
				Group: 1024, Replica: uint64(raft.MakeReplicaID(3, 2)), Term: 9, Epoch: 1, Generation: 2, Leader: true, Settled: true,
				Members: []MemberReport{
					{Replica: 1, Voter: true, CaughtUp: true, Match: 7},
					{Replica: 2, Outgoing: true, Store: 200},
					{Replica: uint64(raft.MakeReplicaID(3, 2)), Voter: true, Outgoing: true},
				},
			},
			{Group: MetaGroup, Replica: 3, Leader: true},
		},
	}
}

// Goal: a report survives its encoding. Method: one with every field and flag.
func TestReportSurvivesTheCodec(t *testing.T) {
	r := sampleReport()
	got, err := DecodeReport(AppendReport(nil, &r))
	require.NoError(t, err)
	require.Equal(t, r, got)
	require.Equal(t, uint64(3), r.Replicas[1].Members[2].Node())
}

// Goal: what is not exactly one report is refused. Method: cut everywhere, and one fault at a time.
func TestDamagedReportsAreRefused(t *testing.T) {
	r := sampleReport()
	whole := AppendReport(nil, &r)
	for k := range whole {
		_, err := DecodeReport(whole[:k])
		require.ErrorIs(t, err, canon.ErrShort, "cut at %d", k)
	}
	_, err := DecodeReport(append(whole[:len(whole):len(whole)], 0))
	require.ErrorIs(t, err, canon.ErrTrailing)
	_, err = DecodeReport(make([]byte, MaxReport+1))
	require.ErrorIs(t, err, canon.ErrTooLarge)
	for name, x := range map[string]struct {
		spoil func(*Report)
		want  error
	}{
		"nobody":         {func(r *Report) { r.Node = 0 }, errForm},
		"of another":     {func(r *Report) { r.Replicas[0].Replica = 4 }, errForm},
		"follower":       {func(r *Report) { r.Replicas[0].Settled = true }, errForm},
		"group twice":    {func(r *Report) { r.Replicas[1].Group = 1 }, errOrder},
		"no such group":  {func(r *Report) { r.Replicas[1].Group = 1025 }, errOrder},
		"members":        {func(r *Report) { r.Replicas[1].Members[1].Replica = 1 }, errOrder},
		"too many":       {func(r *Report) { r.Replicas[1].Members = make([]MemberReport, 33) }, canon.ErrTooLarge},
		"a long address": {func(r *Report) { r.Address = string(make([]byte, MaxAddress+1)) }, canon.ErrTooLarge},
	} {
		r := sampleReport()
		x.spoil(&r)
		_, err := DecodeReport(AppendReport(nil, &r))
		require.ErrorIs(t, err, x.want, name)
	}
	flags := AppendReport(nil, &Report{Node: 1, Store: 1, Replicas: []ReplicaReport{{Group: 1, Replica: 1}}})
	flags[len(flags)-1] = 4
	_, err = DecodeReport(flags)
	require.ErrorIs(t, err, errFlags)
}

// Goal: whatever decodes encodes to the same bytes. Method: fuzz.
func FuzzReport(f *testing.F) {
	r := sampleReport()
	f.Add(AppendReport(nil, &r))
	f.Add(AppendReport(nil, &Report{Node: 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeReport(b)
		if err != nil {
			return
		}
		require.Equal(t, b, AppendReport(nil, &r))
	})
}
