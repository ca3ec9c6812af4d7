package raft

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// A letter that can never do anything any more is dead: states that differ in dead letters only
// are one state, and dead letters are not delivered. What counts as dead is decided here, and
// justify checks it against the core for every state of a replica and every letter of a search.

// standing is what decides which letters are dead to a replica, or dead because it sent them.
type standing struct {
	// durable is the term on disk, which no crash takes back.
	durable uint64
	voted   bool
	// active: it is candidate or leader of its durable term.
	active Role
	match  [maxExploreNodes + 1]uint64
	round  [maxExploreNodes + 1]uint64
}

func (x *explorer) standingOf(n *simNode) standing {
	c, hs := n.Core, n.Disk.State
	s := standing{durable: hs.Term, voted: hs.Vote != 0}
	if c.term == hs.Term && c.role != Follower {
		s.active = c.role
	}
	if s.active == Leader {
		for _, id := range x.ids {
			if c.peer(id) == nil && id.Generation() <= c.Configuration().Generation {
				// It was a member: its answers are ignored, and it does not come back under this id.
				s.match[id.Node()], s.round[id.Node()] = math.MaxUint64, math.MaxUint64
			}
		}
		for i := range c.peers {
			p := &c.peers[i]
			s.match[p.id.Node()], s.round[p.id.Node()] = p.progress.Match(), p.round
		}
	}
	return s
}

// dead tells whether a letter can do nothing any more.
func (x *explorer) dead(m *Message, from, to *standing) bool {
	return x.deaf(to, m) || x.onlyAnswers(to, m) && x.deafToAnswers(from, m)
}

// deaf: the replica ignores the letter, now and for ever. Answers of older terms say nothing, and nobody
// becomes candidate or leader of a term again that it was in before.
func (x *explorer) deaf(to *standing, m *Message) bool {
	switch m.Type {
	case MsgVoteResp:
		return to.durable > m.Term || to.durable == m.Term && to.active != Candidate
	case MsgAppendResp, MsgHeartbeatResp:
		if to.active == Leader && to.durable == m.Term && m.Type == MsgAppendResp && !m.Reject {
			return m.LogIndex < to.match[m.From.Node()] && m.Round <= to.round[m.From.Node()]
		}
		return to.durable > m.Term || to.durable == m.Term && to.active != Candidate && to.active != Leader
	case MsgPreVoteResp:
		return to.durable == x.bounds.MaxTerm
	default:
		return false
	}
}

// onlyAnswers: the replica does nothing but answer the letter, now and for ever, in a term not below
// its durable one.
func (x *explorer) onlyAnswers(to *standing, m *Message) bool {
	switch m.Type {
	case MsgPreVote:
		return x.bounds.Changes == 0
	case MsgVote:
		// A replica that is out may be told so.
		return x.bounds.Changes == 0 && (to.durable > m.Term || to.durable == x.bounds.MaxTerm && to.voted)
	case MsgAppend, MsgHeartbeat:
		return to.durable > m.Term
	default:
		return false
	}
}

// deafToAnswers: whatever the answer to its letter, the sender ignores it. It must know the last
// term that there is, or an answer could tell it of a newer one.
func (x *explorer) deafToAnswers(from *standing, m *Message) bool {
	if from.durable != x.bounds.MaxTerm {
		return false
	}
	switch m.Type {
	case MsgPreVote:
		return true
	case MsgVote:
		return from.active != Candidate
	default:
		return from.active != Candidate && from.active != Leader
	}
}

// justify checks that what was taken for dead was: in each state that a replica was seen in, a
// letter that is dead to it does nothing, and it stays dead whatever happens next.
func (x *explorer) justify() error {
	for id, l := range x.locals {
		for letter, m := range x.letters {
			if m.msg.To != l.sim.Core.id || m.msg.Type >= msgLed {
				continue
			}
			deaf, answers := x.deaf(&l.standing, &m.msg), x.onlyAnswers(&l.standing, &m.msg)
			if !deaf && !answers {
				continue
			}
			r := x.react(uint32(id), encodeEvent(evDeliver, uint16(letter)))
			if r.err != nil || r.node != uint32(id) || deaf && len(r.sent) > 0 || !x.answered(r, m, l) {
				return fmt.Errorf("explorer: %+v was taken for dead to r%d in\n%+v\nbut does something: %v", m.msg, m.msg.To, l.sim.Core, r.err)
			}
		}
	}
	return x.justifyForEver()
}

func (x *explorer) answered(r *reaction, m *simLetter, l *local) bool {
	for _, id := range r.sent {
		a := &x.letters[id].msg
		if a.Type != m.msg.Type+1 || a.To != m.msg.From || a.Type != MsgPreVoteResp && a.Term < l.standing.durable {
			return false
		}
	}
	return true
}

func (x *explorer) justifyForEver() error {
	for _, key := range slices.Sorted(maps.Keys(x.reactions)) {
		r := x.reactions[key]
		if r.err != nil {
			continue
		}
		was, is := &x.locals[key>>32].standing, &x.locals[r.node].standing
		id := x.locals[r.node].sim.Core.id
		for _, l := range x.letters {
			m := &l.msg
			toIt := m.To == id && (x.deaf(was, m) && !x.deaf(is, m) || x.onlyAnswers(was, m) && !x.onlyAnswers(is, m) && !x.deaf(is, m))
			if toIt || m.From == id && x.deafToAnswers(was, m) && !x.deafToAnswers(is, m) {
				return fmt.Errorf("explorer: %+v was taken for dead, but not for ever: r%d went from %+v to %+v", *m, id, *was, *is)
			}
		}
	}
	return nil
}
