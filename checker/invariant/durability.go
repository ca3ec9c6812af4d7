package invariant

import (
	"fmt"

	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Config is the voters of a group. Outgoing is empty unless a joint change is
// under way, in which case majorities of both are needed (dissertation §4.3).
type Config struct {
	Voters, Outgoing []uint64
}

// quorum says whether the nodes for which has is true are a quorum, and tells
// the count.
func (c Config) quorum(has func(node uint64) bool) (bool, string) {
	enough, text := majority(c.Voters, has)
	if len(c.Outgoing) > 0 {
		also, more := majority(c.Outgoing, has)
		enough, text = enough && also, text+" and "+more
	}
	return enough, text
}

func majority(nodes []uint64, has func(node uint64) bool) (bool, string) {
	count := 0
	for _, n := range nodes {
		if has(n) {
			count++
		}
	}
	return count > len(nodes)/2, fmt.Sprintf("%d of %v", count, nodes)
}

// Durable looks up an index in the bytes that a node would have after a crash
// now.
type Durable func(node, index uint64) (term uint64, holding Holding)

// Durability: an acknowledged entry is in the durable bytes of a quorum, when
// it is acknowledged and ever after.
type Durability struct {
	groups map[uint64]*series[uint64] // the term of each acknowledged entry
}

// NewDurability returns an oracle that has seen nothing.
func NewDurability() *Durability {
	return &Durability{groups: make(map[uint64]*series[uint64])}
}

// ObserveAck is told that a replica acknowledged to a client the write in an
// entry, with the configuration under which it is committed. The cost is one
// look-up for each voter.
func (o *Durability) ObserveAck(r Replica, index, term uint64, c Config, durable Durable) *verdict.Violation {
	place, known := perGroup(o.groups, r.Group).at(index)
	if place == nil {
		return nil
	}
	if known && *place != term {
		return verdict.Violationf(OracleDurability, "two-acknowledged",
			"group %d acknowledged two entries at index %d, of terms %d and %d", r.Group, index, *place, term).
			On(r.Group, r.Node)
	}
	*place = term
	if v := check(r.Group, index, term, c, durable, "acknowledged-early"); v != nil {
		return v.On(r.Group, r.Node)
	}
	return nil
}

// Recheck looks again at the acknowledged entries of a group from an index on,
// for example after a crash (from the index of the oldest entry of interest) or
// after a truncation. The configuration is the one now in force. The cost is
// one look-up for each entry and voter.
func (o *Durability) Recheck(group, from uint64, c Config, durable Durable) *verdict.Violation {
	s := perGroup(o.groups, group)
	for index := max(from, s.base); index <= s.last(); index++ {
		term, known := s.get(index)
		if !known {
			continue
		}
		if v := check(group, index, term, c, durable, "lost"); v != nil {
			return v
		}
	}
	return nil
}

func check(group, index, term uint64, c Config, durable Durable, aspect string) *verdict.Violation {
	enough, count := c.quorum(func(node uint64) bool {
		have, holding := durable(node, index)
		return holding == Compacted || (holding == Present && have == term)
	})
	if enough {
		return nil
	}
	return verdict.Violationf(OracleDurability, aspect,
		"group %d: the acknowledged entry %d of term %d is durable on %s only", group, index, term, count).
		On(group, 0)
}

// Last is the highest acknowledged index of a group, 0 if there is none.
func (o *Durability) Last(group uint64) uint64 { return perGroup(o.groups, group).last() }

// Forget drops a group's acknowledged entries up to an index.
func (o *Durability) Forget(group, upTo uint64) { perGroup(o.groups, group).forget(upTo) }
