package invariant

import "github.com/holdfastdb/holdfast/checker/verdict"

// Position is where a replica stands.
type Position struct {
	Term, Commit, Applied uint64
}

// Progress: within one incarnation of a replica, term, commit and applied
// index never go back, and nothing is applied that is not committed; within
// one leadership, what a leader knows of a follower's log (match) never goes
// back.
//
// After a restart they may be lower than they were in memory: what may not be
// lost is what a message has promised, which Recovery checks.
type Progress struct {
	positions map[Replica]Position
	matches   map[follower]match
}

type follower struct {
	leader Replica
	peer   uint64
}

type match struct{ term, index uint64 }

// NewProgress returns an oracle that has seen nothing.
func NewProgress() *Progress {
	return &Progress{positions: make(map[Replica]Position), matches: make(map[follower]match)}
}

// Observe is told where a replica stands now.
func (o *Progress) Observe(r Replica, now Position) *verdict.Violation {
	was := o.positions[r]
	o.positions[r] = now
	for _, field := range []struct {
		name     string
		was, now uint64
	}{{"term", was.Term, now.Term}, {"commit", was.Commit, now.Commit}, {"applied", was.Applied, now.Applied}} {
		if field.now < field.was {
			return verdict.Violationf(OracleProgress, field.name,
				"node %d of group %d: %s went back from %d to %d", r.Node, r.Group, field.name, field.was, field.now).
				On(r.Group, r.Node)
		}
	}
	if now.Applied > now.Commit {
		return verdict.Violationf(OracleProgress, "applied-uncommitted",
			"node %d of group %d has applied up to %d, but knows only entries up to %d as committed",
			r.Node, r.Group, now.Applied, now.Commit).On(r.Group, r.Node)
	}
	return nil
}

// ObserveRestart is told that a replica has started anew, and where.
func (o *Progress) ObserveRestart(r Replica, now Position) { o.positions[r] = now }

// ObserveMatch is told what the leader of a term knows to be durable in a
// peer's log.
func (o *Progress) ObserveMatch(leader Replica, term, peer, index uint64) *verdict.Violation {
	key := follower{leader, peer}
	was := o.matches[key]
	o.matches[key] = match{term, index}
	if was.term != term || index >= was.index {
		return nil
	}
	return verdict.Violationf(OracleProgress, "match",
		"node %d, leader of group %d in term %d: match of node %d went back from %d to %d",
		leader.Node, leader.Group, term, peer, was.index, index).On(leader.Group, leader.Node)
}

// ForgetPeer drops what a leader knows of a peer that left the group.
func (o *Progress) ForgetPeer(leader Replica, peer uint64) { delete(o.matches, follower{leader, peer}) }
