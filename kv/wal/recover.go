package wal

import (
	"fmt"
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/raft"
)

// Recovery is what Open found.
type Recovery struct {
	// Groups holds every group the log knows of, ascending: also those whose replica was removed,
	// so that no replica id is ever used again.
	Groups []GroupState
	// Store is the log's number.
	Store uint64
	// Fresh says that there was no log, or one that never finished its creation.
	// A node that had a log before must take this for the loss of its disk.
	Fresh bool
	// Clean says that the log had been closed with Close.
	Clean bool
	// TornBytes is the length of an interrupted write that was cut off, in bytes.
	TornBytes int64
	// Segments, Frames and Bytes count what is in the log.
	Segments int
	Frames   int64
	Bytes    int64
	// Records counts the sections: one or more for each Batch.Add.
	Records int64
	// Floor is the oldest segment of the log; Obsolete are the older ones that were still
	// there: Open deletes them.
	Floor    uint64
	Obsolete []uint64
}

// GroupState is what a group's replica starts from.
type GroupState struct {
	Group raft.GroupID
	// Replica is the newest replica of the group that this log belonged to.
	Replica raft.ReplicaID
	// Restored lacks Applied, which the storage engine knows.
	Restored raft.Restored
}

// Open opens the log in the directory, creating both where missing, and returns what it
// holds. An interrupted last write is cut off, and segments that a Prune did not get to
// delete are deleted. Open fails with *CorruptError, *WrongOwnerError or *FormatError and then changes
// nothing, as with ErrMissing; or with an input or output error. It panics on options out of bounds, and if
// Store is 0 and there is no log yet.
func Open(o Options) (*Log, *Recovery, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.SegmentBytes < minSegmentBytes || o.SegmentBytes > maxPayload {
		panic(fmt.Sprintf("wal: segments of %d bytes are not within %d and %d", o.SegmentBytes, minSegmentBytes, maxPayload))
	}
	if o.MustExist {
		// Before anything is created, as a log that is there passes for the old one at the next start.
		if exists, err := Exists(o.FS, o.Dir); err != nil {
			return nil, nil, err
		} else if !exists {
			return nil, nil, missing(o.Dir)
		}
	}
	if err := makeDir(&o); err != nil {
		return nil, nil, err
	}
	r := newReplay(&o)
	if err := r.run(); err != nil {
		return nil, nil, err
	}
	active, err := r.activate()
	if err != nil {
		return nil, nil, err
	}
	l := &Log{
		options: o, active: active, next: r.next, floor: r.found.Floor, groups: r.groups,
		oldest: r.found.Floor, newest: active.number,
	}
	if err := r.finish(l); err != nil {
		return nil, nil, closing(l.active.file, err)
	}
	found := r.found // a copy, so that the segment read last is not kept alive
	return l, &found, nil
}

// makeDir creates the directory and makes its entry durable, and those of what it
// had to create above it.
func makeDir(o *Options) error {
	var parents []string
	for dir := o.Dir; ; {
		parent := o.FS.PathDir(dir)
		if parent == dir {
			break
		}
		parents = append(parents, parent)
		if _, err := o.FS.Stat(parent); err == nil {
			break
		}
		dir = parent
	}
	_, err := o.FS.Stat(o.Dir)
	if err == nil {
		if numbers, err := listSegments(o.FS, o.Dir); err != nil || len(numbers) > 0 {
			return err
		}
	}
	if err := o.FS.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("wal: create %s: %w", o.Dir, err)
	}
	for _, parent := range parents {
		if err := syncDir(o.FS, parent); err != nil {
			return err
		}
	}
	return nil
}

// activate opens the last segment for writing, or creates the first.
func (r *replay) activate() (*segment, error) {
	o := r.options
	if r.found.Fresh {
		if o.Store == 0 {
			panic(fmt.Sprintf("wal: a log is to be created in %s without a store number", o.Dir))
		}
		r.found.Segments, r.found.Store = 1, o.Store
		r.header = segmentHeader{
			version: formatVersion, cluster: o.Cluster, node: o.Node, number: 1, frame: 1, store: o.Store,
		}
		return createSegment(o, &r.header)
	}
	o.Store = r.found.Store
	if r.unborn {
		return createSegment(o, &r.header)
	}
	f, err := o.FS.OpenReadWrite(r.path, writeCategory)
	if err != nil {
		return nil, failed("open", r.path, 0, err)
	}
	s := &segment{
		file: f, path: r.path, number: r.header.number, at: r.header.place(),
		begin: r.begin, end: r.scan.end, zeroed: max(r.scan.end, int64(len(r.data))),
	}
	if err := r.settle(s); err != nil {
		return nil, closing(f, err)
	}
	return s, nil
}

// settle makes durable what was read, and cuts off an interrupted write. What was
// read may be in the page cache only, marked clean by a sync that failed under an
// earlier process, so syncing alone is not enough: the newest frame, the only one
// that can be in this state, and the zeros behind it are written again.
func (r *replay) settle(s *segment) error {
	if err := s.zero(s.end, s.zeroed); err != nil {
		return err
	}
	newest := r.data[:segmentHdrSize]
	if r.scan.last > 0 {
		newest = r.data[r.scan.last:r.scan.end]
	}
	if err := writeAt(s.file, newest, r.scan.last); err != nil {
		return failed("write", r.path, r.scan.last, err)
	}
	if err := s.file.Sync(); err != nil {
		return failed("sync", r.path, r.scan.last, err)
	}
	return syncDir(r.options.FS, r.options.Dir)
}

// summarize fills in the groups of what was found, without entries.
func (r *replay) summarize() {
	for _, id := range slices.Sorted(maps.Keys(r.groups)) {
		st := &r.groups[id].state
		r.found.Groups = append(r.found.Groups, GroupState{Group: id, Replica: st.replica, Restored: st.restored()})
	}
}

// finish completes what a crash interrupted, now that all that was read is durable, prepares the log
// for commits, and adds the groups' newest entries to what Open returns.
func (r *replay) finish(l *Log) error {
	r.summarize()
	for i := range r.found.Groups {
		found := &r.found.Groups[i]
		g := l.groups[found.Group]
		g.state.configs = nil
		tail, err := l.tail(found.Group, &g.index)
		if err != nil {
			return err
		}
		found.Restored.Tail = tail
	}
	if l.active.number > 1 && l.active.begin == segmentHdrSize {
		if err := l.checkpoint(); err != nil {
			return err
		}
	}
	return unlink(r.options, r.found.Obsolete)
}

// tail returns the newest entries of a group that fit TailBytes.
func (l *Log) tail(id raft.GroupID, x *groupIndex) ([]raft.Entry, error) {
	r := reader{options: &l.options}
	defer r.close()
	var runs [][]raft.Entry // newest first
	size := 0
	for i := len(x.extents) - 1; i >= 0 && size < l.options.TailBytes; i-- {
		var run []raft.Entry
		err := r.read(id, &x.extents[i], func(e raft.Entry) bool {
			if e.Index > x.compacted {
				run = append(run, e)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		from := len(run)
		for ; from > 0; from-- {
			if size += run[from-1].Size(); size > l.options.TailBytes {
				break
			}
		}
		runs = append(runs, run[from:])
	}
	slices.Reverse(runs)
	return slices.Concat(runs...), nil
}
