package live

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
)

// Goal: real nodes join, leave and die under load, the partitions follow by themselves, and nobody notices but by latency: every operation ends
// well, each key stays in its partition, and all of it is linearizable.
// Method: three nodes with 16 partitions under load; a fourth and a fifth join; one is removed; one is killed with -9 and not started
// again before its replicas are elsewhere, then it comes back. The recorded history is judged.
func TestPartitionsFollowTheNodesUnderLoad(t *testing.T) {
	c, err := NewCluster(ClusterConfig{
		Binary: program(t), Dir: t.TempDir(), Name: "sharded", Nodes: 5, Founders: 3, Partitions: 16, Flags: []string{"--dead-after", "6s"},
	})
	require.NoError(t, err)
	closeAtEnd(t, c)
	ctx := patience(t)
	require.NoError(t, c.StartAll(ctx, 1, 2, 3))
	require.NoError(t, c.AtRest(ctx, 1, 2, 3))

	l := newLoad(t, c, LoadConfig{Seed: 7, Sessions: true, Keys: 60, OpTimeout: 30 * time.Second})
	l.Start()
	type stretch struct {
		what     string
		from, to time.Time
	}
	var stretches []stretch
	phase := func(what string, change func() error) {
		before := time.Now()
		require.NoError(t, change(), what)
		stretches = append(stretches, stretch{what, before, time.Now()})
		_, err := l.Work(ctx, 300)
		require.NoError(t, err)
	}
	phase("before", func() error { _, err := l.Work(ctx, 3000); return err })
	for _, id := range []uint64{4, 5} {
		phase(fmt.Sprintf("node %d joins", id), func() error {
			if err := c.Enlist(ctx, id); err != nil {
				return err
			}
			return c.AtRest(ctx, []uint64{1, 2, 3, 4, 5}[:id]...)
		})
	}
	phase("node 2 is drained and removed", func() error {
		if err := c.Remove(ctx, 2); err != nil {
			return err
		}
		return c.AtRest(ctx, 1, 3, 4, 5)
	})
	phase("node 3 is killed and replaced", func() error {
		if err := c.Kill9(ctx, 3); err != nil {
			return err
		}
		return c.AtRest(ctx, 1, 4, 5)
	})
	phase("before the return", func() error { _, err := l.Work(ctx, 3000); return err })
	phase("node 3 comes back", func() error {
		if err := c.Start(ctx, 3); err != nil {
			return err
		}
		return c.AtRest(ctx, 1, 3, 4, 5)
	})
	l.Stop()
	keys, err := l.FinalReads(ctx)
	require.NoError(t, err)
	require.GreaterOrEqual(t, keys, 60)

	h := l.History()
	for _, x := range stretches {
		pace := PaceOf(h, x.from, x.to)
		t.Logf("%-30s %6d ms, %v", x.what, x.to.Sub(x.from).Milliseconds(), pace)
		require.Positive(t, pace.Rate, "nothing was acknowledged while %s", x.what)
	}
	requireAllWell(t, h)
}

// requireAllWell checks that all operations ended well, each key in one partition, and that the history is linearizable.
func requireAllWell(t *testing.T, h *history.History) {
	t.Helper()
	res := linear.Check(h, linear.Options{})
	require.Empty(t, res.Case().Violations)
	require.Empty(t, res.Undecided)
	partition := map[string]uint64{}
	for i := range h.Operations {
		op := &h.Operations[i]
		require.Equal(t, history.OK, op.Outcome, "operation %d: %s", i, op.Error)
		if p, seen := partition[op.Key]; seen {
			require.Equal(t, p, op.Result.Partition, "key %s moved", op.Key)
		}
		partition[op.Key] = op.Result.Partition
	}
}
