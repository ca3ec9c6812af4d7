package confchange

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/raft/quorum"
)

func id(node uint64, generation uint32) uint64 { return uint64(generation)<<32 | node }

func learner(node uint64, generation uint32) Change {
	return Change{Kind: AddLearner, Member: Member{ID: id(node, generation)}}
}

func of(kind Kind, id uint64) Change { return Change{Kind: kind, Member: Member{ID: id}} }

func mustApply(t require.TestingT, c Config, changes ...Change) Config {
	next, err := c.Apply(changes)
	require.NoError(t, err)
	return next
}

// Claim: a change of voters leads through a joint configuration, learners come and go without one. Method: the life of a
// group, step by step.
func TestConfigurationsOfALife(t *testing.T) {
	c := Initial([]uint64{3, 1, 2})
	require.Equal(t, "voters(1 2 3)", c.String())
	c = mustApply(t, c, Change{Kind: AddLearner, Member: Member{ID: id(4, 1), Promote: true, Store: 9, Voter: true, Outgoing: true}})
	require.Equal(t, "voters(1 2 3) learners(4.1*)", c.String())
	require.True(t, c.IsLearner(id(4, 1)))
	c = mustApply(t, c, of(Promote, id(4, 1)), of(Remove, 1), of(Demote, 2), learner(5, 2))
	require.Equal(t, "voters(3 4.1) replacing(1 2 3) learners(2 5.2)", c.String())
	require.True(t, c.Joint())
	require.True(t, c.IsVoter(2))
	require.False(t, c.IsLearner(2))
	require.False(t, c.IsLearner(77))
	require.Equal(t, quorum.Joint([]uint64{3, id(4, 1)}, []uint64{1, 2, 3}), c.Quorum())
	m, ok := c.OnNode(4)
	require.True(t, ok)
	require.Equal(t, Member{ID: id(4, 1), Voter: true, Store: 9}, m)
	c = c.Leave()
	require.Equal(t, "voters(3 4.1) learners(2 5.2)", c.String())
	require.Equal(t, uint32(2), c.Generation)
	_, ok = c.OnNode(1)
	require.False(t, ok)
	c = mustApply(t, c, of(Remove, 2), Change{Kind: Update, Member: Member{ID: 3, Priority: 7, Info: "a:1"}})
	require.False(t, c.Joint())
	m, _ = c.Member(3)
	require.Equal(t, Member{ID: 3, Voter: true, Priority: 7, Info: "a:1"}, m)
	require.Panics(t, func() { c.Leave() })
}

