package quorum

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawVoters(t *rapid.T) Config {
	return Majority(rapid.SliceOfNDistinct(rapid.Uint64Range(1, 40), 1, 12, rapid.ID[uint64]).Draw(t, "voters")...)
}

// Claim QUORUM-1: CommittedIndex is the largest value that a majority reached. Method: against the
// definition, tried for each value.
func TestCommittedIndexIsLargestReachedByMajority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawVoters(t)
		reached := map[uint64]uint64{}
		for _, id := range c.Voters() {
			reached[id] = rapid.OneOf(rapid.Uint64Range(0, 6), rapid.Uint64()).Draw(t, "reached")
		}
		want := uint64(0)
		for _, candidate := range reached {
			n := 0
			for _, v := range reached {
				if v >= candidate {
					n++
				}
			}
			if 2*n > len(c.Voters()) {
				want = max(want, candidate)
			}
		}
		require.Equal(t, want, c.CommittedIndex(func(id uint64) uint64 { return reached[id] }))
	})
}

// Claim QUORUM-2: Won iff a majority granted, Lost iff it no longer can. Method: against the definition.
func TestVoteResultFollowsMajority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawVoters(t)
		answers, granted, refused := map[uint64]Vote{}, 0, 0
		for _, id := range c.Voters() {
			answers[id] = Vote(rapid.IntRange(0, 2).Draw(t, "vote"))
			switch answers[id] {
			case Granted:
				granted++
			case Refused:
				refused++
			}
		}
		n := len(c.Voters())
		want := Pending
		if 2*granted > n {
			want = Won
		} else if 2*(n-refused) <= n {
			want = Lost
		}
		require.Equal(t, want, c.VoteResult(func(id uint64) Vote { return answers[id] }))
	})
}

// Claim QUORUM-3: two deciding sets intersect. Method: a set of voters and its complement never both win.
func TestNoTwoDisjointQuorums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawVoters(t)
		side := map[uint64]bool{}
		for _, id := range c.Voters() {
			side[id] = rapid.Bool().Draw(t, "side")
		}
		wins := func(which bool) Result {
			return c.VoteResult(func(id uint64) Vote {
				if side[id] == which {
					return Granted
				}
				return Refused
			})
		}
		require.False(t, wins(true) == Won && wins(false) == Won)
	})
}

// Claim QUORUM-4: nobody decides nothing. Method: the empty configuration.
func TestEmptyConfigDecidesNothing(t *testing.T) {
	c := Majority()
	require.Zero(t, c.CommittedIndex(func(uint64) uint64 { return math.MaxUint64 }))
	require.Equal(t, Lost, c.VoteResult(func(uint64) Vote { return Granted }))
	require.False(t, c.Contains(0))
}

// Claim QUORUM-5: only voters are asked, and doubles are one voter. Method: record who is asked.
func TestOnlyVotersAreAskedOnce(t *testing.T) {
	c := Majority(3, 1, 3, 2)
	require.Equal(t, []uint64{1, 2, 3}, c.Voters())
	var asked []uint64
	c.CommittedIndex(func(id uint64) uint64 { asked = append(asked, id); return 0 })
	c.VoteResult(func(id uint64) Vote { asked = append(asked, id); return Unknown })
	require.Equal(t, []uint64{1, 2, 3, 1, 2, 3}, asked)
	require.True(t, c.Contains(2))
	require.False(t, c.Contains(4))
	require.Equal(t, "pending won lost", Pending.String()+" "+Won.String()+" "+Lost.String())
}

// Claim: deciding costs no garbage for usual sizes. Method: count allocations.
func TestCommittedIndexDoesNotAllocate(t *testing.T) {
	c := Majority(1, 2, 3, 4, 5, 6, 7)
	reached := func(id uint64) uint64 { return id * id % 7 }
	require.Zero(t, testing.AllocsPerRun(100, func() { c.CommittedIndex(reached) }))
}
