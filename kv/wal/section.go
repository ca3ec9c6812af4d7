package wal

import (
	"encoding/binary"

	"github.com/holdfastdb/holdfast/raft"
)

// sectionHdrSize is the fixed part of a section, in bytes.
const sectionHdrSize = 56

// section is what a frame holds of one group: its hard state and entries that
// follow one another from first on.
type section struct {
	group  raft.GroupID
	state  raft.HardState
	first  uint64 // 0 without entries
	count  uint32
	offset uint32 // from the start of the frame
	length uint32 // of the whole section
	sum    uint32 // checksum of all after itself
}

// last is the index of the last entry; it is first-1 without entries.
func (s *section) last() uint64 { return s.first + uint64(s.count) - 1 }

// encode fills in the fixed part of b, which is the whole section, and sets sum.
func (s *section) encode(b []byte) {
	le.PutUint32(b[0:], s.length)
	le.PutUint64(b[8:], uint64(s.group))
	le.PutUint64(b[16:], s.state.Term)
	le.PutUint64(b[24:], uint64(s.state.Vote))
	le.PutUint64(b[32:], s.state.Commit)
	le.PutUint64(b[40:], s.first)
	le.PutUint32(b[48:], s.count)
	s.sum = checksum(b[8:])
	le.PutUint32(b[4:], s.sum)
}

// decodeSection reads the section at the start of b, which is at the given offset
// of its frame. It returns a reason instead if there is no valid one.
func decodeSection(b []byte, offset uint32) (s section, reason string) {
	if len(b) < sectionHdrSize {
		return s, "a section is cut short"
	}
	s = section{
		length: le.Uint32(b[0:]),
		sum:    le.Uint32(b[4:]),
		group:  raft.GroupID(le.Uint64(b[8:])),
		state: raft.HardState{
			Term: le.Uint64(b[16:]), Vote: raft.ReplicaID(le.Uint64(b[24:])), Commit: le.Uint64(b[32:]),
		},
		first:  le.Uint64(b[40:]),
		count:  le.Uint32(b[48:]),
		offset: offset,
	}
	switch {
	case s.length < sectionHdrSize || int64(s.length) > int64(len(b)):
		return s, "a section's length is out of bounds"
	case checksum(b[8:s.length]) != s.sum:
		return s, "a section's checksum does not match"
	case s.group == 0 || (s.first == 0) != (s.count == 0) || s.first > s.first+uint64(s.count):
		return s, "a section has impossible fields"
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
	rest := b[sectionHdrSize:s.length]
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
