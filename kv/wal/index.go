package wal

import (
	"slices"
	"sort"

	"github.com/holdfastdb/holdfast/raft"
)

// extent says where a run of entries of one group is. 40 bytes each.
type extent struct {
	first   uint64
	segment uint64
	offset  int64  // of the section, in the segment
	length  uint32 // of the section
	count   uint32 // of its entries still valid: later sections may have replaced its last ones
	sum     uint32 // the section's checksum when it was committed
}

func (x *extent) last() uint64 { return x.first + uint64(x.count) - 1 }

// groupIndex finds the entries of one group. Extents follow one another in
// index without a gap.
type groupIndex struct {
	extents []extent
	// checkedLast and checkedTerm belong to the committer: what the group's last index
	// and term will be after the batch in hand.
	checkedLast, checkedTerm uint64
}

func (g *groupIndex) last() uint64 {
	if len(g.extents) == 0 {
		return 0
	}
	return g.extents[len(g.extents)-1].last()
}

// put adds the section that lies at the offset of the segment; its entries
// replace all from its first on. The section must not leave a gap.
func (g *groupIndex) put(s *section, segment uint64, offset int64) {
	if s.count == 0 {
		return
	}
	n := sort.Search(len(g.extents), func(i int) bool { return g.extents[i].first >= s.first })
	g.extents = g.extents[:n]
	if n > 0 && g.extents[n-1].last() >= s.first {
		g.extents[n-1].count = uint32(s.first - g.extents[n-1].first)
	}
	g.extents = append(g.extents, extent{
		first: s.first, segment: segment, offset: offset, length: s.length, count: s.count, sum: s.sum,
	})
}

// find returns a copy of the extents that hold entries from lo on, up to hi or
// until they take maxBytes; none if lo is not there.
func (g *groupIndex) find(lo, hi uint64, maxBytes int) []extent {
	from := sort.Search(len(g.extents), func(i int) bool { return g.extents[i].last() >= lo })
	if from == len(g.extents) || g.extents[from].first > lo {
		return nil
	}
	to, size := from, 0
	for to < len(g.extents) && g.extents[to].first <= hi && (to <= from+1 || size < maxBytes) {
		if to > from { // how much of the first is wanted is not known
			size += int(g.extents[to].length)
		}
		to++
	}
	return slices.Clone(g.extents[from:to])
}

// history is what recovery gathers of one group beside its index.
type history struct {
	state raft.HardState
	runs  []raft.TermRun
}

// add takes in one entry, replacing all from its index on. It refuses a term
// below that of the entry before.
func (h *history) add(index, term uint64) bool {
	n := len(h.runs)
	for n > 0 && h.runs[n-1].First >= index {
		n--
	}
	h.runs = h.runs[:n]
	if n > 0 && h.runs[n-1].Term >= term {
		return h.runs[n-1].Term == term
	}
	h.runs = append(h.runs, raft.TermRun{First: index, Term: term})
	return true
}
