package raft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// The first byte of a message is the version of its format: the oldest one that can say it, so that builds from before
// understand all but what they could not. A reader refuses versions it does not know.
const (
	codecVersion = 2
	// codecQuiesce has Message.Quiesce.
	codecQuiesce = 3
)

// A message is
//
//	version, type (one byte each), fields, group, from, to, term, then the fields
//	whose bit is set: LogIndex, LogTerm, Commit, HintIndex, HintTerm, Round, Join, and the
//	number of entries followed by them. Reject, Transfer and Quiesce are their bits.
//
// An entry is index, term, kind (one byte), length of the data, data. Numbers
// (fields too) are unsigned varints in their shortest form, and fields that are zero are
// left out, so that every message has exactly one encoding.
const (
	fieldLogIndex = 1 << iota
	fieldLogTerm
	fieldCommit
	fieldHintIndex
	fieldHintTerm
	fieldRound
	fieldEntries
	fieldReject
	fieldTransfer
	fieldJoin
	fieldQuiesce

	fieldsKnown = fieldQuiesce<<1 - 1
)

// minEntryBytes is the size of the smallest encoded entry.
const minEntryBytes = 4

// What decoding can answer, wrapped with what was being read.
var (
	errShort    = errors.New("raft: codec: the input ends too early")
	errNumber   = errors.New("raft: codec: a number is too long or not in its shortest form")
	errVersion  = errors.New("raft: codec: unknown version of the message format")
	errMessage  = errors.New("raft: codec: malformed message")
	errEntry    = errors.New("raft: codec: malformed entry")
	errTrailing = errors.New("raft: codec: bytes after the end of the message")
)

// AppendMessage appends the encoding of m to dst.
func AppendMessage(dst []byte, m *Message) []byte {
	var fields uint64
	optional := [...]uint64{m.LogIndex, m.LogTerm, m.Commit, m.HintIndex, m.HintTerm, m.Round}
	for i, v := range optional {
		if v != 0 {
			fields |= 1 << i
		}
	}
	if len(m.Entries) > 0 {
		fields |= fieldEntries
	}
	if m.Reject {
		fields |= fieldReject
	}
	if m.Transfer {
		fields |= fieldTransfer
	}
	if m.Join != 0 {
		fields |= fieldJoin
	}
	version := byte(codecVersion)
	if m.Quiesce {
		fields |= fieldQuiesce
		version = codecQuiesce
	}
	dst = append(dst, version, byte(m.Type))
	dst = binary.AppendUvarint(dst, fields)
	dst = binary.AppendUvarint(dst, uint64(m.Group))
	dst = binary.AppendUvarint(dst, uint64(m.From))
	dst = binary.AppendUvarint(dst, uint64(m.To))
	dst = binary.AppendUvarint(dst, m.Term)
	for _, v := range optional {
		if v != 0 {
			dst = binary.AppendUvarint(dst, v)
		}
	}
	if m.Join != 0 {
		dst = binary.AppendUvarint(dst, m.Join)
	}
	if len(m.Entries) > 0 {
		dst = binary.AppendUvarint(dst, uint64(len(m.Entries)))
		for i := range m.Entries {
			dst = AppendEntry(dst, &m.Entries[i])
		}
	}
	return dst
}

// AppendEntry appends the encoding of e to dst. Logs on disk use it too.
func AppendEntry(dst []byte, e *Entry) []byte {
	dst = binary.AppendUvarint(dst, e.Index)
	dst = binary.AppendUvarint(dst, e.Term)
	dst = append(dst, byte(e.Kind))
	dst = binary.AppendUvarint(dst, uint64(len(e.Data)))
	return append(dst, e.Data...)
}

// EncodedEntrySize returns how many bytes AppendEntry will append.
func EncodedEntrySize(e *Entry) int {
	return uvarintLen(e.Index) + uvarintLen(e.Term) + 1 + uvarintLen(uint64(len(e.Data))) + len(e.Data)
}

