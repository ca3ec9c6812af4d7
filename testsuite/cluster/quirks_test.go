package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// blind is a watcher that sees nothing.
type blind struct{}

func (blind) Recovered(*Member)                                {}
func (blind) AfterTurn(*Member)                                {}
func (blind) Answering(*Member, raft.GroupID, uint64)          {}
func (blind) Sending(*Member, env.NodeID, env.Channel, []byte) {}
func (blind) Reading(*Member, raft.GroupID) func()             { return func() {} }

// start starts one node with quirks, which lasts for ten seconds.
func start(t *testing.T, q plan.Quirks) (*netsim.World, *Cluster, *host) {
	p := plan.Draw(1)
	p.Nodes, p.Spares, p.HealAt, p.Quirks = 1, 0, 10*time.Second, q
	p.Settings.Priorities = nil
	w := netsim.New(1, netsim.DefaultConfig())
	c := New(w, p, blind{})
	require.NoError(t, c.Start())
	m := c.Member(1)
	return w, c, &host{Host: m.Process.Host(), member: m, quirks: newQuirks(m)}
}

// told is a job that notes when it ran and when its end was told.
type told struct {
	w         *netsim.World
	ran, done env.Instant
	order     *[]*told
}

func (j *told) Run() { j.ran = j.w.Now() }
func (j *told) Done() {
	j.done = j.w.Now()
	*j.order = append(*j.order, j)
}

// Goal: late ends of jobs come in the order of the jobs (ENV-3), all of them, and some really late. Method: many jobs on one lane.
func TestLateEndsKeepTheirOrder(t *testing.T) {
	w, c, h := start(t, plan.Quirks{LateDone: 0.2})
	var submitted, order []*told
	for range 60 {
		j := &told{w: w, order: &order}
		submitted = append(submitted, j)
		h.Submit(env.LaneFetch, j)
	}
	w.RunUntil(env.Instant(9 * time.Second))
	require.Equal(t, submitted, order)
	late := 0
	for _, j := range order {
		require.GreaterOrEqual(t, j.done, j.ran)
		if j.done.Sub(j.ran) > time.Millisecond {
			late++
		}
	}
	require.Greater(t, late, 5)
	require.Positive(t, c.Quirked(LateDone))
}

// Goal: what an incarnation was not told of is never told to the next (ENV-4). Method: crash while ends are late.
func TestCrashForgetsLateEnds(t *testing.T) {
	w, c, h := start(t, plan.Quirks{LateDone: 1})
	var order []*told
	j := &told{w: w, order: &order}
	h.Submit(env.LaneFetch, j)
	for j.ran == 0 {
		require.True(t, w.RunUntil(w.Now().Add(10*time.Microsecond)))
	}
	w.RunUntil(w.Now().Add(200 * time.Microsecond))
	require.Empty(t, order)
	require.NoError(t, c.Process(1).Restart())
	w.RunUntil(env.Instant(9 * time.Second))
	require.Empty(t, order)
}

// Goal: a full queue refuses what follows on the same channel to the same node for a while, and nothing else, and no quirk happens after
// healing. Method: send at one time, at others, and to others.
func TestFullQueueRefusesOneChannelForAWhile(t *testing.T) {
	w, _, h := start(t, plan.Quirks{FullQueue: 1})
	q := h.quirks
	require.True(t, q.refuses(0, 2, env.ChannelLog))
	until := q.full[queue{2, env.ChannelLog}]
	require.Positive(t, until)
	q.FullQueue = 1e-300 // none by itself any more
	require.True(t, q.refuses(until-1, 2, env.ChannelLog))
	require.False(t, q.refuses(until, 2, env.ChannelLog))
	require.False(t, q.refuses(0, 2, env.ChannelControl))
	require.False(t, q.refuses(0, 3, env.ChannelLog))
	q.FullQueue = 1
	require.False(t, q.refuses(0, netsim.FirstClient, env.ChannelControl))
	w.RunUntil(env.Instant(11 * time.Second))
	require.False(t, q.refuses(until+1, 2, env.ChannelLog))
}
