package raft

import "fmt"

// checkpoint is what the replica was at the last check, for the invariants that speak
// of changes. It is kept only by those who check.
type checkpoint struct {
	term, commit, commitTerm, applied uint64
	vote                              ReplicaID
	role                              Role
	last, acked, round                uint64
	abdicated                         bool
	resets, configIndex               uint64
	match                             []peerMatch
	sleeps                            uint64
	asleep                            bool
	leader                            ReplicaID
}

type peerMatch struct {
	id    ReplicaID
	match uint64
}

// CheckInvariants returns an error that names the first invariant of this package that does not hold,
// in the state as it is or in the change since the call before. It costs the
// same however long the log is, so that it can follow every step of a simulation.
func (r *Raft) CheckInvariants() error {
	for _, check := range checks {
		if err := check(r); err != nil {
			return fmt.Errorf("group %d, replica %d, %v of term %d: %w", r.cfg.Group, r.id, r.role, r.term, err)
		}
	}
	r.remember()
	return nil
}

var checks = [...]func(*Raft) error{
	(*Raft).checkLog, (*Raft).checkState, (*Raft).checkPromises, (*Raft).checkLeader, (*Raft).checkReads,
	(*Raft).checkTransfer, (*Raft).checkMembership, (*Raft).checkSnapshots, (*Raft).checkDelta, (*Raft).checkLeaderDelta,
	(*Raft).checkSleep,
}

func (r *Raft) checkLog() error { return r.log.check() }

func (r *Raft) remember() {
	if r.checkpoint == nil {
		r.checkpoint = &checkpoint{}
	}
	c := r.checkpoint
	commitTerm, _ := r.log.termAt(r.commit)
	*c = checkpoint{
		term: r.term, commit: r.commit, commitTerm: commitTerm, applied: r.applied, vote: r.vote, role: r.role,
		last: r.log.last, acked: r.promises.acked, round: r.leading.round, match: c.match[:0],
		resets: r.resets, configIndex: r.ConfigIndex(),
		abdicated: r.leading.abdicated, asleep: r.sleep.asleep, sleeps: r.sleep.count, leader: r.leader,
	}
	for i := range r.peers {
		c.match = append(c.match, peerMatch{r.peers[i].id, r.peers[i].progress.Match()})
	}
}

func (r *Raft) checkState() error {
	switch {
	case r.applied > r.Applicable() || r.Applicable() > r.log.last:
		return fmt.Errorf("RAFT-3: applied %d, applicable %d, last %d", r.applied, r.Applicable(), r.log.last)
	case r.commit > r.log.last:
		return fmt.Errorf("RAFT-3: commit %d beyond the last index %d", r.commit, r.log.last)
	case r.log.lastTerm() > r.term:
		return fmt.Errorf("RAFT-4: the log reaches term %d", r.log.lastTerm())
	case r.following.matched > r.log.last:
		return fmt.Errorf("RAFT-8: %d matched beyond the last index %d", r.following.matched, r.log.last)
	case (r.role == Leader) != (r.leader == r.id):
		return fmt.Errorf("RAFT-2: takes %d for the leader", r.leader)
	}
	return nil
}

func (r *Raft) checkPromises() error {
	if r.promises.acked > r.log.durable {
		return fmt.Errorf("RAFT-8: %d acknowledged but %d durable", r.promises.acked, r.log.durable)
	}
	asked := r.role == Leader || (r.role == Candidate && r.election.solicited)
	if asked && (r.durableState.Term != r.term || r.durableState.Vote != r.id) {
		return fmt.Errorf("RAFT-8: asks for votes or leads, but its vote for %d in term %d is all that is durable",
			r.durableState.Vote, r.durableState.Term)
	}
	if r.durableState.Term > r.term {
		return fmt.Errorf("RAFT-1: durable term %d is above the current one", r.durableState.Term)
	}
	return nil
}

func (r *Raft) checkLeader() error {
	if r.role != Leader {
		return nil
	}
	if r.vote != r.id {
		return fmt.Errorf("RAFT-2: leads with a vote for %d", r.vote)
	}
	if term, ok := r.log.termAt(r.leading.start); r.leading.start > r.log.snapIndex && (!ok || term != r.term || r.log.lastTerm() != r.term) {
		return fmt.Errorf("RAFT-5: its first entry %d is gone or has term %d", r.leading.start, term)
	}
	for i := range r.peers {
		p := &r.peers[i]
		if err := p.progress.Check(); err != nil {
			return fmt.Errorf("RAFT-7: peer %d: %w", p.id, err)
		}
		if p.progress.Match() > r.log.last || p.progress.Next() > r.log.last+1 {
			return fmt.Errorf("RAFT-5: peer %d is ahead of the last index %d: %v", p.id, r.log.last, &p.progress)
		}
	}
	return nil
}

