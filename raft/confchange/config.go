package confchange

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfastdb/holdfast/raft/quorum"
)

// MaxVoters bounds the voters of one configuration, MaxMembers all members.
const (
	MaxVoters  = 9
	MaxMembers = 32
	// MaxInfo bounds Member.Info, in bytes.
	MaxInfo = 512
)

// Member is one replica in a configuration.
type Member struct {
	// ID is the replica's id: its low 32 bits are the node, its high 32 bits the generation
	// (raft.ReplicaID).
	ID uint64
	// Voter is a voter of the (incoming) configuration, Outgoing one of the configuration that
	// a joint one replaces. A member that is neither is a learner; Learner is also set on an
	// outgoing voter that becomes a learner (demotion).
	Voter, Outgoing, Learner bool
	// Promote, on a learner, asks the leader to make it a voter as soon as it has caught up.
	Promote bool
	// Store is the number of the log that the replica was added for; 0 for the replicas a
	// group starts with. A replica is created only in that store, so that a node which
	// lost its disk cannot come back as somebody it no longer is (MEMB-11).
	Store uint64
	// Priority prefers a voter as leader over those with a lower one.
	Priority uint8
	// Info is for people and shells: the node's address.
	Info string
}

// Node is the node that the member lives on.
func (m *Member) Node() uint64 { return node(m.ID) }

// leaves tells whether the member is gone once the joint configuration is left.
func (m *Member) leaves() bool { return m.Outgoing && !m.Voter && !m.Learner }

func node(id uint64) uint64 { return id & (1<<32 - 1) }

func generation(id uint64) uint32 { return uint32(id >> 32) }

// Config is who takes part in a group. The zero Config is that of a replica that knows of
// nobody yet. A Config is a value: what it holds is never changed.
type Config struct {
	// Members are ascending by ID (CONF-1).
	Members []Member
	// Generation is the highest generation of any replica that ever was a member.
	Generation uint32
	// Epoch numbers what somebody above the group wanted of its membership when it last asked: it only
	// grows, so that one who wants something older is recognised (CONF-6). 0 where nobody asks.
	Epoch uint64
}

// Initial returns the configuration that a group with these voters starts with.
func Initial(voters []uint64) Config {
	var c Config
	for _, id := range voters {
		c.Members = append(c.Members, Member{ID: id, Voter: true})
		c.Generation = max(c.Generation, generation(id))
	}
	c.sort()
	return c
}

// Sorted returns the configuration with its members in order (CONF-1).
func (c Config) Sorted() Config {
	c.Members = slices.Clone(c.Members)
	c.sort()
	return c
}

func (c *Config) sort() {
	slices.SortFunc(c.Members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
}

// Joint tells whether old and new voters must agree separately (§6).
func (c Config) Joint() bool {
	return slices.ContainsFunc(c.Members, func(m Member) bool { return m.Outgoing })
}

// Member returns the member with this id.
func (c Config) Member(id uint64) (Member, bool) {
	return c.find(func(m Member) bool { return m.ID == id })
}

// OnNode returns the member that lives on the node. One that only leaves counts where there is no
// other.
func (c Config) OnNode(n uint64) (Member, bool) {
	if m, ok := c.find(func(m Member) bool { return m.Node() == n && !m.leaves() }); ok {
		return m, true
	}
	return c.find(func(m Member) bool { return m.Node() == n })
}

func (c Config) find(is func(Member) bool) (Member, bool) {
	if i := slices.IndexFunc(c.Members, is); i >= 0 {
		return c.Members[i], true
	}
	return Member{}, false
}

// IsVoter tells whether the member's vote counts, in the incoming or the outgoing half.
func (c Config) IsVoter(id uint64) bool {
	m, _ := c.Member(id)
	return m.Voter || m.Outgoing
}

// IsLearner tells whether the member gets the log but counts for nothing.
func (c Config) IsLearner(id uint64) bool {
	m, ok := c.Member(id)
	return ok && !m.Voter && !m.Outgoing
}

// Quorum returns who decides.
func (c Config) Quorum() quorum.Config {
	return quorum.Joint(c.ids(func(m Member) bool { return m.Voter }), c.ids(func(m Member) bool { return m.Outgoing }))
}

func (c Config) ids(want func(Member) bool) []uint64 {
	var ids []uint64
	for _, m := range c.Members {
		if want(m) {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// Equal tells whether both are the same to the last detail.
func (c Config) Equal(other Config) bool {
	return c.Generation == other.Generation && c.Epoch == other.Epoch && slices.Equal(c.Members, other.Members)
}

// String shows the configuration for people: the voters, as node or node.generation; of a
// joint one the incoming and the outgoing ones; then the learners, * being those that wait
// for their promotion.
func (c Config) String() string {
	text := list("voters", c.ids(func(m Member) bool { return m.Voter }), "")
	if c.Joint() {
		text += list(" replacing", c.ids(func(m Member) bool { return m.Outgoing }), "")
	}
	learners := func(promote bool) []uint64 {
		return c.ids(func(m Member) bool { return m.Learner && m.Promote == promote })
	}
	return text + list(" learners", learners(false), "") + list(" learners", learners(true), "*")
}

func list(title string, ids []uint64, mark string) string {
	if len(ids) == 0 {
		return ""
	}
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = fmt.Sprint(node(id))
		if g := generation(id); g > 0 {
			words[i] += fmt.Sprintf(".%d", g)
		}
		words[i] += mark
	}
	return title + "(" + strings.Join(words, " ") + ")"
}
