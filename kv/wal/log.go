package wal

import (
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
	// Store is the number that a log gets for ever when it is created, drawn at random by the
	// caller and not 0: it tells two logs of one node apart. Recovery.Store is the one found.
	Store uint64
	// TailBytes is about how many bytes of each group's newest entries Open
	// returns in Recovery, measured with raft.Entry.Size; 0 for none.
	TailBytes int
	// MustExist refuses, with ErrMissing, to create a log: the node had one before.
	MustExist bool
}

// Log is the open log of a node.
//
// Commit, Prune and Close are called one at a time. ReadEntries, Prunable and Segments may be
// called by any number of goroutines at any time. What the two sides share is guarded by mu, which is
// never held during input or output: ReadEntries copies the extents it needs and
// reads through a file handle of its own, and bytes that an extent
// points to never change.
type Log struct {
	options Options

	// Of the committer:
	active *segment
	next   cursor
	floor  uint64 // the newest one on disk
	buf    []byte // for frames that are no batches

	mu sync.Mutex
	// groups is changed under mu, by the committer, which therefore may read the map without
	// it. Of each group the state is the committer's, the index is guarded by mu.
	groups map[raft.GroupID]*group
	// oldest and newest are the segments there are. Extents are within them.
	oldest, newest uint64
	// settled says that Prunable was false and nothing has happened since that could change it.
	settled bool
	err     error // why the log is stopped, for good (WAL-7)
}

// group is what the log knows of a group.
type group struct {
	state state
	index groupIndex
}

// Commit makes the batch durable: when it returns nil, all of the batch survives
// a crash; when it fails, the batch may be found after a restart or not, as a
// whole. Any error is final: this and all later calls return it.
//
// A mark below the group's mark is ignored; so is one equal to it. Commit panics if entries
// of a group would leave a gap, if a term would go back, or if a replica is followed by one whose
// generation is not higher: the batch is not what the group's core handed over, in order.
func (l *Log) Commit(b *Batch) error {
	if err := l.failure(); err != nil || len(b.sections) == 0 {
		return err
	}
	// Before the batch is taken in: a new segment starts with the state that is durable.
	if err := l.reserve(len(b.buf)); err != nil {
		return l.fail(err)
	}
	l.admit(b)
	offset, err := l.write(b.buf, frameBatch)
	if err != nil {
		return l.fail(err)
	}
	l.publish(b, offset)
	return nil
}

// failure is why the log is stopped, if it is.
func (l *Log) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// fail stops the log for good.
func (l *Log) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	return err
}

// admit takes the batch into the state of the groups, before it is written: should it never be
// durable, then neither is anything after it.
func (l *Log) admit(b *Batch) {
	for i := range b.sections {
		s := &b.sections[i]
		g := l.groups[s.group]
		if g == nil {
			g = &group{}
			l.mu.Lock()
			l.groups[s.group] = g
			l.mu.Unlock()
		}
		if reason := g.state.apply(s); reason != "" {
			panic("wal: " + reason)
		}
	}
}

// publish lets readers find what is now durable in the active segment at the offset.
func (l *Log) publish(b *Batch, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b.sections {
		s := &b.sections[i]
		x := &l.groups[s.group].index
		if s.reset || s.compacted != x.compacted || s.count > 0 && s.first <= x.last() {
			l.settled = false // some entries are needed no more
		}
		x.apply(s, l.active.number, offset)
	}
}

// reserve starts a new segment if a frame, header included, does not fit the active one.
func (l *Log) reserve(length int) error {
	s := l.active
	// A large checkpoint must not fill a segment.
	limit := max(l.options.SegmentBytes, 4*s.begin)
	if s.end+align(int64(length)) <= limit || s.end == s.begin {
		return nil
	}
	return l.rotate()
}

// write appends a frame to the active segment and syncs it. buf holds the payload behind room for
// the header. It returns the frame's offset.
func (l *Log) write(buf []byte, kind byte) (int64, error) {
	length := len(buf) - frameHdrSize
	size := frameSize(int64(length))
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
		number: l.active.number + 1, frame: l.next.number, store: l.options.Store,
	})
	if err != nil {
		return err
	}
	old := l.active
	l.active = next
	if err := old.file.Close(); err != nil {
		return failed("close", old.path, old.end, err)
	}
	return l.checkpoint()
}

// checkpoint begins the active segment, which is not the first and has no frames yet.
func (l *Log) checkpoint() error {
	l.buf = append(l.buf[:0], make([]byte, frameHdrSize)...)
	l.buf = appendCheckpoint(l.buf, l.floor, l.groups)
	if _, err := l.write(l.buf, frameCheckpoint); err != nil {
		return err
	}
	l.active.begin = l.active.end
	l.mu.Lock()
	l.newest, l.settled = l.active.number, false
	l.mu.Unlock()
	return nil
}

// Segments returns the numbers of the oldest and of the newest segment there are.
func (l *Log) Segments() (oldest, newest uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.oldest, l.newest
}

// Close writes a mark that the log is complete and releases it. After a failure
// it releases the log and returns the failure.
func (l *Log) Close() error {
	err := l.failure()
	if err == ErrClosed {
		return nil
	}
	if err == nil {
		_ = l.fail(ErrClosed)
		if err = l.reserve(frameHdrSize); err == nil {
			_, err = l.write(make([]byte, frameHdrSize), frameClose)
		}
	}
	if closeErr := l.active.file.Close(); err == nil && closeErr != nil {
		err = failed("close", l.active.path, l.active.end, closeErr)
	}
	return err
}
