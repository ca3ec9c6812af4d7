package live

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Goal: what operators do to a cluster that works goes unnoticed by its clients: it grows from three to five nodes, its
// leader is removed, disks are lost and nodes replaced, the leadership wanders, the leader is stopped in order, and who
// was removed comes back; the history is linearizable, and every operation of a client with a session succeeds.
// Method: the script of membership on real processes under load, with the commands an operator has.
func TestClientsNoticeNothingOfWhatOperatorsDo(t *testing.T) {
	c, err := NewCluster(ClusterConfig{
		Binary: program(t), Dir: t.TempDir(), Name: "live", Nodes: 5, Founders: 3, Flags: []string{"--compact-size", "64KiB"},
	})
	require.NoError(t, err)
	closeAtEnd(t, c)
	require.NoError(t, c.StartAll(patience(t), c.Ids()...))
	l := newLoad(t, c, LoadConfig{Seed: 7, Sessions: true, OpTimeout: time.Minute})
	run := &Run{Cluster: c, Load: l, Watch: newWatch(t, c), Script: Membership(), Log: t.Logf}
	res, err := run.Play(t.Context())
	require.NoError(t, err)
	requireOutcome(t, verdict.Pass, c, res)
	require.Len(t, c.Ids(), 5)
	for i := range res.History.Operations {
		op := &res.History.Operations[i]
		require.Equal(t, history.OK, op.Outcome, "%s of %s: %s", op.Kind, op.Key, op.Error)
	}
}
