package raft

import "fmt"

// View is a state as the checks see it.
type View struct {
	x     *explorer
	nodes []*local
	state *state
}

// Leads tells whether some replica leads the term and has committed at least so many entries.
func (v *View) Leads(term uint64, committed int) bool {
	for _, l := range v.nodes {
		if l.role == Leader && l.term == term && l.commit >= committed {
			return true
		}
	}
	return false
}

// Crashed tells whether any replica crashed.
func (v *View) Crashed() bool { return v.state.used.crashes > 0 }

// Restored tells whether some replica took a snapshot over.
func (v *View) Restored() bool {
	for _, l := range v.nodes {
		if l.sim.Disk.Installed.Index > 0 {
			return true
		}
	}
	return false
}

// commit notes what the replica takes for committed (State Machine Safety), and that a leader
// commits only what a quorum has on disk.
func (v *View) commit(i int) error {
	l, past := v.nodes[i], &v.state.past
	for at := range l.commit {
		if at < int(past.n) {
			if l.log[at] != 0 && past.entry[at] != l.log[at] {
				return fmt.Errorf("State Machine Safety: r%d commits %s where %s was committed",
					i+1, named(at, l.log[at]), named(at, past.entry[at]))
			}
			continue
		}
		past.entry[at], past.in[at] = l.log[at], uint8(l.term)
		past.n++
		if err := v.quorumHolds(l, at); err != nil {
			return err
		}
	}
	return nil
}

// quorumHolds: what a leader commits is on the disks of a quorum of its configuration.
func (v *View) quorumHolds(l *local, at int) error {
	if l.role != Leader {
		return nil
	}
	if l.sim.Core.config.CommittedIndex(func(id uint64) uint64 {
		if v.nodes[nodeOf(ReplicaID(id))].holds(at, l.log[at]) {
			return 1
		}
		return 0
	}) == 0 {
		return fmt.Errorf("Durability: %s is committed, but not on the disks of a quorum", named(at, l.log[at]))
	}
	return nil
}

// holds tells whether the entry is on the replica's disk.
func (l *local) holds(at int, entry uint16) bool {
	return at < len(l.disk) && (l.disk[at] == 0 || l.disk[at] == entry)
}

// check looks for a violation that the last event of replica i led to (Figure 3). Commits are
// noted before.
func (v *View) check(i int) error {
	if err := v.durable(); err != nil {
		return err
	}
	if err := v.leaders(i); err != nil {
		return err
	}
	for j := range v.nodes {
		if err := v.logMatching(i, j); err != nil {
			return err
		}
	}
	return nil
}

// leaders: Election Safety and Leader Completeness.
func (v *View) leaders(i int) error {
	if l := v.nodes[i]; l.role == Leader {
		for _, id := range v.state.sent {
			m := &v.x.letters[id].msg
			if m.Type == msgLed && m.Term == l.term && nodeOf(m.From) != i {
				return fmt.Errorf("Election Safety: r%d and r%d both lead term %d", m.From.Node(), i+1, l.term)
			}
		}
	}
	for j, l := range v.nodes {
		for at := range int(v.state.past.n) {
			past := &v.state.past
			if l.role == Leader && uint64(past.in[at]) < l.term && (at >= len(l.log) || l.log[at] != 0 && l.log[at] != past.entry[at]) {
				return fmt.Errorf("Leader Completeness: r%d leads term %d without entry %s, committed in term %d",
					j+1, l.term, named(at, past.entry[at]), past.in[at])
			}
		}
	}
	return nil
}

func (v *View) logMatching(i, j int) error {
	a, b, equal := v.nodes[i].log, v.nodes[j].log, false
	for at := min(len(a), len(b)) - 1; at >= 0 && a[at] != 0 && b[at] != 0; at-- {
		if sameTerm := a[at]>>8 == b[at]>>8; equal && !sameTerm || sameTerm && a[at] != b[at] {
			return fmt.Errorf("Log Matching: r%d and r%d agree on a later entry, or on its term, but have %s and %s",
				i+1, j+1, named(at, a[at]), named(at, b[at]))
		}
		equal = equal || a[at] == b[at]
	}
	return nil
}

// durable: what was committed once is on the disks of a majority, then and for ever. With other
// members later on, it is another majority's matter.
func (v *View) durable() error {
	if v.x.bounds.Changes > 0 {
		return nil
	}
	for at := range int(v.state.past.n) {
		holders := 0
		for _, l := range v.nodes {
			if l.holds(at, v.state.past.entry[at]) {
				holders++
			}
		}
		if 2*holders <= len(v.nodes) {
			return fmt.Errorf("Durability: %s is committed, but on %d of %d disks",
				named(at, v.state.past.entry[at]), holders, len(v.nodes))
		}
	}
	return nil
}

// named shows an entry as index@term:payload, as rafttest does.
func named(at int, entry uint16) string {
	payload := "-"
	if c := byte(entry); c != 0 {
		payload = string(rune(c))
	}
	return fmt.Sprintf("%d@%d:%s", at+1, entry>>8, payload)
}