func (r *Raft) checkReads() error {
	s := &r.reads
	remote := len(s.remote) + len(s.confirmingRemote)
	switch {
	case s.pending() > r.cfg.MaxPendingReads || remote > r.cfg.MaxPendingReads:
		return fmt.Errorf("RAFT-10: %d reads and %d of others wait, the bound is %d", s.pending(), remote, r.cfg.MaxPendingReads)
	case r.leader == 0 && s.pending() > 0:
		return fmt.Errorf("RAFT-10: %d reads wait though no leader is known", s.pending())
	case r.role != Leader && len(s.confirming)+remote > 0, r.role == Leader && len(s.asked) > 0:
		return fmt.Errorf("RAFT-10: reads wait for what only another role can do")
	case len(s.confirming)+len(s.confirmingRemote) == 0:
		return nil
	}
	if term, ok := r.log.termAt(s.index); (ok && term != r.term) || s.index > r.commit || s.round > r.leading.round {
		return fmt.Errorf("RAFT-10: reads at index %d of term %d with round %d of %d, commit %d",
			s.index, term, s.round, r.leading.round, r.commit)
	}
	return nil
}

func (r *Raft) checkTransfer() error {
	t := &r.leading.transfer
	switch {
	case r.role != Leader && t.to != 0:
		return fmt.Errorf("RAFT-11: hands over to %d what it does not have", t.to)
	case t.to != 0 && (t.to == r.id || t.until > r.now+r.cfg.ElectionTimeout):
		return fmt.Errorf("RAFT-11: hands over to %d until %v, now is %v", t.to, t.until, r.now)
	case t.told != 0 && !r.leading.abdicated:
		return fmt.Errorf("RAFT-12: told %d to campaign and keeps its lease", t.to)
	case r.leading.abdicated && r.holdsLease():
		return fmt.Errorf("RAFT-12: holds a lease though it told somebody to campaign in this term")
	}
	return nil
}

func (r *Raft) checkDelta() error {
	c := r.checkpoint
	if c == nil {
		return nil
	}
	switch {
	case r.term < c.term || r.commit < c.commit || r.applied < c.applied:
		return fmt.Errorf("RAFT-1: term, commit, applied went from %d, %d, %d to %d, %d, %d",
			c.term, c.commit, c.applied, r.term, r.commit, r.applied)
	case r.term == c.term && c.vote != 0 && r.vote != c.vote:
		return fmt.Errorf("RAFT-2: vote changed from %d to %d", c.vote, r.vote)
	case r.term == c.term && r.promises.acked < c.acked && r.resets == c.resets:
		return fmt.Errorf("RAFT-1: acknowledged index went from %d to %d", c.acked, r.promises.acked)
	case r.term == c.term && c.role != Leader && r.role == Leader && c.vote != r.id:
		return fmt.Errorf("RAFT-2: became leader without a candidacy of its own")
	}
	if term, ok := r.log.termAt(c.commit); c.commit >= r.log.snapIndex && (!ok || term != c.commitTerm) {
		return fmt.Errorf("RAFT-9: committed entry %d of term %d is gone or has term %d", c.commit, c.commitTerm, term)
	}
	return nil
}

// checkLeaderDelta counts the quorum by itself, as an oracle for package quorum.
func (r *Raft) checkLeaderDelta() error {
	c := r.checkpoint
	if r.role != Leader || c == nil {
		return nil
	}
	same := c.role == Leader && c.term == r.term
	if same && (r.log.last < c.last || r.leading.round < c.round) {
		return fmt.Errorf("RAFT-5: last index or round went from %d, %d to %d, %d", c.last, c.round, r.log.last, r.leading.round)
	}
	if same && c.abdicated && !r.leading.abdicated {
		return fmt.Errorf("RAFT-12: forgot that it told somebody to campaign in this term")
	}
	for _, was := range c.match {
		if p := r.peer(was.id); same && p != nil && p.progress.Match() < was.match {
			return fmt.Errorf("RAFT-1: match of peer %d went from %d to %d", p.id, was.match, p.progress.Match())
		}
	}
	if r.commit == c.commit {
		return nil
	}
	if term, _ := r.log.termAt(r.commit); same && term != r.term {
		return fmt.Errorf("RAFT-6: entry %d of term %d was committed by counting", r.commit, term)
	}
	if same {
		return r.checkHolders(c.configIndex)
	}
	return nil
}
