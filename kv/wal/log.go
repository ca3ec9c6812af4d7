package wal

import (
	"fmt"
	"sync"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// DefaultSegmentBytes is the size of segments unless Options says otherwise.
const DefaultSegmentBytes = 64 << 20

// minSegmentBytes leaves room for the header and some frames.
const minSegmentBytes = 1 << 10

// Options say where a log is and whose.
type Options struct {
	FS  env.FS
	Dir string
	// SegmentBytes is how large a segment gets, 1 KiB to 1 GiB; 0 stands for
	// DefaultSegmentBytes. A batch that is larger gets a larger segment to itself.
	SegmentBytes int64
	// Cluster and Node own the log: they are written into each segment, and a log
	// of another owner is refused.
	Cluster uint64
	Node    env.NodeID
	// TailBytes is about how many bytes of each group's newest entries Open
	// returns in Recovery, measured with raft.Entry.Size; 0 for none.
	TailBytes int
}

// Log is the open log of a node.
//
// Commit and Close are called one at a time. ReadEntries may be called by any
// number of goroutines at any time. What the two sides share is guarded by mu, which is never
// held during input or output: ReadEntries copies the extents it needs and
// reads through a file handle of its own, and bytes that an extent
// points to never change.
type Log struct {
	options Options

	// Of the committer:
	active *segment
	next   cursor

	mu     sync.Mutex
	groups map[raft.GroupID]*groupIndex
	err    error // why the log is stopped, for good (WAL-7)
}

// Commit makes the batch durable: when it returns nil, all of the batch survives
// a crash; when it fails, the batch may be found after a restart or not, as a
// whole. Any error is final: this and all later calls return it.
//
// It panics if entries of a group would leave a gap or if a group's term would go
// back: the batch is not what the group's core handed over, in order.
func (l *Log) Commit(b *Batch) error {
	if err := l.admit(b); err != nil || len(b.sections) == 0 {
		return err
	}
	offset, err := l.write(b.buf, frameBatch)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.err = err
		return err
	}
	for i := range b.sections {
		s := &b.sections[i]
		l.groups[s.group].put(s, l.active.number, offset+int64(s.offset))
	}
	return nil
}

// admit checks the batch against what the log holds, before anything is written.
func (l *Log) admit(b *Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	for i := range b.sections {
		s := &b.sections[i]
		g := l.groups[s.group]
		if g == nil {
			g = &groupIndex{}
			l.groups[s.group] = g
		}
		if s.state.Term < g.checkedTerm {
			panic(fmt.Sprintf("wal: group %d: term would go back from %d to %d", s.group, g.checkedTerm, s.state.Term))
		}
		g.checkedTerm = s.state.Term
		if s.count == 0 {
			continue
		}
		if s.first > g.checkedLast+1 {
			panic(fmt.Sprintf("wal: group %d: entries from %d on after entry %d leave a gap", s.group, s.first, g.checkedLast))
		}
		g.checkedLast = s.last()
	}
	return nil
}

// write appends a frame and syncs it. buf holds the payload behind room for the
// header. It returns the frame's offset in the segment that is active then.
func (l *Log) write(buf []byte, kind byte) (int64, error) {
	length := len(buf) - frameHdrSize
	size := frameSize(int64(length))
	if l.active.end+size > l.options.SegmentBytes && l.active.end > segmentHdrSize {
		if err := l.rotate(); err != nil {
			return 0, err
		}
	}
	var padding [frameAlign]byte
	buf = append(buf, padding[:size-int64(len(buf))]...)
	s := l.active
	offset := s.end
	h := frameHeader{
		kind: kind, number: l.next.number, length: uint32(length), prev: l.next.chain,
		payload: checksum(buf[frameHdrSize:]),
	}
	h.encode(buf, s.at, offset)
	if err := writeAt(s.file, buf, offset); err != nil {
		return 0, failed("write", s.path, offset, err)
	}
	s.end += size
	if err := s.grow(l.options.SegmentBytes); err != nil {
		return 0, err
	}
	if err := s.file.SyncData(); err != nil {
		return 0, failed("sync", s.path, offset, err)
	}
	l.next = cursor{h.number + 1, h.sum}
	return offset, nil
}

// grow writes zeros ahead of the frames when these come near the end of the file;
// the sync of the frame just written covers them.
func (s *segment) grow(limit int64) error {
	s.zeroed = max(s.zeroed, s.end)
	if s.zeroed-s.end >= growBytes/2 || s.zeroed >= limit {
		return nil
	}
	to := min(limit, s.zeroed+growBytes)
	err := s.zero(s.zeroed, to)
	s.zeroed = to
	return err
}

// rotate starts the next segment. All frames of the active one are synced.
func (l *Log) rotate() error {
	next, err := createSegment(&l.options, &segmentHeader{
		version: formatVersion, chain: l.next.chain, cluster: l.options.Cluster, node: l.options.Node,
		number: l.active.number + 1, frame: l.next.number,
	})
	if err != nil {
		return err
	}
	old := l.active
	l.active = next
	if err := old.file.Close(); err != nil {
		return failed("close", old.path, old.end, err)
	}
	return nil
}

// Close writes a mark that the log is complete and releases it. After a failure
// it releases the log and returns the failure.
func (l *Log) Close() error {
	l.mu.Lock()
	err := l.err
	if err == nil {
		l.err = ErrClosed
	}
	l.mu.Unlock()
	if err == ErrClosed {
		return nil
	}
	if err == nil {
		_, err = l.write(make([]byte, frameHdrSize), frameClose)
	}
	if closeErr := l.active.file.Close(); err == nil && closeErr != nil {
		err = failed("close", l.active.path, l.active.end, closeErr)
	}
	return err
}
