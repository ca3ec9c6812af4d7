package zone

import (
	"math"

	"github.com/holdfastdb/holdfast/checker/history"
)

// jumper is the state of a search that jumps. Where it gets stuck there is an item whose
// time runs out. The choice that was wrong may be hundreds of choices back, and to step back through
// all that came after it takes forever. So the search goes straight back to the last point at which
// that item could have come, and lets it come there (the item is pulled). If there is none, it
// steps back from the first point at which the item had been called. What it leaves out
// this way was not tried, so it proves nothing if it finds no order.
type jumper struct {
	// on: the search jumps.
	on bool
	// pulled is the length of the order before which each item was put when it was last pulled: next time
	// it must go further back. pulls are those that still hold, by that length.
	pulled []int32
	pulls  []int32
	// blocker is the item that kept the last block from coming, none if that is not known.
	blocker int32
}

// jumping searches with jumps until there is an order or the budget is spent, and
// reports whether there is one.
func (s *search) jumping() bool {
	s.jumper = jumper{on: true, pulled: make([]int32, len(s.items))}
	defer func() { s.jumper = jumper{} }()
	for i := range s.pulled {
		s.pulled[i] = math.MaxInt32
	}
	for s.budget >= 0 {
		alive := s.settle()
		if alive && int(s.earliest) == len(s.byReturn) {
			s.answer = Accept
			return true
		}
		s.skipDone()
		if alive {
			s.frames = append(s.frames, frame{point: s.point, ordered: int32(len(s.order))})
			if s.advance(&s.frames[len(s.frames)-1]) {
				continue
			}
		}
		if !s.jump() {
			return false
		}
	}
	return false
}

// culprit is the item to pull at a dead end: the one that must return first, or if that waits for a
// version, the one that has it.
func (s *search) culprit() int32 {
	s.limit()
	s.farthest = max(s.farthest, s.earliest)
	urgent := s.byReturn[s.earliest]
	if int(s.version) == len(s.versions) {
		return urgent
	}
	next := s.versions[s.version]
	h := s.headOf(urgent)
	if s.items[next].version <= s.floor || h != none && h != next && s.items[h].version != 0 {
		return next
	}
	return urgent
}

// headOf is the first item of an item's block, none if it is in none.
func (s *search) headOf(i int32) int32 {
	it := &s.items[i]
	switch {
	case it.cluster != none && s.clusters[it.cluster].block != none:
		return s.blocks[s.clusters[it.cluster].block].first
	case it.role == erases && it.version != 0:
		return i
	}
	return none
}

// jump leaves a dead end, and reports false if there is no way on.
func (s *search) jump() bool {
	u := s.culprit()
	crowd := s.crowd(u)
	const most = 4 // changes of the item at a frame
	changes := 0
	for len(s.frames) > 0 {
		f := &s.frames[len(s.frames)-1]
		s.restore(f)
		limit := s.limit()
		if s.items[u].op.Call >= limit {
			if crowd == none || s.items[crowd].op.Call >= limit {
				break
			}
			u, crowd = crowd, none
		}
		if f.ordered < s.pulled[u] {
			s.blocker = none
			if s.serve(u, limit) {
				s.forget(f.ordered)
				s.pulled[u] = f.ordered
				s.pulls = append(s.pulls, u)
				return true
			}
			// It could come if another one came before it.
			if b := s.blocker; changes < most && b != none && b != u && !s.done[b] && s.items[b].op.Call < limit && f.ordered < s.pulled[b] {
				u = b
				changes++
				continue
			}
		}
		changes = 0
		s.frames = s.frames[:len(s.frames)-1]
	}
	return s.stepBack()
}

// stepBack makes the next choice at the last frame that has one.
func (s *search) stepBack() bool {
	for len(s.frames) > 0 {
		f := &s.frames[len(s.frames)-1]
		s.restore(f)
		if s.advance(f) {
			s.forget(f.ordered)
			return true
		}
		s.frames = s.frames[:len(s.frames)-1]
	}
	return false
}

// forget drops the pulls that were undone by going back to a length of the order.
func (s *search) forget(length int32) {
	for len(s.pulls) > 0 {
		last := s.pulls[len(s.pulls)-1]
		if s.pulled[last] <= length {
			return
		}
		s.pulled[last] = math.MaxInt32
		s.pulls = s.pulls[:len(s.pulls)-1]
	}
}

// crowd is the erasure to pull if an item has a version for which too many changes came before
// it: the last one since the last change of known version.
func (s *search) crowd(u int32) int32 {
	if it := &s.items[u]; it.role > erases || it.version == 0 {
		return none
	}
	for i := len(s.order) - 1; i >= 0; i-- {
		s.budget--
		switch it := &s.items[s.order[i]]; {
		case it.role > erases:
		case it.version != 0:
			return none
		case it.role == erases:
			return s.order[i]
		}
	}
	return none
}

// serve lets an item come, or what must come before it.
func (s *search) serve(u int32, limit int64) bool {
	it := &s.items[u]
	if it.role == misses || it.role == erases && it.version == 0 {
		return s.erase(limit)
	}
	h := s.headOf(u)
	if h == none || s.done[h] {
		return false
	}
	switch head := &s.items[h]; {
	case needsAbsence(head) && s.cluster != none:
		if !s.erase(limit) {
			return false
		}
		s.settle()
		return s.mayBegin(h, s.limit()) || s.undo()
	case head.role == erases && s.cluster == none:
		return s.eraseUnseen(limit)
	}
	return s.mayBegin(h, limit) || s.beginBlind(h, limit)
}

// beginBlind lets a compare-and-set begin that expects a version which no answer explains, right
// after a write that nobody saw and that gave the key this version. Which such write does not matter.
func (s *search) beginBlind(h int32, limit int64) bool {
	const most = 64 // of the writes that are looked at
	it := &s.items[h]
	if it.cluster == none || !s.clusters[it.cluster].blind || s.bound() || s.owes || it.op.Call >= limit || it.op.ExpectVersion <= s.floor {
		return false
	}
	for at := s.spare; s.within(s.spares, at, limit) && at < s.spare+most; at++ {
		s.budget--
		w := s.spares[at]
		if s.done[w] || needsAbsence(&s.items[w]) && s.cluster != none {
			continue
		}
		s.take(w)
		s.cluster, s.floor, s.exact = s.items[w].cluster, it.op.ExpectVersion, true
		return s.begin(h) || s.undo()
	}
	return false
}

// blocked notes what keeps a block from coming.
func (s *search) blocked() {
	if s.limit() != history.Never {
		s.blocker = s.byReturn[s.earliest]
	}
}
