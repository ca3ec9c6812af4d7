package wal

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// ReadEntries returns entries of the group from lo on, to hi (inclusive) at most,
// as many as fit maxBytes as measured by raft.Entry.Size, but at least one. It
// sees what commits that returned before the call made durable. The entries'
// data is the caller's.
//
// It fails with ErrCompacted (wrapped) if the group's mark is at lo or above; with ErrNoEntries
// (wrapped) if the log does not hold lo or hi < lo; with a *CorruptError if what it read is
// damaged, which does not stop the log; and with the log's own error once that is stopped.
func (l *Log) ReadEntries(g raft.GroupID, lo, hi uint64, maxBytes int) ([]raft.Entry, error) {
	for {
		extents, oldest, err := l.locate(g, lo, hi, maxBytes)
		if err != nil {
			return nil, err
		}
		entries, err := l.readExtents(g, extents, lo, hi, maxBytes)
		// The segment may have been deleted meanwhile; then the entries are elsewhere or compacted.
		// Each new attempt needs another Prune to fail.
		if now, _ := l.Segments(); err != nil && now > oldest {
			continue
		}
		return entries, err
	}
}

func (l *Log) readExtents(g raft.GroupID, extents []extent, lo, hi uint64, maxBytes int) ([]raft.Entry, error) {
	r := reader{options: &l.options}
	defer r.close()
	var entries []raft.Entry
	size := 0
	for i := range extents {
		full := false
		err := r.read(g, &extents[i], func(e raft.Entry) bool {
			if e.Index < lo {
				return true
			}
			size += e.Size()
			if full = e.Index > hi || size > maxBytes && len(entries) > 0; full {
				return false
			}
			entries = append(entries, e)
			return true
		})
		if err != nil {
			return nil, err
		}
		if full {
			break
		}
	}
	return entries, nil
}

// locate finds where the entries are, and says which was the oldest segment then.
func (l *Log) locate(g raft.GroupID, lo, hi uint64, maxBytes int) (extents []extent, oldest uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, 0, l.err
	}
	known := l.groups[g]
	if known == nil {
		return nil, 0, noEntries(g, lo, 0)
	}
	x := &known.index
	if lo <= x.compacted && x.compacted > 0 {
		return nil, 0, compacted(g, lo, x.compacted)
	}
	extents = x.find(lo, hi, maxBytes)
	if len(extents) == 0 || hi < lo {
		return nil, 0, noEntries(g, lo, x.last())
	}
	return extents, l.oldest, nil
}

// reader reads sections and keeps the segment of the last one open.
type reader struct {
	options *Options
	file    env.File
	path    string
	number  uint64
}

func (r *reader) close() {
	if r.file != nil {
		_ = r.file.Close() // it was only read
	}
	r.file = nil
}

// read calls fn for the extent's valid entries until fn returns false. It checks
// that the section is the one that was committed.
func (r *reader) read(g raft.GroupID, x *extent, fn func(e raft.Entry) bool) error {
	if r.file == nil || r.number != x.segment {
		r.close()
		path := r.options.FS.PathJoin(r.options.Dir, segmentName(x.segment))
		f, err := r.options.FS.Open(path)
		if err != nil {
			return fmt.Errorf("wal: open %s to read entries: %w", path, err)
		}
		r.file, r.path, r.number = f, path, x.segment
	}
	buf := make([]byte, x.length)
	if n, err := r.file.ReadAt(buf, x.offset); n < len(buf) {
		return fmt.Errorf("wal: read %s at offset %d: %w", r.path, x.offset, err)
	}
	s, reason := decodeSection(buf, 0)
	if reason == "" && (s.sum != x.sum || s.length != x.length || s.group != g || s.first != x.first || s.count < x.count) {
		reason = "a section is not the one written there"
	}
	if reason == "" {
		s.count, buf = x.count, buf[:s.length]
		if !s.eachEntry(buf, fn, false) {
			reason = "a section's entries are malformed"
		}
	}
	if reason != "" {
		return &CorruptError{r.path, x.offset, reason}
	}
	return nil
}
