package wal

import (
	"bytes"
	"encoding/binary"

	"github.com/holdfastdb/holdfast/raft"
)

// sectionHdrSize is the fixed part of a section, in bytes; markHdrSize that of a mark.
const (
	sectionHdrSize = 64
	markHdrSize    = 16
)

// section is what a frame holds of one group: its hard state, perhaps a mark, and entries that
// follow one another from first on.
type section struct {
	group   raft.GroupID
	replica raft.ReplicaID
	state   raft.HardState
	mark    raft.Mark // Index 0 for none
	first   uint64    // 0 without entries
	count   uint32
	offset  uint32 // from the start of the frame
	length  uint32 // of the whole section
	sum     uint32 // checksum of all after itself

	// runs are the terms of the entries, and configs the configurations among them; Batch
	// leaves configs out.
	runs    []raft.TermRun
	configs []raft.ConfigEntry
	// reset and compacted say, once state.apply has seen the section, whether the group's older entries
	// are void, and its mark.
	reset     bool
	compacted uint64
}

// last is the index of the last entry; it is first-1 without entries.
func (s *section) last() uint64 { return s.first + uint64(s.count) - 1 }

// markLen is what the mark takes in the section.
func (s *section) markLen() int {
	if s.mark.Index == 0 {
		return 0
	}
	return markHdrSize + len(s.mark.Config)
}

// encode fills in the fixed part of b, which is the whole section, and sets sum.
func (s *section) encode(b []byte) {
	le.PutUint32(b[0:], s.length)
	le.PutUint64(b[8:], uint64(s.group))
	le.PutUint64(b[16:], uint64(s.replica))
	le.PutUint64(b[24:], s.state.Term)
	le.PutUint64(b[32:], uint64(s.state.Vote))
	le.PutUint64(b[40:], s.state.Commit)
	le.PutUint64(b[48:], s.first)
	le.PutUint32(b[56:], s.count)
	le.PutUint32(b[60:], uint32(s.markLen()))
	s.sum = checksum(b[8:])
	le.PutUint32(b[4:], s.sum)
}

func appendMark(b []byte, m *raft.Mark) []byte {
	b = le.AppendUint64(b, m.Index)
	b = le.AppendUint64(b, m.Term)
	return append(b, m.Config...)
}

// decodeSection reads the section at the start of b, which is at the given offset
// of its frame. It returns a reason instead if there is no valid one. The mark's
// configuration is part of b.
func decodeSection(b []byte, offset uint32) (s section, reason string) {
	if len(b) < sectionHdrSize {
		return s, "a section is cut short"
	}
	s = section{
		length:  le.Uint32(b[0:]),
		sum:     le.Uint32(b[4:]),
		group:   raft.GroupID(le.Uint64(b[8:])),
		replica: raft.ReplicaID(le.Uint64(b[16:])),
		state: raft.HardState{
			Term: le.Uint64(b[24:]), Vote: raft.ReplicaID(le.Uint64(b[32:])), Commit: le.Uint64(b[40:]),
		},
		first:  le.Uint64(b[48:]),
		count:  le.Uint32(b[56:]),
		offset: offset,
	}
	if s.length < sectionHdrSize || int64(s.length) > int64(len(b)) {
		return s, "a section's length is out of bounds"
	}
	if checksum(b[8:s.length]) != s.sum {
		return s, "a section's checksum does not match"
	}
	mark := le.Uint32(b[60:])
	if s.group == 0 || s.replica == 0 || (s.first == 0) != (s.count == 0) || s.first > s.first+uint64(s.count) ||
		mark > s.length-sectionHdrSize || mark > 0 && mark < markHdrSize {
		return s, "a section has impossible fields"
	}
	if mark > 0 {
		m := b[sectionHdrSize : sectionHdrSize+mark]
		s.mark = raft.Mark{Index: le.Uint64(m), Term: le.Uint64(m[8:]), Config: m[markHdrSize:]}
		if s.mark.Index == 0 || s.mark.Index == 1<<64-1 {
			return s, "a section has an impossible mark"
		}
	}
	return s, ""
}

func appendEntry(b []byte, e *raft.Entry) []byte {
	b = binary.AppendUvarint(b, e.Term)
	b = append(b, byte(e.Kind))
	b = binary.AppendUvarint(b, uint64(len(e.Data)))
	return append(b, e.Data...)
}

// decodeEntry reads the entry at the start of b and returns what follows it. The
// entry's data is part of b.
func decodeEntry(b []byte, index uint64) (e raft.Entry, rest []byte, ok bool) {
	term, n := binary.Uvarint(b)
	if n <= 0 || len(b) < n+1 {
		return e, nil, false
	}
	kind := raft.EntryKind(b[n])
	b = b[n+1:]
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return e, nil, false
	}
	e = raft.Entry{Index: index, Term: term, Kind: kind}
	end := n + int(size)
	if size > 0 {
		e.Data = b[n:end:end]
	}
	return e, b[end:], true
}

// eachEntry calls fn for the entries of the section whose bytes are b, until fn
// returns false. It reports whether what it met was well-formed; whole asks that nothing
// follows the last one.
func (s *section) eachEntry(b []byte, fn func(e raft.Entry) bool, whole bool) bool {
	rest := b[sectionHdrSize+s.markLen() : s.length]
	for i := range s.count {
		e, after, ok := decodeEntry(rest, s.first+uint64(i))
		if !ok {
			return false
		}
		if !fn(e) {
			return true
		}
		rest = after
	}
	return !whole || len(rest) == 0
}

// addRun adds the term of the entry that follows those that runs cover.
func addRun(runs []raft.TermRun, fresh bool, index, term uint64) []raft.TermRun {
	if fresh || runs[len(runs)-1].Term != term {
		runs = append(runs, raft.TermRun{First: index, Term: term})
	}
	return runs
}

// readTerms fills in runs and configs from the section's bytes; runs take the memory
// given. It reports whether the entries are well-formed.
func (s *section) readTerms(b []byte, runs []raft.TermRun) bool {
	runs = runs[:0]
	ok := s.eachEntry(b, func(e raft.Entry) bool {
		runs = addRun(runs, len(runs) == 0, e.Index, e.Term)
		if e.Kind == raft.EntryConfig {
			s.configs = append(s.configs, raft.ConfigEntry{Index: e.Index, Data: bytes.Clone(e.Data)})
		}
		return true
	}, true)
	s.runs = runs
	return ok
}