func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// reader takes an input apart; the first error sticks.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
		r.b = nil
	}
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail(errShort)
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.b)
	switch {
	case n == 0:
		r.fail(errShort)
		return 0
	case n < 0 || r.b[n-1] == 0:
		r.fail(errNumber)
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail(errShort)
		return nil
	}
	if n == 0 {
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// DecodeMessage decodes exactly one message. The entries' Data are parts of b: the
// caller must not change b any more. It checks the form only; Receive checks
// the sense.
func DecodeMessage(b []byte) (Message, error) {
	r := reader{b: b}
	version := r.byte()
	if r.err == nil && version != codecVersion && version != codecQuiesce {
		return Message{}, fmt.Errorf("%w: %d, this build knows %d and %d", errVersion, version, codecVersion, codecQuiesce)
	}
	m := Message{Type: MessageType(r.byte())}
	fields := r.uvarint()
	m.Group, m.From, m.To = GroupID(r.uvarint()), ReplicaID(r.uvarint()), ReplicaID(r.uvarint())
	m.Term = r.uvarint()
	m.Reject, m.Transfer, m.Quiesce = fields&fieldReject != 0, fields&fieldTransfer != 0, fields&fieldQuiesce != 0
	r.optional(fields, fieldLogIndex, &m.LogIndex)
	r.optional(fields, fieldLogTerm, &m.LogTerm)
	r.optional(fields, fieldCommit, &m.Commit)
	r.optional(fields, fieldHintIndex, &m.HintIndex)
	r.optional(fields, fieldHintTerm, &m.HintTerm)
	r.optional(fields, fieldRound, &m.Round)
	r.optional(fields, fieldJoin, &m.Join)
	if fields&fieldEntries != 0 {
		m.Entries = r.entries(m.LogIndex)
	}
	if len(r.b) > 0 {
		r.fail(errTrailing)
	}
	if r.err == nil && (m.Type < firstMessage || m.Type > lastMessage || fields > fieldsKnown || m.Quiesce != (version == codecQuiesce)) {
		r.fail(fmt.Errorf("%w: unknown type %d or fields %#x in version %d", errMessage, m.Type, fields, version))
	}
	if r.err != nil {
		return Message{}, r.err
	}
	return m, nil
}

func (r *reader) optional(fields, bit uint64, v *uint64) {
	if fields&bit == 0 || r.err != nil {
		return
	}
	if *v = r.uvarint(); *v == 0 {
		r.fail(fmt.Errorf("%w: a field that is zero is not left out", errMessage))
	}
}

// entries reads the entries of an append after index prev.
func (r *reader) entries(prev uint64) []Entry {
	n := r.uvarint()
	if r.err != nil {
		return nil
	}
	if n == 0 || n > uint64(len(r.b))/minEntryBytes {
		r.fail(fmt.Errorf("%w: %d entries in %d bytes", errMessage, n, len(r.b)))
		return nil
	}
	entries := make([]Entry, n)
	for i := range entries {
		r.entry(&entries[i])
		if prev++; r.err == nil && entries[i].Index != prev {
			r.fail(fmt.Errorf("%w: entry %d where %d belongs", errMessage, entries[i].Index, prev))
		}
		if r.err != nil {
			return nil
		}
	}
	return entries
}

func (r *reader) entry(e *Entry) {
	e.Index, e.Term, e.Kind = r.uvarint(), r.uvarint(), EntryKind(r.byte())
	n := r.uvarint()
	if r.err == nil && (n > MaxEntryBytes || e.Kind > EntryConfig) {
		r.fail(fmt.Errorf("%w: kind %d, %d bytes of data", errEntry, e.Kind, n))
	}
	e.Data = r.bytes(n)
}

// DecodeEntry decodes the entry at the start of b and returns what follows it. The entry's
// Data is part of b: the caller must not change b any more.
func DecodeEntry(b []byte) (e Entry, rest []byte, err error) {
	r := reader{b: b}
	r.entry(&e)
	if r.err != nil {
		return Entry{}, nil, r.err
	}
	return e, r.b, nil
}
