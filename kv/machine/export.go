package machine

import (
	"bytes"
	"errors"
	"fmt"
	"sort"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Export is the whole state of a machine at one point of the log, to be read in chunks:
// format, position, sessions with their saved results, and data (SESS-01). It may be read
// from another lane than the machine's, by one goroutine at a time, while the machine goes on.
type Export struct {
	keys     layout
	snapshot env.Snapshot
	meta     meta
	// marks are where earlier chunks ended, in key order, so that reading on needs no
	// counting from the start.
	marks []exportMark
	// keyBuf holds the key inside the image of the pair at hand.
	keyBuf, scratch []byte
}

// exportMark is the tally up to and including a key.
type exportMark struct {
	key []byte
	tally
}

var errNothingApplied = errors.New("nothing has been applied yet, so there is nothing to export")

// Export takes the state at Applied() (SNAP-01, SNAP-07): it is called on the machine's
// lane. The caller closes it. The engine keeps what an open export can see, so none should
// stay open for longer than a transfer takes.
func (m *Machine) Export() (*Export, error) {
	if m.failed != nil {
		return nil, m.failed
	}
	if m.meta.index == 0 {
		return nil, fmt.Errorf("machine: partition %d: %w", m.keys.group, errNothingApplied)
	}
	s, err := m.engine.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("machine: partition %d: take a snapshot of the engine: %w", m.keys.group, err)
	}
	return &Export{keys: m.keys, snapshot: s, meta: m.meta}, nil
}

// Position is what the export is the state of: index and term of the last applied entry, and
// the state hash there. Exports of different replicas at the same index are equal.
func (e *Export) Position() (index, term, hash uint64) {
	return e.meta.index, e.meta.term, e.meta.hash
}

// Close releases the export.
func (e *Export) Close() error { return e.snapshot.Close() }

// Read returns the chunk of the pairs behind key after (empty: from the start), in key
// order: as many as fit in about maxBytes, at least one unless there is none. Last is the
// key of its last pair, to go on after; done says that no pair follows. The outcome is
// determined by the state, after and maxBytes.
//
// Going on where any earlier Read ended is cheap. Any other after, as when a transfer
// is resumed that somebody else began, reads the pairs up to there, too, because a chunk
// carries the sum of all that precedes it.
func (e *Export) Read(after []byte, maxBytes int) (data, last []byte, done bool, err error) {
	from, err := e.tallyAt(after)
	if err != nil {
		return nil, nil, false, err
	}
	to := exportMark{key: bytes.Clone(after), tally: from}
	data = beginChunk(make([]byte, 0, chunkHeader+min(max(maxBytes, 0), 1<<20)))
	done = true
	err = e.scan(after, func(key, value []byte) bool {
		if to.pairs > from.pairs && len(data)+len(key)+len(value) > maxBytes {
			done = false
			return false
		}
		data = appendBytes(appendBytes(data, key), value)
		e.scratch = to.add(e.scratch, key, value)
		to.key = append(to.key[:0], key...)
		return true
	})
	if err != nil {
		return nil, nil, false, err
	}
	endChunk(data, from, to.tally, done)
	if to.pairs > from.pairs {
		e.remember(to)
	}
	return data, to.key, done, nil
}

// Total counts the pairs up to and including a key where an earlier Read ended, and tells the sum that a stage which has
// taken them in has too.
func (e *Export) Total(key []byte) (pairs, sum uint64, err error) {
	t, err := e.tallyAt(key)
	return t.pairs, t.sum, err
}

// scan calls fn for the pairs behind key after, with their keys inside the image.
func (e *Export) scan(after []byte, fn func(key, value []byte) bool) error {
	lo, hi := e.keys.bounds()
	if len(after) > 0 {
		lo = append(e.imageKey(after), 0)
	}
	err := e.snapshot.Scan(lo, hi, func(key, value []byte) bool {
		// The engine's key is only lent: the image's bit must not be changed in it.
		e.keyBuf = append(e.keyBuf[:0], key[prefixLen:]...)
		e.keyBuf[0] &^= imageBit
		return fn(e.keyBuf, value)
	})
	if err != nil {
		return fmt.Errorf("machine: partition %d: read the snapshot at entry %d: %w", e.keys.group, e.meta.index, err)
	}
	return nil
}

// imageKey is the engine's key of a key inside the image.
func (e *Export) imageKey(key []byte) []byte {
	return append(e.keys.key(nil, key[0]), key[1:]...)
}

// tallyAt counts the pairs up to and including key.
func (e *Export) tallyAt(key []byte) (tally, error) {
	if len(key) == 0 {
		return tally{}, nil
	}
	i := sort.Search(len(e.marks), func(i int) bool { return bytes.Compare(e.marks[i].key, key) > 0 })
	var at exportMark
	if i > 0 {
		at = e.marks[i-1]
	}
	if bytes.Equal(at.key, key) {
		return at.tally, nil
	}
	err := e.scan(at.key, func(k, value []byte) bool {
		if bytes.Compare(k, key) > 0 {
			return false
		}
		e.scratch = at.add(e.scratch, k, value)
		return true
	})
	if err != nil {
		return tally{}, err
	}
	at.key = bytes.Clone(key)
	e.remember(at)
	return at.tally, nil
}

// remember keeps a mark in its place among the others.
func (e *Export) remember(at exportMark) {
	i := sort.Search(len(e.marks), func(i int) bool { return bytes.Compare(e.marks[i].key, at.key) >= 0 })
	if i < len(e.marks) && bytes.Equal(e.marks[i].key, at.key) {
		return
	}
	e.marks = append(e.marks, exportMark{})
	copy(e.marks[i+1:], e.marks[i:])
	e.marks[i] = at
}
