package replica

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

// behind makes a group whose follower 3 lacks a committed entry, as its leader's appends do not come through.
func behind(t *testing.T) (g *group, leader, follower *home) {
	g, l := settled(t, 3, nil)
	g.beat(1)
	l.put("k", "v")
	l.turn()
	for range 20 {
		g.withholdAppends()
		g.exchange()
	}
	require.Greater(t, l.r.Raft().Commit(), g.at[2].r.Raft().LastIndex())
	return g, l, g.at[2]
}

func (g *group) withholdAppends() {
	g.mail = slices.DeleteFunc(g.mail, func(m raft.Message) bool { return m.To == 3 && m.Type == raft.MsgAppend })
}

// Goal: a follower that hears its leader, but lacks what was committed, does not call its state fresh, and says for how long it
// was not. Method: heartbeats without appends for two seconds.
func TestLagCountsWhatTheLogLacks(t *testing.T) {
	g, l, f := behind(t)
	began := g.now
	for range 40 {
		g.now = g.now.Add(50 * time.Millisecond)
		l.r.Tick(g.now)
		l.turn()
		g.withholdAppends()
		for _, h := range g.at {
			h.persist()
		}
		for len(g.mail) > 0 {
			g.withholdAppends()
			if len(g.mail) > 0 {
				g.deliver(0)
			}
		}
	}
	require.Equal(t, l.id, f.r.Raft().Leader())
	require.GreaterOrEqual(t, f.r.Lag(g.now), g.now.Sub(began))
}

// Goal: a read that a follower was granted does not wait forever for its entry. Method: a follower that lacks the entry
// is granted a read at it, and is cut off.
func TestGrantedReadsOfAFollowerEnd(t *testing.T) {
	g, _, f := behind(t)
	rd := f.reader("k")
	f.r.ReadHere(rd)
	f.turn()
	for len(g.mail) > 0 {
		g.withholdAppends()
		if len(g.mail) > 0 {
			g.deliver(0)
		}
	}
	require.Equal(t, 1, f.r.reads.granted.len())
	g.alone[3] = true
	until := f.r.grantDeadline()
	for f.r.grantDeadline() <= until {
		require.LessOrEqual(t, f.r.Deadline(), until)
		g.now = max(g.now, f.r.Deadline())
		f.r.Tick(g.now)
		f.turn()
	}
	require.Equal(t, until, g.now)
	require.Zero(t, f.r.reads.waiting)
	require.Equal(t, NotLeader, rd.drop)
	require.Equal(t, 1, rd.ends)
}
