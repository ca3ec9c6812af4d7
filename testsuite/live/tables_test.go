package live

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// table is a table of a version, in which partition 1 has an epoch and its nodes.
func table(version, epoch uint64, nodes ...uint64) *kvpb.PlacementResponse {
	return &kvpb.PlacementResponse{
		Code: kvpb.Code_OK, TableVersion: version, Partitions: 1, Replicas: uint32(len(nodes)),
		Groups: []*kvpb.PlacedGroup{{Group: 1, Epoch: epoch, Wanted: nodes}},
	}
}

// Goal: tables only get newer within a process, their epochs too, and one version is one table; a new process may know less.
// Method: sequences of answers.
func TestTablesThatContradictAreViolations(t *testing.T) {
	type answer struct {
		node  uint64
		start int
		table *kvpb.PlacementResponse
	}
	gone := table(4, 2, 1, 2)
	gone.Groups = nil
	driven := table(3, 2, 1, 2)
	driven.Driver, driven.Groups[0].Phase, driven.Groups[0].Holds, driven.Groups[0].Leader = true, "ok", []uint64{1, 2}, 1
	none := table(1, 1, 1, 2)
	none.Code = kvpb.Code_UNAVAILABLE
	for name, c := range map[string]struct {
		answers []answer
		want    string
	}{
		"newer":                 {[]answer{{1, 1, table(3, 2, 1, 2)}, {1, 1, table(3, 2, 1, 2)}, {1, 1, table(4, 3, 2, 1)}, {2, 1, table(3, 2, 1, 2)}}, ""},
		"a new process":         {[]answer{{1, 1, table(4, 3, 1, 2)}, {1, 2, table(3, 2, 1, 2)}}, ""},
		"the driver's words":    {[]answer{{1, 1, table(3, 2, 1, 2)}, {2, 1, driven}}, ""},
		"no table":              {[]answer{{1, 1, table(3, 2, 1, 2)}, {1, 1, none}}, ""},
		"the version goes back": {[]answer{{1, 1, table(4, 3, 1, 2)}, {1, 1, table(3, 2, 1, 2)}}, "placement/table-goes-back"},
		"an epoch goes back":    {[]answer{{1, 1, table(3, 2, 1, 2)}, {1, 1, table(4, 1, 1, 2)}}, "placement/epoch-goes-back"},
		"a group goes":          {[]answer{{1, 1, table(3, 2, 1, 2)}, {1, 1, gone}}, "placement/epoch-goes-back"},
		"two tables":            {[]answer{{1, 1, table(3, 2, 1, 2)}, {2, 1, table(3, 2, 2, 1)}}, "placement/two-tables"},
	} {
		all, got := newTables(), ""
		for i, a := range c.answers {
			if v := all.observe(a.node, a.start, a.table); v != nil {
				require.Equal(t, len(c.answers)-1, i, name)
				got = v.Fingerprint
			}
		}
		require.Equal(t, c.want, got, name)
	}
	all := newTables()
	require.Nil(t, all.observe(1, 1, table(4, 3, 1, 2)))
	require.Nil(t, all.version(1, 1, 0), "it has none")
	require.Equal(t, "placement/table-goes-back", all.version(1, 1, 3).Fingerprint, "the status tells it as well")
}
