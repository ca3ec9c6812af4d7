package rafttest

import (
	"bytes"
	"fmt"

	"github.com/holdfastdb/holdfast/raft"
)

// audit remembers what must hold of the group as a whole (Figure 3), for
// comparison with all that comes later.
type audit struct {
	leaders map[uint64]raft.ReplicaID
	// committed are all entries that any replica took for committed; applied what
	// any state machine was fed.
	committed []committed
	applied   map[uint64]raft.Entry
	// floor is what was committed when a read arrived.
	floor map[uint64]uint64
}

// committed is an entry's term, and the term in which it was committed.
type committed struct{ term, in uint64 }

// violate notes that an invariant is broken.
func (c *Cluster) violate(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if c.err == nil {
		c.err = err
	}
	c.say("%s%v", violation, err)
}

// violation starts the lines of a trace that no golden script may have.
const violation = "VIOLATION: "

// checkReplica checks the invariants of package raft, and what concerns the
// replica's own disk.
func (c *Cluster) checkReplica(p *replica) {
	if err := p.core.CheckInvariants(); err != nil {
		c.violate("%w", err)
	}
	for i := uint64(1); i <= p.core.Durable(); i++ {
		if term, ok := p.core.TermAt(i); ok && !p.disk.holds(i, term) {
			c.violate("RAFT-8: %v takes entry %d@%d for durable, its disk does not have it", name(p.id), i, term)
			return
		}
	}
	c.auditCommit(p)
}

// checkGroup checks the properties of Figure 3 that need more than one replica.
func (c *Cluster) checkGroup(p *replica) {
	c.auditLeader(p)
	c.auditSleep(p)
	for _, q := range c.up(nil) {
		if q != p {
			c.auditLogMatching(p, q)
		}
	}
}

// auditLeader: Election Safety and Leader Completeness. A leader of an older term than the
// one in which an entry was committed may come late and lack it; it can commit nothing.
func (c *Cluster) auditLeader(p *replica) {
	if p.core.Role() != raft.Leader {
		return
	}
	term := p.core.Term()
	if c.audit.leaders == nil {
		c.audit.leaders = map[uint64]raft.ReplicaID{}
	}
	if l, ok := c.audit.leaders[term]; ok {
		if l != p.id {
			c.violate("Election Safety: %v and %v both lead term %d", name(l), name(p.id), term)
		}
		return
	}
	c.audit.leaders[term] = p.id
	for i, want := range c.audit.committed {
		if uint64(i)+1 < p.core.FirstIndex() {
			continue
		}
		if got, ok := p.core.TermAt(uint64(i) + 1); want.in < term && (!ok || got != want.term) {
			c.violate("Leader Completeness: %v leads term %d without entry %d@%d, committed in term %d",
				name(p.id), term, i+1, want.term, want.in)
			return
		}
	}
}

// auditSleep: a leader sleeps only while all members have all that it has, on their disks.
func (c *Cluster) auditSleep(p *replica) {
	if p.core.Role() != raft.Leader || !p.core.Quiescent() {
		return
	}
	last := p.core.LastIndex()
	term, _ := p.core.TermAt(last)
	for _, m := range p.core.Configuration().Members {
		if q := c.find(raft.ReplicaID(m.ID)); q == nil || !q.disk.holds(last, term) {
			c.violate("RAFT-17: %v sleeps, and the disk of %v does not hold %d@%d", name(p.id), name(raft.ReplicaID(m.ID)), last, term)
		}
	}
}

// auditLogMatching: if two logs have an entry of the same index and term, they are equal
// up to it.
func (c *Cluster) auditLogMatching(p, q *replica) {
	equal := false
	first := max(p.core.FirstIndex(), q.core.FirstIndex())
	for i := min(p.core.LastIndex(), q.core.LastIndex()); i >= first; i-- {
		a, _ := p.core.TermAt(i)
		b, _ := q.core.TermAt(i)
		if equal && a != b {
			c.violate("Log Matching: %v and %v agree after index %d but have %d@%d and %d@%d there",
				name(p.id), name(q.id), i, i, a, i, b)
			return
		}
		equal = equal || a == b
	}
}

