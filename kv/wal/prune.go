package wal

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/raft"
)

// maxCarry bounds the entries that one Prune writes anew, in bytes. They must also be less than a
// quarter of what is deleted for it, so that deleting always makes the log shorter.
const maxCarry = 1 << 20

// holder is a group that needs entries of segments before the newest.
type holder struct {
	group   raft.GroupID
	oldest  uint64 // segment
	extents []extent
}

// Prunable reports whether Prune would delete a segment. It costs next to nothing unless
// entries became obsolete or a segment was begun since the last call.
func (l *Log) Prunable() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.settled || l.oldest == l.newest {
		return false
	}
	floor, _ := l.plan()
	l.settled = floor == l.oldest
	return !l.settled
}

// Prune deletes the segments that no group needs. A group with few entries left in old
// segments gets these written anew into the active one, up to 1 MiB for all groups; one that has
// more keeps its segments until a mark is committed for it.
//
// It is called like Commit and not at the same time. A failed read of entries to carry is returned,
// deletes nothing and does not stop the log, and Prunable is false until something changes; any other
// error is final.
func (l *Log) Prune() error {
	l.mu.Lock()
	err := l.err
	floor, holders := l.plan()
	oldest := l.oldest
	l.mu.Unlock()
	if err != nil || floor == oldest {
		return err
	}
	if err := l.carry(holders); err != nil {
		l.mu.Lock()
		l.settled = true // no new attempt for nothing
		l.mu.Unlock()
		return err
	}
	l.mustNotNeed(floor)
	if err := l.raiseFloor(floor); err != nil {
		return l.fail(err)
	}
	l.mu.Lock()
	l.oldest = floor // readers that find a segment gone look again (ReadEntries)
	l.mu.Unlock()
	var gone []uint64
	for n := oldest; n < floor; n++ {
		gone = append(gone, n)
	}
	if err := unlink(&l.options, gone); err != nil {
		return l.fail(err)
	}
	return nil
}

// plan returns the highest floor that is worth it, and the groups whose entries must be carried
// for it. The floor is l.oldest if nothing can be deleted. mu is held.
func (l *Log) plan() (floor uint64, carry []holder) {
	var holders []holder
	for id, g := range l.groups {
		if at := g.index.oldest(); at != 0 && at < l.newest {
			holders = append(holders, holder{group: id, oldest: at})
		}
	}
	slices.SortFunc(holders, func(a, b holder) int {
		return cmp.Or(cmp.Compare(a.oldest, b.oldest), cmp.Compare(a.group, b.group))
	})
	floor, n, size := l.oldest, 0, int64(0)
	for i := 0; size <= maxCarry; i++ {
		at := l.newest
		if i < len(holders) {
			at = holders[i].oldest
		}
		freed := min(int64(at-l.oldest), 1<<20) * l.options.SegmentBytes
		if at > floor && (i == 0 || size <= min(maxCarry, freed/4)) {
			floor, n = at, i
		}
		if i == len(holders) {
			break
		}
		size += l.groups[holders[i].group].index.bytes(maxCarry)
	}
	for i := range holders[:n] {
		holders[i].extents = slices.Clone(l.groups[holders[i].group].index.extents)
	}
	return floor, holders[:n]
}

// carry writes all entries of the groups anew. They replace themselves, so this is a
// commit like any other.
func (l *Log) carry(holders []holder) error {
	if len(holders) == 0 {
		return nil
	}
	r := reader{options: &l.options}
	defer r.close()
	b := NewBatch()
	for i := range holders {
		h := &holders[i]
		st := &l.groups[h.group].state
		var entries []raft.Entry
		for j := range h.extents {
			err := r.read(h.group, &h.extents[j], func(e raft.Entry) bool {
				if e.Index > st.mark.Index {
					entries = append(entries, e)
				}
				return true
			})
			if err != nil {
				return fmt.Errorf("wal: carry entries of group %d out of old segments: %w", h.group, err)
			}
		}
		b.Add(h.group, st.replica, &raft.Persist{State: st.hard, Entries: entries})
	}
	return l.Commit(b)
}

// mustNotNeed panics if a group has entries in segments before the floor: it is the last moment to
// notice.
func (l *Log) mustNotNeed(floor uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(l.groups)) {
		if at := l.groups[id].index.oldest(); at != 0 && at < floor {
			panic(fmt.Sprintf("wal: segments before %d are to be deleted, but group %d needs segment %d", floor, id, at))
		}
	}
}

// raiseFloor makes it durable that the segments before floor are needed no more.
func (l *Log) raiseFloor(floor uint64) error {
	if err := l.reserve(frameHdrSize + 8); err != nil {
		return err
	}
	l.buf = append(l.buf[:0], make([]byte, frameHdrSize)...)
	l.buf = le.AppendUint64(l.buf, floor)
	if _, err := l.write(l.buf, frameFloor); err != nil {
		return err
	}
	l.floor = floor
	return nil
}

// unlink deletes segments that a durable floor excludes, in the order given.
func unlink(o *Options, numbers []uint64) error {
	if len(numbers) == 0 {
		return nil
	}
	for _, n := range numbers {
		path := o.FS.PathJoin(o.Dir, segmentName(n))
		if err := o.FS.Remove(path); err != nil {
			return failed("remove", path, 0, err)
		}
	}
	return syncDir(o.FS, o.Dir)
}