// Claim: what cannot be is refused, with a reason, and changes nothing. Method: each mistake.
func TestApplyRefuses(t *testing.T) {
	c := mustApply(t, Initial([]uint64{1, 2}), learner(3, 1))
	joint := mustApply(t, c, of(Promote, id(3, 1)))
	full := Initial([]uint64{1, 2, 3, 4, 5, 6, 7, 8, 9})
	for node := uint64(10); len(full.Members) < MaxMembers; node++ {
		full = mustApply(t, full, learner(node, full.Generation+1))
	}
	last := Config{Members: []Member{{ID: 1, Voter: true}}, Generation: 1<<32 - 1}
	for _, x := range []struct {
		c       Config
		want    string
		changes []Change
	}{
		{c, "no change", nil},
		{joint, "joint", []Change{of(Remove, 1)}},
		{c, "named twice", []Change{of(Promote, id(3, 1)), of(Remove, id(3, 1))}},
		{c, "add learner 4294967299: it is a member", []Change{learner(3, 1)}},
		{c, "remove it first", []Change{learner(1, 2)}},
		{c, "must be 2", []Change{learner(4, 1)}},
		{c, "must be 2", []Change{learner(4, 3)}},
		{c, "must be 3", []Change{learner(4, 2), learner(5, 2)}},
		{c, "must be 2", []Change{learner(4, 0)}},
		{c, "CONF-1", []Change{learner(0, 2)}},
		{c, "promote 9: there is no such member", []Change{of(Promote, 9)}},
		{c, "no such member", []Change{of(Demote, 9)}},
		{c, "no such member", []Change{of(Remove, 9)}},
		{c, "no such member", []Change{of(Update, 9)}},
		{c, "voter already", []Change{of(Promote, 1)}},
		{c, "learner already", []Change{of(Demote, id(3, 1))}},
		{c, "at least one voter", []Change{of(Remove, 1), of(Demote, 2)}},
		{c, "nothing to promote it to", []Change{{Kind: Update, Member: Member{ID: 1, Promote: true}}}},
		{c, "no such kind", []Change{of(0, 1)}},
		{c, "no such kind", []Change{of(99, 1)}},
		{c, "bytes of information", []Change{{Kind: Update, Member: Member{ID: 1, Info: strings.Repeat("x", MaxInfo+1)}}}},
		{full, "that is the most", []Change{learner(50, full.Generation+1)}},
		{full, "at most 9", []Change{of(Promote, id(10, 1))}},
		{last, "no generation left", []Change{learner(2, 0)}},
		{Config{}, "at least one voter", []Change{learner(1, 1)}},
	} {
		before := x.c.String()
		_, err := x.c.Apply(x.changes)
		require.ErrorContains(t, err, x.want)
		require.Equal(t, before, x.c.String())
	}
}

// Claim: Validate finds each violation. Method: one broken configuration each.
func TestValidateFindsEachViolation(t *testing.T) {
	many := Config{}
	for node := range uint64(MaxMembers + 1) {
		many.Members = append(many.Members, Member{ID: node + 1, Voter: true})
	}
	for _, x := range []struct {
		want string
		c    Config
	}{
		{"CONF-3", Config{}},
		{"CONF-3", Config{Members: []Member{{ID: 1, Learner: true}}}},
		{"CONF-3", Config{Members: many.Members[:MaxVoters+1]}},
		{"at most 32", many},
		{"CONF-1", Config{Members: []Member{{ID: 2, Voter: true}, {ID: 1, Voter: true}}}},
		{"CONF-1", Config{Members: []Member{{ID: 1, Voter: true}, {ID: 1, Voter: true}}}},
		{"CONF-1", Config{Members: []Member{{ID: 1, Voter: true}, {ID: id(1, 1), Learner: true}}, Generation: 1}},
		{"CONF-1", Config{Members: []Member{{ID: id(0, 1), Voter: true}}, Generation: 1}},
		{"CONF-2", Config{Members: []Member{{ID: 1, Voter: true, Learner: true}}}},
		{"CONF-2", Config{Members: []Member{{ID: 1, Voter: true}, {ID: 2}}}},
		{"CONF-2", Config{Members: []Member{{ID: 1, Voter: true, Promote: true}}}},
		{"CONF-4", Config{Members: []Member{{ID: id(1, 2), Voter: true}}, Generation: 1}},
	} {
		require.ErrorContains(t, x.c.Validate(), x.want)
	}
}

// drawChange draws a change that often is possible.
func drawChange(t *rapid.T, c Config) Change {
	kind := Kind(rapid.IntRange(int(AddLearner), int(Update)).Draw(t, "kind"))
	if kind == AddLearner {
		return Change{Kind: kind, Member: Member{
			ID:      id(rapid.Uint64Range(1, 7).Draw(t, "node"), c.Generation+1),
			Promote: rapid.Bool().Draw(t, "promote"), Store: rapid.Uint64().Draw(t, "store"),
		}}
	}
	m := rapid.SampledFrom(c.Members).Draw(t, "member")
	return Change{Kind: kind, Member: Member{
		ID: m.ID, Promote: m.Learner && rapid.Bool().Draw(t, "wish"), Info: rapid.StringN(0, 5, 10).Draw(t, "info"),
		Priority: rapid.Uint8().Draw(t, "priority"),
	}}
}

