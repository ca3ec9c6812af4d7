package quorum

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawSet(t *rapid.T, name string) []uint64 {
	return rapid.SliceOfNDistinct(rapid.Uint64Range(1, 12), 1, 9, rapid.ID[uint64]).Draw(t, name)
}

// count is the model: how many of the set have the property.
func count(set []uint64, has func(uint64) bool) int {
	n := 0
	for _, id := range set {
		if has(id) {
			n++
		}
	}
	return n
}

// Claim QUORUM-1 (MEMB-07, READ-06): a joint configuration reaches what a majority of each half has reached, not a majority of
// the union. Method: against the definition, tried for each value.
func TestJointCommittedIndexNeedsBothMajorities(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, out := drawSet(t, "incoming"), drawSet(t, "outgoing")
		reached := map[uint64]uint64{}
		for id := uint64(1); id <= 12; id++ {
			reached[id] = rapid.OneOf(rapid.Uint64Range(0, 6), rapid.Uint64()).Draw(t, "reached")
		}
		want := uint64(0)
		for _, candidate := range reached {
			has := func(id uint64) bool { return reached[id] >= candidate }
			if 2*count(in, has) > len(in) && 2*count(out, has) > len(out) {
				want = max(want, candidate)
			}
		}
		require.Equal(t, want, Joint(in, out).CommittedIndex(func(id uint64) uint64 { return reached[id] }))
	})
}

// Claim QUORUM-2 (MEMB-07): a joint election is won iff both halves are, lost iff one is. Method: against the definition.
func TestJointVoteNeedsBothMajorities(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, out := drawSet(t, "incoming"), drawSet(t, "outgoing")
		answers := map[uint64]Vote{}
		for id := uint64(1); id <= 12; id++ {
			answers[id] = Vote(rapid.IntRange(0, 2).Draw(t, "vote"))
		}
		granted := func(id uint64) bool { return answers[id] == Granted }
		may := func(id uint64) bool { return answers[id] != Refused }
		want := Pending
		if 2*count(in, granted) > len(in) && 2*count(out, granted) > len(out) {
			want = Won
		} else if 2*count(in, may) <= len(in) || 2*count(out, may) <= len(out) {
			want = Lost
		}
		require.Equal(t, want, Joint(in, out).VoteResult(func(id uint64) Vote { return answers[id] }))
	})
}

// Claim QUORUM-3: what decides a joint configuration intersects what decides either of its halves, so that two leaders next to
// each other in time cannot decide apart. Method: a set of voters and its complement never both win.
func TestJointQuorumsMeetThoseOfTheirHalves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, out := drawSet(t, "incoming"), drawSet(t, "outgoing")
		side := map[uint64]bool{}
		for id := uint64(1); id <= 12; id++ {
			side[id] = rapid.Bool().Draw(t, "side")
		}
		wins := func(c Config, which bool) bool {
			return c.VoteResult(func(id uint64) Vote {
				if side[id] == which {
					return Granted
				}
				return Refused
			}) == Won
		}
		joint := Joint(in, out)
		for _, half := range []Config{joint, Majority(in...), Majority(out...)} {
			require.False(t, wins(joint, true) && wins(half, false))
		}
	})
}

// Claim QUORUM-4: an empty half decides nothing; without an outgoing half there is nothing joint. Method: the edges.
func TestJointWithAnEmptyHalf(t *testing.T) {
	all := func(uint64) uint64 { return math.MaxUint64 }
	yes := func(uint64) Vote { return Granted }
	require.Zero(t, Joint(nil, []uint64{1}).CommittedIndex(all))
	require.Equal(t, Lost, Joint(nil, []uint64{1}).VoteResult(yes))
	require.Equal(t, Majority(3, 1), Joint([]uint64{1, 3, 3}, nil))
	require.Equal(t, Won, Joint([]uint64{1}, []uint64{2}).VoteResult(yes))
}

// Claim QUORUM-5: the voters are those of both halves, and nobody else is asked; only a lone voter that is not in a joint
// configuration is sole (ELEC-16, COMM-18). Method: small sets, recording who is asked.
func TestJointVotersAndSole(t *testing.T) {
	c := Joint([]uint64{4, 2}, []uint64{2, 1, 1})
	require.Equal(t, []uint64{1, 2, 4}, c.Voters())
	var asked []uint64
	c.CommittedIndex(func(id uint64) uint64 { asked = append(asked, id); return 0 })
	c.VoteResult(func(id uint64) Vote { asked = append(asked, id); return Unknown })
	slices.Sort(asked)
	require.Equal(t, []uint64{1, 2, 4}, slices.Compact(asked))
	require.True(t, c.Contains(1))
	require.True(t, c.Contains(4))
	require.False(t, c.Contains(3))
	for id := range uint64(5) {
		require.Equal(t, id == 2, Majority(2).IsSole(id))
		require.False(t, Joint([]uint64{2}, []uint64{1}).IsSole(id))
		require.False(t, Joint([]uint64{2}, []uint64{2}).IsSole(id), "joint: somebody must leave it first")
		require.False(t, Majority().IsSole(id))
		require.False(t, Majority(1, 2).IsSole(id))
	}
}

// Claim: joint decisions cost no garbage for usual sizes either. Method: count allocations.
func TestJointDoesNotAllocate(t *testing.T) {
	c := Joint([]uint64{1, 2, 3, 4, 5, 6, 7}, []uint64{3, 4, 5, 6, 7, 8, 9})
	reached := func(id uint64) uint64 { return id * id % 7 }
	vote := func(id uint64) Vote { return Vote(id % 2) }
	require.Zero(t, testing.AllocsPerRun(100, func() { c.CommittedIndex(reached); c.VoteResult(vote) }))
}
