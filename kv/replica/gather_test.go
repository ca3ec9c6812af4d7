package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

// gathering is a group whose first replica leads and whose followers let entries gather.
func gathering(t *testing.T) (g *group, l, f *home) {
	g = newGroup(t, 3, func(c *Config) {
		c.ApplyDelay = 20 * time.Millisecond
		c.MaxApplyBytes, c.Raft.MaxAppendBytes, c.Raft.MaxInflightBytes = 1<<20, 1<<20, 1<<20
	})
	l = g.elect(1)
	g.pass(l, 100*time.Millisecond)
	g.agree()
	return g, l, g.at[1]
}

// Goal: REP-17, a follower applies what gathered when the delay is over and not before, and a leader at once. Method: write one
// entry, look at both, and let the follower's deadline come.
func TestFollowerLetsEntriesGatherForTheDelay(t *testing.T) {
	g, l, f := gathering(t)
	w := l.put("k", "v")
	l.turn()
	g.settle()
	g.beat(1)
	require.True(t, w.ends == 1, "the leader does not wait")
	committed := f.r.Raft().Applicable()
	require.Less(t, f.r.applied, committed, "the follower does")
	require.Equal(t, g.now.Add(20*time.Millisecond), f.r.Deadline())
	g.now = f.r.Deadline()
	f.r.Tick(g.now)
	f.turn()
	g.settle()
	require.Equal(t, committed, f.r.applied)
	require.Equal(t, env.Never, f.r.gatherUntil)
}

// Goal: what must not wait does not: many entries, large ones, and those that somebody waits to read. Method: each of them, with
// no time passing.
func TestGatheringEndsEarly(t *testing.T) {
	for name, do := range map[string]func(l, f *home) *read{
		"many entries": func(l, _ *home) *read {
			for range gatherEntries {
				l.put("k", "v")
			}
			return nil
		},
		"large entries": func(l, _ *home) *read {
			l.put("k", string(make([]byte, gatherBytes/2)))
			l.put("k", string(make([]byte, gatherBytes/2)))
			return nil
		},
		"a stale read": func(l, f *home) *read {
			l.put("k", "v")
			l.turn()
			l.g.settle()
			l.g.beat(1)
			require.Less(t, f.r.applied, l.r.applied)
			return f.get("k", true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, l, f := gathering(t)
			rd := do(l, f)
			l.turn()
			f.turn()
			g.settle()
			g.beat(1)
			require.Equal(t, l.r.applied, f.r.applied)
			require.True(t, rd == nil || string(rd.value.Value) == "v")
		})
	}
}
