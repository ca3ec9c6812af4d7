package zone

import (
	"cmp"
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
)

// search looks for a linear order, step by step. What it does without a choice:
//
//   - An answer that shows the state as it is, of an operation that may come now, comes now.
//   - A block goes on to its end once it has begun.
//   - Of the erasures of unknown version that may come now, the one that returned first is
//     taken, one of unknown outcome only if there is no other: exchanging two of them in
//     an order gives an order.
//
// The choices left are which block comes next, and whether an erasure comes before it. They are
// tried in the order of the blocks' moments, so that the first attempt is right if the zones
// alone decide.
type search struct {
	*register
	lists
	point
	jumper
	plan   plan
	done   []bool
	order  []int32
	read   []int32 // by cluster: readers done
	frames []frame
	failed map[string]struct{}
	// answered counts the items in order that were answered.
	answered int
	budget   int64
	// eager is the first of two ways to guess when erasures come.
	eager  bool
	answer Answer
	// farthest is the latest that earliest has been at a dead end.
	farthest int32
}

// lists are sorted once.
type lists struct {
	byReturn []int32 // answered items, by return
	misses   []int32 // by call, as all that follow
	floating []int32 // erasures of unknown version
	lost     []int32 // erasures of unknown outcome
	spares   []int32 // unknown writes that nobody saw, where only an erasure can have found one
	heads    []int32 // the first items of the blocks, by moment
	byCall   []int32 // positions in heads, by call
	extras   []int32 // the same, where a compare-and-set may have replaced one
	silent   []int32 // all unknown writes that are not spares
}

// point is where the search is, apart from what is done.
type point struct {
	// cluster is that of the value, none if the key is absent.
	cluster int32
	// floor is a lower bound of the version of the last change, exact: it is that.
	floor uint64
	exact bool
	// owes: an erasure of unknown outcome was used, so absence must be needed now.
	owes bool
	// The first positions in the lists that are not done.
	earliest, miss, float, lose, spare, head, called, version, quiet int32
	// slot is the last one that was reached in the plan.
	slot int32
}

// frame is a point at which there is a choice.
type frame struct {
	point
	ordered int32 // len(order)
	// next is the next choice.
	next int32
	// erased: an erasure was tried first.
	erased bool
}

// The choices at a frame, in the order in which they are tried.
const (
	firstErasure int32 = iota
	firstHead
	lastErasure
	knownErasure
	blindHead
	otherHeads // and up
)

// The budget of a search grows with the history, so that the time is proportional to it.
const (
	stepsPerItem = 64
	spareSteps   = 1 << 14
)

func newSearch(r *register) *search {
	s := &search{
		register: r, done: make([]bool, len(r.items)), read: make([]int32, len(r.clusters)),
		order: make([]int32, 0, len(r.items)), budget: stepsPerItem*int64(len(r.items)) + spareSteps,
	}
	s.cluster = none
	for i := range r.items {
		it, at := &r.items[i], int32(i)
		if !it.open {
			s.byReturn = append(s.byReturn, at)
		}
		switch {
		case it.role == misses:
			s.misses = append(s.misses, at)
		case it.role == erases && it.open:
			s.lost = append(s.lost, at)
		case it.role == erases && it.version == 0:
			s.floating = append(s.floating, at)
		case it.role == writes && it.open:
			s.addOpen(at, it)
		}
	}
	slices.SortFunc(s.byReturn, func(a, b int32) int { return cmp.Compare(r.items[a].ret, r.items[b].ret) })
	s.sortHeads()
	return s
}

func (s *search) addOpen(at int32, it *item) {
	if it.effective || s.optional {
		s.silent = append(s.silent, at)
	}
	if !it.effective && s.optional {
		s.extras = append(s.extras, at)
	}
	if !it.effective && (it.op.Kind == history.Put || it.op.Kind == history.PutIfAbsent) {
		s.spares = append(s.spares, at)
	}
}

