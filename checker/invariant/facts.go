package invariant

// Names of the oracles.
const (
	OracleElectionSafety     = "election-safety"
	OracleLeaderAppendOnly   = "leader-append-only"
	OracleLogMatching        = "log-matching"
	OracleLeaderCompleteness = "leader-completeness"
	OracleStateMachineSafety = "state-machine-safety"
	OracleProgress           = "monotone-progress"
	OracleStateHash          = "state-hash"
	OracleDurability         = "durability"
	OracleRecovery           = "recovery"
	OracleConfiguration      = "configuration"
)

// Replica names one member of one Raft group.
type Replica struct {
	Group, Node uint64
}

// Entry is what the oracles know of a log entry.
type Entry struct {
	Index, Term uint64
	// Hash is of the entry's kind and content.
	Hash uint64
}

// Holding says what a log holds at an index.
type Holding uint8

const (
	// Absent: nothing.
	Absent Holding = iota
	// Present: an entry, whose term is known.
	Present
	// Compacted: the index is covered by a snapshot or by the applied state; its
	// term is not known any more.
	Compacted
)

// View looks up an index of a log. The term counts for Present only.
type View func(index uint64) (term uint64, holding Holding)

// series holds one T for each index of a group, from the first index not yet
// forgotten.
type series[T any] struct {
	base  uint64 // index of items[0]
	items []T
	known []bool
}

// at returns the place of an index, making room for it; nil if the index is
// forgotten.
func (s *series[T]) at(index uint64) (item *T, known bool) {
	if index < s.base {
		return nil, false
	}
	i := index - s.base
	for uint64(len(s.items)) <= i {
		var zero T
		s.items = append(s.items, zero)
		s.known = append(s.known, false)
	}
	known = s.known[i]
	s.known[i] = true
	return &s.items[i], known
}

// get returns what is known at an index.
func (s *series[T]) get(index uint64) (T, bool) {
	if i := index - s.base; index >= s.base && i < uint64(len(s.items)) && s.known[i] {
		return s.items[i], true
	}
	var zero T
	return zero, false
}

// last is the highest index there is room for, 0 if none.
func (s *series[T]) last() uint64 {
	if len(s.items) == 0 {
		return 0
	}
	return s.base + uint64(len(s.items)) - 1
}

// forget drops all indexes up to and including one.
func (s *series[T]) forget(upTo uint64) {
	if upTo < s.base {
		return
	}
	n := min(upTo-s.base+1, uint64(len(s.items)))
	s.items = append([]T(nil), s.items[n:]...)
	s.known = append([]bool(nil), s.known[n:]...)
	s.base = upTo + 1
}

// perGroup finds or makes the series of a group.
func perGroup[T any](m map[uint64]*series[T], group uint64) *series[T] {
	s := m[group]
	if s == nil {
		// Logs begin at index 1, and facts need not come in the order of indexes.
		s = &series[T]{base: 1}
		m[group] = s
	}
	return s
}
