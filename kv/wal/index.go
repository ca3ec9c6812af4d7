package wal

import (
	"slices"
	"sort"
)

// extent says where a run of entries of one group is. 40 bytes each.
type extent struct {
	first   uint64
	segment uint64 // 0 if the entries were in a segment that is gone: while Open replays the log
	offset  int64  // of the section, in the segment
	length  uint32 // of the section
	count   uint32 // of its entries still valid: later sections may have replaced its last ones
	sum     uint32 // the section's checksum when it was committed
}

func (x *extent) last() uint64 { return x.first + uint64(x.count) - 1 }

// groupIndex finds the entries of one group. Extents follow one another without a gap, in index
// and in the order of commits: so the first is in the oldest segment that the group needs.
type groupIndex struct {
	extents []extent
	// compacted is the index of the group's mark: entries up to it may still be in an extent,
	// but are no longer answered.
	compacted uint64
}

func (x *groupIndex) last() uint64 {
	if len(x.extents) == 0 {
		return x.compacted
	}
	return max(x.compacted, x.extents[len(x.extents)-1].last())
}

// apply takes in a section, which state.apply has seen, and whose frame is at the offset of
// the segment.
func (x *groupIndex) apply(s *section, segment uint64, frame int64) {
	if s.reset {
		x.extents = x.extents[:0]
	}
	x.compacted = s.compacted
	if s.count > 0 {
		x.put(extent{
			first: s.first, segment: segment, offset: frame + int64(s.offset), length: s.length, count: s.count, sum: s.sum,
		})
	}
	x.drop()
}

// put adds an extent; its entries replace all from its first on.
func (x *groupIndex) put(e extent) {
	n := sort.Search(len(x.extents), func(i int) bool { return x.extents[i].first >= e.first })
	x.extents = x.extents[:n]
	if n > 0 && x.extents[n-1].last() >= e.first {
		x.extents[n-1].count = uint32(e.first - x.extents[n-1].first)
	}
	x.extents = append(x.extents, e)
}

// drop forgets the extents that the mark covers. Memory that a backlog took is given back.
func (x *groupIndex) drop() {
	n := 0
	for n < len(x.extents) && x.extents[n].last() <= x.compacted {
		n++
	}
	if n == 0 {
		return
	}
	x.extents = slices.Delete(x.extents, 0, n)
	if cap(x.extents) > 4*len(x.extents)+64 {
		x.extents = slices.Clone(x.extents)
	}
}

// oldest is the first segment the group needs, 0 if none.
func (x *groupIndex) oldest() uint64 {
	if len(x.extents) == 0 {
		return 0
	}
	return x.extents[0].segment
}

// bytes is about what the group's entries take, or something above the limit.
func (x *groupIndex) bytes(limit int64) int64 {
	size := int64(0)
	for i := 0; i < len(x.extents) && size <= limit; i++ {
		size += int64(x.extents[i].length)
	}
	return size
}

// find returns a copy of the extents that hold entries from lo on, up to hi or
// until they take maxBytes; none if lo is not there.
func (x *groupIndex) find(lo, hi uint64, maxBytes int) []extent {
	from := sort.Search(len(x.extents), func(i int) bool { return x.extents[i].last() >= lo })
	if from == len(x.extents) || x.extents[from].first > lo {
		return nil
	}
	to, size := from, 0
	for to < len(x.extents) && x.extents[to].first <= hi && (to <= from+1 || size < maxBytes) {
		if to > from { // how much of the first is wanted is not known
			size += int(x.extents[to].length)
		}
		to++
	}
	return slices.Clone(x.extents[from:to])
}