// auditCommit: what was committed once stays, and a leader commits only what the
// disks of a majority hold, in a joint configuration one of each half.
func (c *Cluster) auditCommit(p *replica) {
	commit := p.core.Commit()
	for i := p.core.FirstIndex(); i <= commit; i++ {
		term, _ := p.core.TermAt(i)
		if i > uint64(len(c.audit.committed)) {
			c.audit.committed = append(c.audit.committed, committed{term: term, in: p.core.Term()})
			if p.core.Role() == raft.Leader {
				c.auditDurable(p, i, term)
			}
		}
		if want := c.audit.committed[i-1].term; want != term {
			c.violate("State Machine Safety: %v commits %d@%d where %d@%d was committed", name(p.id), i, term, i, want)
			return
		}
	}
}

func (c *Cluster) auditDurable(p *replica, index, term uint64) {
	var holders, all [2]int
	for _, m := range p.core.Configuration().Members {
		q := c.find(raft.ReplicaID(m.ID))
		for half, in := range [...]bool{m.Voter, m.Outgoing} {
			if in {
				all[half]++
			}
			if in && q != nil && q.disk.holds(index, term) {
				holders[half]++
			}
		}
	}
	if 2*holders[0] <= all[0] || (all[1] > 0 && 2*holders[1] <= all[1]) {
		c.violate("%v commits %d@%d with %d of %d disks holding it", name(p.id), index, term, holders[0]+holders[1], all[0]+all[1])
	}
}

// auditApplied: State Machine Safety.
func (c *Cluster) auditApplied(p *replica, e raft.Entry) {
	if c.audit.applied == nil {
		c.audit.applied = map[uint64]raft.Entry{}
	}
	was, ok := c.audit.applied[e.Index]
	if !ok {
		c.audit.applied[e.Index] = e
		return
	}
	if was.Term != e.Term || !bytes.Equal(was.Data, e.Data) {
		c.violate("State Machine Safety: %v applies %s where %s was applied", name(p.id), entryText(&e), entryText(&was))
	}
}

// auditMessage: no promise leaves before it is durable (RAFT-8, DESIGN principle 3), seen from
// the disk.
func (c *Cluster) auditMessage(p *replica, m *raft.Message) {
	d := &p.disk
	switch m.Type {
	case raft.MsgVote:
		if d.State.Term != m.Term || d.State.Vote != p.id {
			c.violate("ELEC-04: %s leaves before the candidacy is durable", messageText(m))
		}
	case raft.MsgVoteResp:
		if !m.Reject && (d.State.Term != m.Term || d.State.Vote != m.To) {
			c.violate("ELEC-03: %s leaves before the vote is durable", messageText(m))
		}
	case raft.MsgAppendResp:
		term, _ := p.core.TermAt(m.LogIndex)
		if !m.Reject && (d.State.Term < m.Term || !d.holds(m.LogIndex, term)) {
			c.violate("RAFT-8: %s leaves before the entries are durable", messageText(m))
		}
	}
}

// auditRead remembers what a read that arrives now must see.
func (c *Cluster) auditRead(id uint64) {
	if c.audit.floor == nil {
		c.audit.floor = map[uint64]uint64{}
	}
	c.audit.floor[id] = uint64(len(c.audit.committed))
}

// auditGrant: a read sees all that was committed when it arrived (dissertation §6.4).
func (c *Cluster) auditGrant(p *replica, g raft.ReadGrant) {
	if floor := c.audit.floor[g.ID]; g.Index < floor {
		c.violate("RAFT-10: %v grants read %d at %d, but %d was committed when it came", name(p.id), g.ID, g.Index, floor)
	}
}
