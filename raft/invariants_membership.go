package raft

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/raft/progress"
)

// checkHolders counts, by itself, who holds what has been committed: a majority of the incoming voters and, in a
// joint configuration, one of the outgoing ones. The configuration may have changed since, or before, in
// the same step: one of those in effect from index from on must allow it.
func (r *Raft) checkHolders(from uint64) (err error) {
	for i := len(r.configs) - 1; i >= 0; i-- {
		if err = r.checkHoldersOf(&r.configs[i].config); err == nil || r.configs[i].index <= from {
			return err
		}
	}
	return err
}

func (r *Raft) checkHoldersOf(config *confchange.Config) error {
	var all, holders [2]int
	for i := range config.Members {
		m := &config.Members[i]
		holds := r.log.durable >= r.commit
		if p := r.peer(ReplicaID(m.ID)); p != nil {
			holds = p.progress.Match() >= r.commit
		}
		for half, in := range [...]bool{m.Voter, m.Outgoing} {
			if in {
				all[half]++
			}
			if in && holds {
				holders[half]++
			}
		}
	}
	if 2*holders[0] <= all[0] || (all[1] > 0 && 2*holders[1] <= all[1]) {
		return fmt.Errorf("RAFT-6: entry %d was committed with %d of %d holders", r.commit, holders, all)
	}
	return nil
}

// checkMembership checks that what is in effect is what the log says. It looks at the whole of a
// configuration only when it is new.
func (r *Raft) checkMembership() error {
	c := r.latest()
	if r.configs[0].index != r.log.snapIndex || c.index > r.log.last {
		return fmt.Errorf("RAFT-13: configurations from %d to %d of a log (%d, %d]", r.configs[0].index, c.index, r.log.snapIndex, r.log.last)
	}
	if es := r.log.cache.entries; len(es) > 0 && es[len(es)-1].Kind == EntryConfig && c.index != r.log.last {
		return fmt.Errorf("RAFT-13: entry %d is a configuration, the one in effect is that of %d", r.log.last, c.index)
	}
	if candidate := r.role == PreCandidate || r.role == Candidate; candidate && !r.mayLead() {
		return errors.New("RAFT-16: campaigns and is no voter")
	}
	if err := r.checkDuties(c); err != nil {
		return err
	}
	if was := r.checkpoint; was != nil && was.configIndex == c.index {
		return nil
	}
	if err := r.checkPeers(&c.config); err != nil {
		return err
	}
	if n := len(r.configs); n > 1 && len(r.configs[n-2].config.Members) > 0 {
		return checkNeighbours(&r.configs[n-2].config, &c.config)
	}
	return nil
}

// checkDuties: one change at a time, and what is committed is settled.
func (r *Raft) checkDuties(c *configEntry) error {
	if r.role != Leader {
		return nil
	}
	own := 0
	for i := len(r.configs) - 1; i > 0 && r.configs[i].index > max(r.commit, r.leading.start); i-- {
		own++
	}
	switch {
	case own > 1:
		return fmt.Errorf("RAFT-14: %d configurations of its own wait for their commit", own)
	case c.index > r.commit || !r.committedOwn():
		return nil
	case c.config.Joint():
		return fmt.Errorf("RAFT-16: the joint configuration of entry %d is committed and was not left", c.index)
	case !r.config.Contains(uint64(r.id)) && r.leading.transfer.to == 0:
		return fmt.Errorf("RAFT-16: leads on, though the configuration of entry %d without it is committed", c.index)
	}
	return nil
}

func (r *Raft) checkPeers(c *confchange.Config) error {
	i := 0
	for _, m := range c.Members {
		if ReplicaID(m.ID) == r.id {
			continue
		}
		if i >= len(r.peers) || uint64(r.peers[i].id) != m.ID || r.peers[i].voter != c.IsVoter(m.ID) {
			return fmt.Errorf("RAFT-13: knows other peers than %v has", c)
		}
		i++
	}
	for _, v := range r.config.Voters() {
		if !c.IsVoter(v) {
			return fmt.Errorf("RAFT-13: counts %d, no voter of %v", v, c)
		}
	}
	if i != len(r.peers) {
		return fmt.Errorf("RAFT-13: knows more peers than %v has", c)
	}
	return nil
}

// checkNeighbours: voters change by way of a joint configuration only (CONF-5).
func checkNeighbours(before, c *confchange.Config) error {
	for _, m := range append(append([]confchange.Member(nil), before.Members...), c.Members...) {
		was, _ := before.Member(m.ID)
		is, _ := c.Member(m.ID)
		switch {
		case c.Joint() && !before.Joint() && is.Outgoing == was.Voter:
		case !c.Joint() && is.Voter == was.Voter:
		default:
			return fmt.Errorf("RAFT-14: %v follows %v", c, before)
		}
	}
	return nil
}

func (r *Raft) checkSnapshots() error {
	if r.log.snapIndex > r.applied {
		return fmt.Errorf("RAFT-15: the log starts after %d, only %d is applied", r.log.snapIndex, r.applied)
	}
	if m := &r.log.mark; m.Index != 0 && (m.Index != r.log.snapIndex || m.Term != r.log.snapTerm || !bytes.Equal(m.Config, r.configs[0].data)) {
		return fmt.Errorf("RAFT-15: the mark of %d is to be written for a log that starts after %d", m.Index, r.log.snapIndex)
	}
	for i := range r.peers {
		p := &r.peers[i]
		if p.sending && (r.role != Leader || p.progress.State() != progress.Snapshot) {
			return fmt.Errorf("RAFT-15: a snapshot goes to %d, which needs none: %v", p.id, &p.progress)
		}
		if r.role == Leader && p.progress.State() == progress.Snapshot && !p.sending {
			return fmt.Errorf("RAFT-15: %d needs a snapshot, and none is on its way: %v", p.id, &p.progress)
		}
	}
	return nil
}
