package core

import (
	"github.com/holdfastdb/holdfast/kv/env"
)

// group is what is known of one Raft group and what waits for it. Leaders and sessions
// are a group's own: ids of sessions are places in its log, so two groups may use the same.
type group struct {
	// id names it in requests.
	id     uint64
	leader leadership
	sess   session
	// waiting operations want a session or room in its window; resting ones pause.
	waiting, resting list
	// touched: it is in Core.touched.
	touched bool

	// dueAt is when its session wants something, and duty its place in Core.duties, -1 for none.
	dueAt env.Instant
	duty  int

	// replicas are the endpoints of the nodes that the routing table places it on, found when
	// Core.aims was aimed; complete: each of them has one. robin is the next one in turn.
	replicas []int
	aimed    uint64
	complete bool
	robin    int
	// unfitUntil says by endpoint when it may again be asked what any may answer: it refused such
	// a read. It may be shorter than the list of endpoints.
	unfitUntil []env.Instant
}

func (c *Core) newGroup(id uint64, now env.Instant) *group {
	g := &group{id: id, leader: nobody, duty: -1, sess: session{window: c.cfg.SessionWindow, used: now}}
	c.groups = append(c.groups, g)
	return g
}

// partition returns the group of a partition of a sharded cluster.
func (c *Core) partition(now env.Instant, number int) *group {
	g := c.routes.groups[number-1]
	if g == nil {
		g = c.newGroup(uint64(number), now)
		c.routes.groups[number-1] = g
		c.guessLeader(now, g)
	}
	return g
}

// touch makes advance look at what waits for the group.
func (c *Core) touch(g *group) {
	if !g.touched {
		g.touched = true
		c.touched = append(c.touched, g)
	}
}

// fit tells whether the endpoint may be asked what any may answer.
func (g *group) fit(now env.Instant, ep int) bool {
	return ep >= len(g.unfitUntil) || g.unfitUntil[ep] <= now
}

// judge sets until when the endpoint is not fit; 0 takes the judgement back.
func (g *group) judge(ep int, until env.Instant) {
	if until == 0 && ep >= len(g.unfitUntil) {
		return
	}
	for ep >= len(g.unfitUntil) {
		g.unfitUntil = append(g.unfitUntil, 0)
	}
	g.unfitUntil[ep] = until
}

// forget takes back all that the group knows of an endpoint's number: another node gets it.
func (g *group) forget(ep int) {
	if g.leader.ep == ep {
		g.leader = nobody
	}
	g.judge(ep, 0)
}