// sortHeads puts the blocks in the order of their moments.
func (s *search) sortHeads() {
	blocks := make([]int32, len(s.blocks))
	for i := range blocks {
		blocks[i] = int32(i)
	}
	slices.SortFunc(blocks, func(a, b int32) int {
		x, y := &s.blocks[a], &s.blocks[b]
		return cmp.Or(cmp.Compare(x.moment, y.moment), compareBool(x.after, y.after), cmp.Compare(x.version, y.version))
	})
	for _, b := range blocks {
		s.heads = append(s.heads, s.blocks[b].first)
	}
	s.plan = s.newPlan(blocks)
	for i := range s.heads {
		s.byCall = append(s.byCall, int32(i))
	}
	// Items are in the order of calls.
	slices.SortFunc(s.byCall, func(a, b int32) int { return cmp.Compare(s.heads[a], s.heads[b]) })
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// few is the number of items up to which all orders that matter are tried first: that
// is quick, and what has no order is known at once.
const few = 128

// run searches in two ways, each with two ways to guess when erasures come: which one is better
// depends on how many clients there are. Each of the four has a budget of its own.
func (s *search) run() *search {
	thorough := func() bool { return s.attempt().answer != Undecided }
	ways := []func() bool{s.jumping, thorough}
	if len(s.items) <= few {
		slices.Reverse(ways)
	}
	start := s.point
	for _, way := range ways {
		for _, s.eager = range []bool{!s.plan.witnessed, s.plan.witnessed} {
			if way() {
				return s
			}
			s.point, s.failed = start, nil
			s.order, s.frames = s.order[:0], s.frames[:0]
			clear(s.done)
			clear(s.read)
			s.answered = 0
			s.budget = stepsPerItem*int64(len(s.items)) + spareSteps
		}
	}
	return s
}

// refute tries all orders that matter, within the budget.
func (s *search) refute() *search {
	s.eager = !s.plan.witnessed
	return s.attempt()
}

// attempt searches until an order is found, none is left, or the budget is spent.
func (s *search) attempt() *search {
	for {
		alive := s.settle()
		if alive && int(s.earliest) == len(s.byReturn) {
			s.answer = Accept
			return s
		}
		s.skipDone()
		if alive && !s.known() {
			s.frames = append(s.frames, frame{point: s.point, ordered: int32(len(s.order))})
		} else {
			s.retreat()
		}
		for {
			if s.budget < 0 {
				s.answer = Undecided
				return s
			}
			if len(s.frames) == 0 {
				s.answer = Reject
				return s
			}
			if s.advance(&s.frames[len(s.frames)-1]) {
				break
			}
			s.abandon()
		}
	}
}

// skipDone goes on to the first head that is not done.
func (s *search) skipDone() {
	for int(s.head) < len(s.heads) && s.done[s.heads[s.head]] {
		s.head++
	}
}

// limit is the return before which everything that comes now must have been called.
func (s *search) limit() int64 {
	for int(s.earliest) < len(s.byReturn) && s.done[s.byReturn[s.earliest]] {
		s.earliest++
	}
	if int(s.earliest) == len(s.byReturn) {
		return history.Never
	}
	return s.items[s.byReturn[s.earliest]].ret
}

func (s *search) take(i int32) {
	s.done[i] = true
	if !s.items[i].open {
		s.answered++
	}
	s.order = append(s.order, i)
	s.budget--
}

// settle takes all answers that show the state as it is. It reports false if the state is
// a dead end.
func (s *search) settle() bool {
	for again := true; again; {
		again = false
		limit := s.limit()
		if s.cluster == none {
			for int(s.miss) < len(s.misses) && s.items[s.misses[s.miss]].op.Call < limit {
				s.take(s.misses[s.miss])
				s.miss++
				s.owes, again = false, true
			}
			continue
		}
		readers := s.clusters[s.cluster].readers
		for int(s.read[s.cluster]) < len(readers) && s.items[readers[s.read[s.cluster]]].op.Call < limit {
			s.take(readers[s.read[s.cluster]])
			s.read[s.cluster]++
			again = true
		}
	}
	for int(s.version) < len(s.versions) && s.done[s.versions[s.version]] {
		s.version++
	}
	if int(s.version) < len(s.versions) && s.items[s.versions[s.version]].version <= s.floor {
		return false
	}
	// Nothing that saw a value can come after the next change, and what is left of it
	// was called too late to come now.
	return s.cluster == none || int(s.read[s.cluster]) == len(s.clusters[s.cluster].readers)
}

// retreat undoes what was done since the last choice.
func (s *search) retreat() {
	if len(s.frames) > 0 {
		s.restore(&s.frames[len(s.frames)-1])
	}
}

func (s *search) restore(f *frame) {
	for len(s.order) > int(f.ordered) {
		last := s.order[len(s.order)-1]
		s.order = s.order[:len(s.order)-1]
		s.done[last] = false
		it := &s.items[last]
		if it.role == sees {
			s.read[it.cluster]--
		}
		if !it.open {
			s.answered--
		}
		s.budget--
	}
	s.point = f.point
}

// abandon drops the last frame: nothing leads on from there.
func (s *search) abandon() {
	last := len(s.frames) - 1
	s.restore(&s.frames[last])
	if s.failed == nil {
		s.failed = make(map[string]struct{})
	}
	s.failed[s.state()] = struct{}{}
	s.frames = s.frames[:last]
	s.retreat()
}

// advance makes the next choice at a frame, and reports false if there is none left.
func (s *search) advance(f *frame) bool {
	limit := s.limit()
	for {
		choice := f.next
		f.next++
		switch {
		case choice == firstErasure:
			f.erased = s.prefersErasure(limit)
			if f.erased && s.erase(limit) {
				return true
			}
		case choice == firstHead:
			// The usual case: no need to look at the others.
			if int(s.head) < len(s.heads) && s.mayBegin(s.heads[s.head], limit) {
				return true
			}
		case choice == lastErasure:
			if !f.erased && s.erase(limit) {
				return true
			}
		case choice == knownErasure:
			if s.eraseUnseen(limit) {
				return true
			}
		case choice == blindHead:
			if int(s.head) < len(s.heads) && s.beginBlind(s.heads[s.head], limit) {
				return true
			}
		default:
			others := s.others(limit)
			if at := int(choice - otherHeads); at >= len(others) {
				return false
			} else if s.begin(others[at]) {
				return true
			}
		}
		if s.budget < 0 {
			return false
		}
	}
}

func (s *search) mayBegin(h int32, limit int64) bool {
	return s.items[h].op.Call < limit && s.begin(h)
}

// others are the blocks that may come now by their calls, but for the first one by moment, in the order of
// their moments; then the extras.
func (s *search) others(limit int64) []int32 {
	var list []int32
	for int(s.called) < len(s.byCall) && s.done[s.heads[s.byCall[s.called]]] {
		s.called++
	}
	for at := s.called; int(at) < len(s.byCall); at++ {
		s.budget--
		rank := s.byCall[at]
		h := s.heads[rank]
		if s.items[h].op.Call > limit {
			break
		}
		if !s.done[h] && rank != s.head {
			list = append(list, rank)
		}
	}
	slices.Sort(list)
	for i, rank := range list {
		list[i] = s.heads[rank]
	}
	if s.on {
		return list // they come right before what needs them, see beginBlind
	}
	for _, w := range s.extras {
		s.budget--
		if !s.done[w] && s.items[w].op.Call < limit {
			list = append(list, w)
		}
	}
	return list
}
