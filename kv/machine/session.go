package machine

import (
	"encoding/binary"
	"slices"
)

// session is what the machine remembers of one client: which of its requests
// were answered, and with what.
type session struct {
	id uint64
	// lastActive is the log time, lastIndex the log index of the last entry that
	// spoke for the session. Log time never goes back, so that order by lastIndex
	// is order by silence, without ties.
	lastActive int64
	lastIndex  uint64
	// floor: the client has the answers to all numbers up to it.
	floor uint64
	// saved are the results of executed numbers above floor, ascending.
	saved []saved

	// dirty says that the record in the engine is to be written again.
	dirty bool
	// The neighbours in table's order.
	older, newer *session
}

// saved is one saved result.
type saved struct {
	seq   uint64
	index uint64 // of the first execution
	// own says that the result has an engine key of its own; enc is then nil except
	// until the end of the Apply that saved it.
	own bool
	enc []byte
}

// find returns where number seq is or belongs in saved.
func (s *session) find(seq uint64) (int, bool) {
	if n := len(s.saved); n == 0 || s.saved[n-1].seq < seq {
		return n, false
	}
	return slices.BinarySearchFunc(s.saved, seq, func(r saved, seq uint64) int {
		switch {
		case r.seq < seq:
			return -1
		case r.seq > seq:
			return 1
		}
		return 0
	})
}

// appendRecord appends the session's engine record.
func (s *session) appendRecord(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(s.lastActive))
	dst = binary.AppendUvarint(dst, s.lastIndex)
	dst = binary.AppendUvarint(dst, s.floor)
	dst = binary.AppendUvarint(dst, uint64(len(s.saved)))
	for i := range s.saved {
		r := &s.saved[i]
		dst = binary.AppendUvarint(dst, r.seq-s.floor)
		dst = binary.AppendUvarint(dst, r.index)
		if r.own {
			dst = append(dst, 1)
			continue
		}
		dst = append(dst, 0)
		dst = appendBytes(dst, r.enc)
	}
	return dst
}

func decodeSession(id uint64, b []byte) (*session, error) {
	r := cursor{b: b}
	s := &session{id: id, lastActive: int64(r.uvarint()), lastIndex: r.uvarint(), floor: r.uvarint()}
	n := r.uvarint()
	if r.bad || n > uint64(len(r.b)) { // a saved result takes more than one byte
		return nil, errTruncated
	}
	s.saved = make([]saved, n)
	for i := range s.saved {
		e := &s.saved[i]
		e.seq = s.floor + r.uvarint()
		e.index = r.uvarint()
		if e.own = r.byte() == 1; !e.own {
			e.enc = slices.Clone(r.bytes())
		}
	}
	switch {
	case r.bad:
		return nil, errTruncated
	case len(r.b) != 0:
		return nil, errTrailing
	}
	return s, nil
}

// table holds the sessions, by id and in the order of their last activity.
type table struct {
	byID           map[uint64]*session
	oldest, newest *session
	// results and bytes count the saved results of all sessions, and the memory of
	// those that are kept there.
	results, bytes int
}

// push makes s the newest session.
func (t *table) push(s *session) {
	s.older, s.newer = t.newest, nil
	if t.newest != nil {
		t.newest.newer = s
	} else {
		t.oldest = s
	}
	t.newest = s
}

// unlink takes s out of the order.
func (t *table) unlink(s *session) {
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		t.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		t.newest = s.older
	}
	s.older, s.newer = nil, nil
}

func (t *table) add(s *session) {
	t.byID[s.id] = s
	t.push(s)
	t.results += len(s.saved)
	for i := range s.saved {
		t.bytes += s.saved[i].memory()
	}
}

// memory is what the result counts in table.bytes.
func (r *saved) memory() int {
	if r.own {
		return 0
	}
	return len(r.enc)
}
