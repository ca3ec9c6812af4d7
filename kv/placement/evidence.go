package placement

import (
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Evidence is what a driver knows of a node beside the table, for commands that must not be
// carried out on the table alone.
type Evidence struct {
	// Answers: the log that the table names was heard of lately.
	Answers bool
	// Dead: it was silent for DriverConfig.DeadAfter.
	Dead bool
	// Member are the groups that have a replica on the node.
	Member []uint64
	// Unknown are the groups of which that is not known for good: nobody leads them, or their configuration is being
	// changed, or is not yet of the epoch that the table has.
	Unknown []uint64
	// Needed are the groups of which no majority was heard of lately without the node.
	Needed []uint64
}

// Evidence returns what is known of a node.
func (d *Driver) Evidence(now env.Instant, s *State, node uint64) Evidence {
	b := d.observe(now, s)
	x := b.nodes[node]
	e := Evidence{Answers: x.recent, Dead: x.dead}
	for i := range s.Partitions {
		p := &s.Partitions[i]
		if b.needs(p, node) {
			e.Needed = append(e.Needed, p.Group)
		}
		switch v := b.leader(p.Group); {
		case v != nil && slices.ContainsFunc(v.members, func(m MemberReport) bool { return m.Node() == node }):
			e.Member = append(e.Member, p.Group)
		case v == nil || !v.settled || v.epoch != p.Epoch:
			e.Unknown = append(e.Unknown, p.Group)
		}
	}
	return e
}

// needs tells whether the node votes in the group and the others that do and were heard of lately are no
// majority: as the group was last heard of, and as it is to be, if it is not known to be so yet.
func (b *board) needs(p *Partition, node uint64) bool {
	v := b.d.views[p.Group]
	if v != nil {
		var votes ballot
		for i := range v.members {
			m := &v.members[i]
			if n := b.s.Node(m.Node()); m.Voter || m.Outgoing {
				votes.add(m.Node() == node, n != nil && meant(m, p, n) && b.nodes[m.Node()].recent)
			}
		}
		if votes.needed() {
			return true
		}
	}
	if b.reached(p) {
		return false
	}
	var votes ballot
	for _, id := range p.Replicas {
		votes.add(id == node, b.nodes[id].recent)
	}
	return votes.needed()
}

// ballot counts voters, with and without one node.
type ballot struct {
	voters, others int
	has            bool
}

func (x *ballot) add(same, recent bool) {
	x.voters++
	if same {
		x.has = true
	} else if recent {
		x.others++
	}
}

// needed tells whether the node votes and the others that were heard of are no majority.
func (x *ballot) needed() bool { return x.has && x.others <= x.voters/2 }
