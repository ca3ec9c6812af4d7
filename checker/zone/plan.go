package zone

import (
	"math/bits"
	"slices"
)

// plan guesses after which blocks there is an erasure of unknown version or outcome,
// given the order of the blocks. It is only a guess: the search tries the other way too.
//
// The slots are the places between blocks, 0 is before the first. Each erasure, and each answer that
// shows the key absent, has a window of slots that real time leaves it. A window of an erasure
// needs a slot of its own, one of an answer any slot with an erasure, and a put-if-absent the slot
// right before it. Which erasure goes where is found by a matching.
type plan struct {
	position []int32 // of blocks: the slot after each
	erase    marks   // slots at which an erasure is to take effect
	// twice: a second one follows there, of a write that nobody saw.
	twice marks
	// witnessed: the answers of erasures tell where they took effect.
	witnessed bool
}

// window is what real time leaves a floating item.
type window struct {
	from, to int32
	erases   bool
	// item is what it is of, slot where an erasure was put, none if nowhere.
	item, slot int32
}

// marks is a set of small numbers.
type marks []uint64

func newMarks(n int) marks       { return make(marks, n/64+1) }
func (m marks) has(i int32) bool { return m[i>>6]>>(i&63)&1 == 1 }
func (m marks) set(i int32)      { m[i>>6] |= 1 << (i & 63) }
func (m marks) clear(i int32)    { m[i>>6] &^= 1 << (i & 63) }

// first is the lowest member in a range, none if there is none.
func (m marks) first(from, to int32) int32 {
	for w := from >> 6; w <= to>>6; w++ {
		word := m[w]
		if w == from>>6 {
			word &= ^uint64(0) << (from & 63)
		}
		if word != 0 {
			if i := w<<6 + int32(bits.TrailingZeros64(word)); i <= to {
				return i
			}
			return none
		}
	}
	return none
}

// last is the highest member in a range, none if there is none.
func (m marks) last(from, to int32) int32 {
	for w := to >> 6; w >= from>>6; w-- {
		word := m[w]
		if w == to>>6 {
			word &= ^uint64(0) >> (63 - to&63)
		}
		if word != 0 {
			if i := w<<6 + 63 - int32(bits.LeadingZeros64(word)); i >= from {
				return i
			}
			return none
		}
	}
	return none
}

// newPlan makes a plan for blocks in the order in which the search prefers them.
func (s *search) newPlan(order []int32) plan {
	n := len(order)
	p := plan{position: make([]int32, n), erase: newMarks(n), twice: newMarks(n)}
	free, absent, unclaimed := newMarks(n), newMarks(n), newMarks(n)
	absent.set(0)
	for i, b := range order {
		slot := int32(i + 1)
		p.position[b] = slot
		first := &s.items[s.blocks[b].first]
		if first.role == erases {
			absent.set(slot)
			continue
		}
		free.set(slot)
		if i+1 == n {
			continue
		}
		if next := &s.blocks[order[i+1]]; s.blocks[b].top != 0 && next.base == s.blocks[b].top+1 {
			free.clear(slot)
		} else if needsAbsence(&s.items[next.first]) {
			unclaimed.set(slot)
		}
	}
	m := matching{search: s, plan: &p, free: free, absent: absent, forced: unclaimed, windows: s.windows(order, &p)}
	m.run()
	return p
}

// windows are those of the floating items, by their ends.
func (s *search) windows(order []int32, p *plan) []window {
	n := len(order)
	// called is the last call of the blocks up to one, returned the first return of those from one
	// on; both rise.
	called, returned := make([]int64, n), make([]int64, n)
	for i, b := range order {
		called[i], returned[i] = s.blocks[b].ownCall, s.blocks[b].ownRet
	}
	for i := 1; i < n; i++ {
		called[i] = max(called[i], called[i-1])
	}
	for i := n - 2; i >= 0; i-- {
		returned[i] = min(returned[i], returned[i+1])
	}
	place := s.witness(order)
	list := make([]window, 0, len(s.misses)+len(s.floating))
	for _, items := range [][]int32{s.floating, s.misses} {
		for _, i := range items {
			it := &s.items[i]
			from, _ := slices.BinarySearch(returned, it.op.Call)
			to, _ := slices.BinarySearch(called, it.ret)
			w := window{from: int32(from), to: int32(to), erases: it.role == erases, item: i, slot: none}
			if slot := place(it); w.erases && slot != none {
				w.from, w.to, p.witnessed = slot, slot, true
			}
			list = append(list, w)
		}
	}
	return list
}

// witness says in which slot an erasure was according to the place in the log that its answer tells,
// none if it tells none. Nothing is concluded from that, so it need not be true.
func (s *search) witness(order []int32) func(*item) int32 {
	// From the lowest version known of each block; one that has none counts as the one before.
	versions := make([]uint64, len(order))
	for i, b := range order {
		versions[i] = s.blocks[b].version
		if i > 0 {
			versions[i] = max(versions[i], versions[i-1])
		}
	}
	return func(it *item) int32 {
		if it.op.Result.Index == 0 || len(s.versions) == 0 {
			return none
		}
		slot, _ := slices.BinarySearch(versions, it.op.Result.Index)
		return int32(slot)
	}
}
