package invariant

import (
	"slices"

	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Member is one replica in a configuration.
type Member struct {
	ID, Node uint64
	// Store is the number of the log that the replica was added for, 0 for those that a group starts with.
	Store uint64
	// Voter is a voter of the (incoming) configuration, Outgoing one of the configuration that a
	// joint one replaces. Learner is set on what is a learner, or becomes one when the joint
	// configuration is left.
	Voter, Outgoing, Learner bool
}

// Membership is a configuration: its members, ascending by id.
type Membership []Member

func (c Membership) voters() []uint64   { return c.ids(func(m *Member) bool { return m.Voter }) }
func (c Membership) outgoing() []uint64 { return c.ids(func(m *Member) bool { return m.Outgoing }) }
func (c Membership) learners() []uint64 { return c.ids(func(m *Member) bool { return m.Learner }) }

// Joint tells whether the configuration is one between two others.
func (c Membership) Joint() bool { return len(c.outgoing()) > 0 }

func (c Membership) ids(want func(*Member) bool) []uint64 {
	var ids []uint64
	for i := range c {
		if want(&c[i]) {
			ids = append(ids, c[i].ID)
		}
	}
	return ids
}

func (c Membership) has(id uint64) bool {
	return slices.ContainsFunc(c, func(m Member) bool { return m.ID == id })
}

// votes tells whether the replica's vote counts in one of the halves.
func (c Membership) votes(id uint64) bool {
	return slices.ContainsFunc(c, func(m Member) bool { return m.ID == id && (m.Voter || m.Outgoing) })
}

// Configurations: the committed configurations of a group are one history, each a legal step from
// the one before (§6, dissertation §4.3), and every replica follows the newest one of its log.
type Configurations struct {
	groups map[uint64]*configurations
}

type configurations struct {
	// history is ascending in index.
	history []configuration
	// ever are all ids that were members, and the logs that they were added for.
	ever map[uint64]uint64
}

type configuration struct {
	index, node uint64
	members     Membership
}

// NewConfigurations returns an oracle that has seen nothing.
func NewConfigurations() *Configurations {
	return &Configurations{groups: make(map[uint64]*configurations)}
}

func (o *Configurations) of(group uint64) *configurations {
	g := o.groups[group]
	if g == nil {
		g = &configurations{ever: make(map[uint64]uint64)}
		o.groups[group] = g
	}
	return g
}

// ObserveCommitted is told that an entry with a configuration is committed, in the order of
// indexes, or again. The one that a group starts with has index 0.
func (o *Configurations) ObserveCommitted(r Replica, index uint64, c Membership) *verdict.Violation {
	g := o.of(r.Group)
	i, known := slices.BinarySearchFunc(g.history, index, func(c configuration, index uint64) int {
		return compare(c.index, index)
	})
	if known {
		if first := &g.history[i]; !slices.Equal(first.members, c) {
			return verdict.Violationf(OracleConfiguration, "two-committed",
				"group %d has two committed configurations at index %d: %v on node %d, %v on node %d",
				r.Group, index, first.members, first.node, c, r.Node).On(r.Group, r.Node)
		}
		return nil
	}
	if i < len(g.history) {
		return verdict.Violationf(OracleConfiguration, "late",
			"node %d of group %d has committed a configuration at index %d, which others passed without one",
			r.Node, r.Group, index).On(r.Group, r.Node)
	}
	var v *verdict.Violation
	if i > 0 {
		v = g.step(r, index, g.history[i-1].members, c)
	}
	for k := range c {
		g.ever[c[k].ID] = c[k].Store
	}
	g.history = append(g.history, configuration{index: index, node: r.Node, members: c})
	return v
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// step says what is wrong with the change from one committed configuration to the next.
func (g *configurations) step(r Replica, index uint64, from, to Membership) *verdict.Violation {
	bad := func(aspect, why string) *verdict.Violation {
		return verdict.Violationf(OracleConfiguration, aspect, "group %d, configuration at index %d: %s: from %v to %v",
			r.Group, index, why, from, to).On(r.Group, r.Node)
	}
	switch {
	case len(to.voters()) == 0:
		return bad("illegal-step", "it has no voters")
	case from.Joint() && to.Joint():
		return bad("illegal-step", "a joint configuration follows a joint one")
	case from.Joint() && !slices.Equal(from.voters(), to.voters()):
		return bad("illegal-step", "a joint configuration was left for other voters than its incoming ones")
	case from.Joint() && !slices.Equal(from.learners(), to.learners()):
		return bad("illegal-step", "a joint configuration was left for other learners than it named")
	case to.Joint() && !slices.Equal(from.voters(), to.outgoing()):
		return bad("illegal-step", "the outgoing voters are not those of the configuration before")
	case !from.Joint() && !to.Joint() && !slices.Equal(from.voters(), to.voters()):
		return bad("illegal-step", "the voters changed without a joint configuration")
	}
	nodes := make(map[uint64]bool)
	for i := range to {
		m := &to[i]
		store, was := g.ever[m.ID]
		if was && !from.has(m.ID) {
			return bad("id-reused", "a replica that had left is a member again")
		}
		if was && store != m.Store {
			return bad("id-reused", "a replica is a member in another log than the one it was added for")
		}
		if m.Voter || m.Learner {
			if nodes[m.Node] {
				return bad("two-on-a-node", "two replicas on one node")
			}
			nodes[m.Node] = true
		}
	}
	return nil
}

// At is the committed configuration in effect at an index; nil if none is known.
func (o *Configurations) At(group, index uint64) Membership {
	g := o.of(group)
	for i := len(g.history) - 1; i >= 0; i-- {
		if g.history[i].index <= index {
			return g.history[i].members
		}
	}
	return nil
}

// Ever tells whether a replica was ever a member by a committed configuration.
func (o *Configurations) Ever(r Replica) bool {
	_, was := o.of(r.Group).ever[r.Node]
	return was
}

// ObserveInstalled is told which configuration a snapshot at a committed index names.
func (o *Configurations) ObserveInstalled(r Replica, index uint64, c Membership) *verdict.Violation {
	if want := o.At(r.Group, index); want != nil && !slices.Equal(want, c) {
		return verdict.Violationf(OracleConfiguration, "snapshot",
			"node %d of group %d installed a snapshot at index %d with configuration %v; that in effect there was %v",
			r.Node, r.Group, index, c, want).On(r.Group, r.Node)
	}
	return nil
}

// ObserveInEffect is told which configuration a replica follows, and which is the newest in its log,
// committed or not (§6: "a server always uses the latest configuration in its log").
func (o *Configurations) ObserveInEffect(r Replica, follows, newest Membership) *verdict.Violation {
	if slices.Equal(follows, newest) {
		return nil
	}
	return verdict.Violationf(OracleConfiguration, "not-in-effect",
		"node %d of group %d follows configuration %v; the newest one in its log is %v", r.Node, r.Group, follows, newest).
		On(r.Group, r.Node)
}

// ObserveProposed is told that a leader appended a configuration, where the one before it in its log is,
// and its commit index, at this moment or a little later: one change at a time.
func (o *Configurations) ObserveProposed(r Replica, index, before, commit uint64) *verdict.Violation {
	if before <= commit {
		return nil
	}
	return verdict.Violationf(OracleConfiguration, "overlapping",
		"node %d, leader of group %d, appended a configuration at index %d though the one at %d is not committed (commit index %d)",
		r.Node, r.Group, index, before, commit).On(r.Group, r.Node)
}

// ObserveLeader is told that a replica has become leader, and which configurations its log has from
// the newest committed one on. It must have a vote in one of them (dissertation §4.2.2).
func (o *Configurations) ObserveLeader(r Replica, configs []Membership) *verdict.Violation {
	if slices.ContainsFunc(configs, func(c Membership) bool { return c.votes(r.Node) }) {
		return nil
	}
	return verdict.Violationf(OracleConfiguration, "elected-without-vote",
		"node %d became leader of group %d, but is a voter of none of %v", r.Node, r.Group, configs).On(r.Group, r.Node)
}

// Forget drops a group's configurations before the one in effect at an index. Ids stay known.
func (o *Configurations) Forget(group, upTo uint64) {
	g := o.of(group)
	n := 0
	for n+1 < len(g.history) && g.history[n+1].index <= upTo {
		n++
	}
	g.history = slices.Clone(g.history[n:])
}
