package quorum

import (
	"slices"
)

// Config is a set of voters that decides by majority (§5.2, §5.3), or a joint
// configuration of two sets that must both decide the same (§6).
type Config struct {
	// outgoing is empty unless the configuration is joint; all is the union of both.
	incoming, outgoing, all []uint64
}

// Majority returns the configuration of these voters; doubles count once.
func Majority(voters ...uint64) Config {
	v := sorted(voters)
	return Config{incoming: v, all: v}
}

// Joint returns the configuration in which a majority of each set must agree; doubles within
// a set count once. Without outgoing voters it is Majority(incoming...).
func Joint(incoming, outgoing []uint64) Config {
	if len(outgoing) == 0 {
		return Majority(incoming...)
	}
	return Config{
		incoming: sorted(incoming), outgoing: sorted(outgoing), all: sorted(slices.Concat(incoming, outgoing)),
	}
}

func sorted(voters []uint64) []uint64 {
	v := slices.Clone(voters)
	slices.Sort(v)
	return slices.Compact(v)
}

// Voters returns all voters, those of both halves, in ascending order. The caller must not
// change the slice.
func (c Config) Voters() []uint64 { return c.all }

// Contains tells whether id is a voter, in either half.
func (c Config) Contains(id uint64) bool { return slices.Contains(c.all, id) }

// IsSole tells whether id alone decides: it is the only voter there is.
func (c Config) IsSole(id uint64) bool {
	return len(c.outgoing) == 0 && len(c.incoming) == 1 && c.incoming[0] == id
}

// onStack is the number of voters up to which CommittedIndex does not allocate.
const onStack = 9

// CommittedIndex returns the largest value that a majority of the voters has
// reached, in each half of a joint configuration (QUORUM-1), given what each of them has
// reached. It serves log indexes, read rounds and times of last contact alike.
func (c Config) CommittedIndex(reached func(voter uint64) uint64) uint64 {
	index := majorityIndex(c.incoming, reached)
	if len(c.outgoing) > 0 {
		index = min(index, majorityIndex(c.outgoing, reached))
	}
	return index
}

func majorityIndex(voters []uint64, reached func(voter uint64) uint64) uint64 {
	if len(voters) == 0 {
		return 0
	}
	var buf [onStack]uint64
	desc := buf[:0]
	for _, id := range voters {
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
	result := majorityResult(c.incoming, answer)
	if len(c.outgoing) == 0 || result == Lost {
		return result
	}
	if other := majorityResult(c.outgoing, answer); other != Won {
		return other
	}
	return result
}

func majorityResult(voters []uint64, answer func(voter uint64) Vote) Result {
	granted, refused := 0, 0
	for _, id := range voters {
		switch answer(id) {
		case Granted:
			granted++
		case Refused:
			refused++
		}
	}
	switch need := len(voters)/2 + 1; {
	case len(voters) == 0, len(voters)-refused < need:
		return Lost
	case granted >= need:
		return Won
	}
	return Pending
}
