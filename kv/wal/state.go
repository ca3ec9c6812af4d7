package wal

import (
	"bytes"
	"fmt"
	"slices"
	"sort"

	"github.com/holdfastdb/holdfast/raft"
)

// state is what a group's history amounts to, but for the entries themselves. Commits and
// recovery keep it by the same rules: those of apply.
type state struct {
	replica raft.ReplicaID
	hard    raft.HardState
	mark    raft.Mark
	last    uint64         // index of the last entry; mark.Index if there is none
	runs    []raft.TermRun // cover (mark.Index, last], as few as possible
	// configs are the configurations in (mark.Index, last]. Only recovery asks for them.
	configs []raft.ConfigEntry
}

// apply takes in one section, or gives the reason why no correct program wrote it. It
// tells the index in s.reset and s.compacted what became of older entries.
func (st *state) apply(s *section) (reason string) {
	s.reset = false
	if s.replica != st.replica {
		if st.replica != 0 && s.replica.Generation() <= st.replica.Generation() {
			return fmt.Sprintf("replica %#x of group %d follows replica %#x, whose generation is not lower",
				uint64(s.replica), s.group, uint64(st.replica))
		}
		*st = state{replica: s.replica}
		s.reset = true
	}
	if s.state.Term < st.hard.Term {
		return fmt.Sprintf("the term of group %d would go back from %d to %d", s.group, st.hard.Term, s.state.Term)
	}
	st.hard = s.state
	if reason := st.advance(s); reason != "" {
		return reason
	}
	s.compacted = st.mark.Index
	if s.count == 0 {
		return ""
	}
	return st.replace(s)
}

// advance takes in the section's mark. One below the group's, as a restart may repeat it, changes
// nothing.
func (st *state) advance(s *section) (reason string) {
	m := &s.mark
	switch {
	case m.Index == 0 || m.Index < st.mark.Index:
		return ""
	case m.Term > s.state.Term:
		return fmt.Sprintf("the mark of group %d has term %d, above the hard state's %d", s.group, m.Term, s.state.Term)
	case m.Term < st.mark.Term || m.Index == st.mark.Index && m.Term != st.mark.Term:
		return fmt.Sprintf("group %d: a mark at %d of term %d follows one at %d of term %d",
			s.group, m.Index, m.Term, st.mark.Index, st.mark.Term)
	case m.Index == st.mark.Index:
		return ""
	}
	if m.Index <= st.last && st.term(m.Index) == m.Term {
		st.compact(m.Index)
	} else {
		// Another leader's entries, or none: nothing behind the mark is known to follow it.
		st.runs, st.configs, st.last = st.runs[:0], nil, m.Index
		s.reset = true
	}
	st.mark = raft.Mark{Index: m.Index, Term: m.Term, Config: append([]byte(nil), m.Config...)}
	return ""
}

// term is the term of an index in (mark.Index, last].
func (st *state) term(index uint64) uint64 {
	n := sort.Search(len(st.runs), func(i int) bool { return st.runs[i].First > index })
	return st.runs[n-1].Term
}

// lastTerm is the term of the last entry, or the mark's.
func (st *state) lastTerm() uint64 {
	if n := len(st.runs); n > 0 {
		return st.runs[n-1].Term
	}
	return st.mark.Term
}

// compact forgets what is at index or below.
func (st *state) compact(index uint64) {
	n := sort.Search(len(st.runs), func(i int) bool { return st.runs[i].First > index+1 })
	if n > 0 {
		st.runs = slices.Delete(st.runs, 0, n-1)
		st.runs[0].First = index + 1
	}
	if index == st.last {
		st.runs = st.runs[:0]
	}
	for len(st.configs) > 0 && st.configs[0].Index <= index {
		st.configs = st.configs[1:]
	}
}

// replace takes in the section's entries. Those at the mark or below are covered by it.
func (st *state) replace(s *section) (reason string) {
	if s.first > st.last+1 {
		return fmt.Sprintf("group %d: entries from %d on after entry %d leave a gap", s.group, s.first, st.last)
	}
	for n := len(st.runs); n > 0 && st.runs[n-1].First >= s.first; n-- {
		st.runs = st.runs[:n-1]
	}
	for n := len(st.configs); n > 0 && st.configs[n-1].Index >= s.first; n-- {
		st.configs = st.configs[:n-1]
	}
	st.last = max(st.mark.Index, s.first-1)
	for i, run := range s.runs {
		end := s.last()
		if i+1 < len(s.runs) {
			end = s.runs[i+1].First - 1
		}
		if end <= st.mark.Index {
			continue
		}
		switch last := st.lastTerm(); {
		case run.Term < last || run.Term > s.state.Term:
			return fmt.Sprintf("term %d of entry %d of group %d is out of order: the one before has term %d, the hard state %d",
				run.Term, run.First, s.group, last, s.state.Term)
		case run.Term > last || len(st.runs) == 0:
			st.runs = append(st.runs, raft.TermRun{First: max(run.First, st.mark.Index+1), Term: run.Term})
		}
		st.last = end
	}
	for _, c := range s.configs {
		if c.Index > st.mark.Index {
			st.configs = append(st.configs, c)
		}
	}
	return ""
}

// restored is what the group's replica starts from, without the newest entries.
func (st *state) restored() raft.Restored {
	return raft.Restored{
		HardState: st.hard,
		SnapIndex: st.mark.Index, SnapTerm: st.mark.Term, SnapConfig: bytes.Clone(st.mark.Config),
		Configs: slices.Clone(st.configs), Runs: slices.Clone(st.runs), LastIndex: st.last,
	}
}
