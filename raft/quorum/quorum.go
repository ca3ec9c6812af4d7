package quorum

import (
	"slices"
)

// Config is a set of voters that decides by majority (§5.2, §5.3). Joint
// consensus (§6) will add a second set to it that must agree as well; callers
// only ever ask CommittedIndex and VoteResult, so nothing changes for them.
type Config struct {
	voters []uint64
}

// Majority returns the configuration of these voters; doubles count once.
func Majority(voters ...uint64) Config {
	v := slices.Clone(voters)
	slices.Sort(v)
	return Config{voters: slices.Compact(v)}
}

// Voters returns the voters in ascending order. The caller must not change the
// slice.
func (c Config) Voters() []uint64 { return c.voters }

// Contains tells whether id is a voter.
func (c Config) Contains(id uint64) bool { return slices.Contains(c.voters, id) }

// onStack is the number of voters up to which CommittedIndex does not allocate.
const onStack = 9

// CommittedIndex returns the largest value that a majority of the voters has
// reached (QUORUM-1), given what each of them has reached. It serves log
// indexes, read rounds and times of last contact alike.
func (c Config) CommittedIndex(reached func(voter uint64) uint64) uint64 {
	if len(c.voters) == 0 {
		return 0
	}
	var buf [onStack]uint64
	desc := buf[:0]
	for _, id := range c.voters {
		v := reached(id)
		at := len(desc)
		for at > 0 && desc[at-1] < v {
			at--
		}
		desc = slices.Insert(desc, at, v)
	}
	return desc[len(desc)/2]
}

// Result is the state of an election.
type Result uint8

const (
	// Pending: the votes so far decide nothing.
	Pending Result = iota
	// Won: a majority granted.
	Won
	// Lost: so many refused that no majority can grant any more.
	Lost
)

// String names the result.
func (r Result) String() string { return [...]string{"pending", "won", "lost"}[r] }

// Vote is what one voter answered.
type Vote uint8

const (
	// Unknown: no answer yet.
	Unknown Vote = iota
	Granted
	Refused
)

// VoteResult tells how an election stands, given each voter's answer (QUORUM-2).
func (c Config) VoteResult(answer func(voter uint64) Vote) Result {
	granted, refused := 0, 0
	for _, id := range c.voters {
		switch answer(id) {
		case Granted:
			granted++
		case Refused:
			refused++
		}
	}
	switch need := len(c.voters)/2 + 1; {
	case len(c.voters) == 0, len(c.voters)-refused < need:
		return Lost
	case granted >= need:
		return Won
	}
	return Pending
}