// decides returns the sets of voters, as bits by their place in ids, that decide.
func decides(q quorum.Config, ids []uint64) []uint {
	var sets []uint
	for set := range uint(1) << len(ids) {
		won := q.VoteResult(func(voter uint64) quorum.Vote {
			for i, other := range ids {
				if other == voter && set>>i&1 == 1 {
					return quorum.Granted
				}
			}
			return quorum.Refused
		})
		if won == quorum.Won {
			sets = append(sets, set)
		}
	}
	return sets
}

// requireOverlap: any set that decides in one configuration shares a voter with any that decides in the other.
func requireOverlap(t *rapid.T, a, b Config) {
	ids := quorum.Joint(a.Quorum().Voters(), b.Quorum().Voters()).Voters()
	for _, x := range decides(a.Quorum(), ids) {
		for _, y := range decides(b.Quorum(), ids) {
			require.NotZero(t, x&y, "%v and %v decide apart", a, b)
		}
	}
}

// Claim CONF-1..5 (MEMB-07): whatever is asked, the configurations stay valid, encode and decode to themselves, ids are never used
// twice, and any two next to each other cannot decide apart. Method: random changes; quorums by enumeration.
func TestAnySequenceOfChangesKeepsTheInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Initial(rapid.SliceOfNDistinct(rapid.Uint64Range(1, 7), 1, 5, rapid.ID[uint64]).Draw(t, "voters"))
		ever := map[uint64]bool{}
		for _, m := range c.Members {
			ever[m.ID] = true
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			next := c
			if c.Joint() {
				next = c.Leave()
			} else {
				var changes []Change
				for range rapid.IntRange(1, 4).Draw(t, "changes") {
					changes = append(changes, drawChange(t, c))
				}
				applied, err := c.Apply(changes)
				if err != nil {
					continue
				}
				next = applied
			}
			require.NoError(t, next.Validate())
			require.GreaterOrEqual(t, next.Generation, c.Generation)
			require.False(t, c.Joint() && next.Joint())
			voters := func(c Config) []uint64 { return c.ids(func(m Member) bool { return m.Voter }) }
			if !c.Joint() && !next.Joint() {
				require.Equal(t, voters(c), voters(next), "no change of voters without a joint configuration")
			}
			requireOverlap(t, c, next)
			for _, m := range next.Members {
				if _, stays := c.Member(m.ID); !stays {
					require.False(t, ever[m.ID], "an id is used again")
				}
			}
			for _, m := range next.Members {
				ever[m.ID] = true
			}
			decoded, err := Decode(next.Append(nil))
			require.NoError(t, err)
			require.True(t, next.Equal(decoded))
			c = next
		}
	})
}

// Claim CONF-1: a replica that is lost is replaced by another one on its node in one change; both are members only
// as long as the configuration is joint. Method: a voter and a learner.
func TestReplicaIsReplacedOnItsNode(t *testing.T) {
	c := Initial([]uint64{1, 2, 3})
	fresh := Member{ID: 1<<32 | 3, Learner: true, Promote: true, Store: 7}
	joint, err := c.Apply([]Change{{Kind: Remove, Member: Member{ID: 3}}, {Kind: AddLearner, Member: fresh}})
	require.NoError(t, err)
	require.NoError(t, joint.Validate())
	require.True(t, joint.Joint())
	on, ok := joint.OnNode(3)
	require.True(t, ok)
	require.Equal(t, fresh, on)
	after := joint.Leave()
	require.NoError(t, after.Validate())
	_, ok = after.Member(3)
	require.False(t, ok)
	again, err := after.Apply([]Change{
		{Kind: Remove, Member: Member{ID: fresh.ID}}, {Kind: AddLearner, Member: Member{ID: 2<<32 | 3, Learner: true}},
	})
	require.NoError(t, err)
	require.False(t, again.Joint(), "no vote changes")
}
