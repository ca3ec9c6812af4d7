package zone

import (
	"encoding/binary"

	"github.com/holdfastdb/holdfast/checker/history"
)

// bound reports whether a compare-and-set must come next.
func (s *search) bound() bool { return s.cluster != none && s.clusters[s.cluster].next != none }

// prefersErasure guesses whether an erasure should come before the next block: by the plan, if
// the next block cannot come, and, for an eager search, if what must come next of all waits for one.
func (s *search) prefersErasure(limit int64) bool {
	if s.bound() {
		return false
	}
	if s.cluster == none {
		return int(s.head) == len(s.heads) || s.plan.twice.has(s.slot)
	}
	if int(s.head) == len(s.heads) {
		return true
	}
	if b := s.clusters[s.cluster].block; b != none && s.plan.erase.has(s.plan.position[b]) {
		return true
	}
	next, urgent := &s.items[s.heads[s.head]], &s.items[s.byReturn[s.earliest]]
	return needsAbsence(next) || next.op.Call > limit ||
		s.eager && (urgent.role == misses || urgent.role == erases && urgent.version == 0)
}

func needsAbsence(it *item) bool { return it.op.Kind == history.PutIfAbsent }

// begin lets the first item of a block take effect, if it can; inside of a block the items that
// follow come by themselves.
func (s *search) begin(h int32) bool {
	it := &s.items[h]
	if s.bound() || s.owes && it.op.Kind != history.PutIfAbsent {
		return false
	}
	floor, exact := s.floor, s.exact
	switch it.op.Kind {
	case history.Erase:
		if s.cluster == none {
			return false
		}
	case history.PutIfAbsent:
		if s.cluster != none {
			return false
		}
	case history.CASValue:
		if s.cluster == none || s.items[s.clusters[s.cluster].writer].value != it.expect {
			return false
		}
	case history.CASVersion:
		want := it.op.ExpectVersion
		if s.cluster == none || want < floor || exact && want != floor {
			return false
		}
		floor, exact = want, true
	}
	if !s.change(h, floor) {
		return false
	}
	if it.cluster != none && s.clusters[it.cluster].block != none {
		s.slot = s.plan.position[s.clusters[it.cluster].block]
	}
	return s.follow()
}

// change applies a write or an erasure on top of a version.
func (s *search) change(i int32, floor uint64) bool {
	it := &s.items[i]
	if it.version == 0 {
		s.floor, s.exact = floor+1, false
	} else {
		if it.version <= floor || int(s.version) < len(s.versions) && s.versions[s.version] != i {
			return false
		}
		s.floor, s.exact = it.version, true
		s.version++
	}
	s.cluster, s.owes = it.cluster, false
	s.take(i)
	return true
}

// follow goes on within a block: answers and the next compare-and-set by turns. What does not
// fit shows at the next settling.
func (s *search) follow() bool {
	for s.bound() {
		if !s.settle() {
			s.blocked()
			return s.undo()
		}
		w := s.clusters[s.clusters[s.cluster].next].writer
		it := &s.items[w]
		floor := s.floor
		if it.op.Kind == history.CASVersion {
			if it.op.ExpectVersion < floor || s.exact && it.op.ExpectVersion != floor {
				return s.undo()
			}
			floor = it.op.ExpectVersion
		}
		if it.op.Call > s.limit() || !s.change(w, floor) {
			s.blocked()
			return s.undo()
		}
	}
	return true
}

// undo goes back to the last frame, and reports that nothing was done.
func (s *search) undo() bool {
	s.retreat()
	return false
}

// erase lets an erasure of unknown version or outcome take effect.
func (s *search) erase(limit int64) bool {
	if s.bound() || s.owes {
		return false
	}
	chosen := s.nextFloating(limit)
	if s.cluster == none {
		// Only a write that nobody saw can have been what it found.
		if chosen == none || !s.useSpare(limit) {
			return false
		}
		s.slot = 0
	}
	if chosen == none {
		if !s.within(s.lost, s.lose, limit) {
			return false
		}
		chosen = s.lost[s.lose]
		s.lose++
		s.owes = true
	}
	s.floor, s.exact = s.floor+1, false
	s.cluster = none
	s.take(chosen)
	return true
}

func (s *search) within(list []int32, at int32, limit int64) bool {
	return int(at) < len(list) && s.items[list[at]].op.Call < limit
}

// useSpare lets a write that nobody saw take effect, if there is one that may come now.
func (s *search) useSpare(limit int64) bool {
	for int(s.spare) < len(s.spares) && s.done[s.spares[s.spare]] {
		s.spare++
	}
	if !s.within(s.spares, s.spare, limit) {
		return false
	}
	s.floor, s.exact = s.floor+1, false
	s.take(s.spares[s.spare])
	s.spare++
	return true
}

// eraseUnseen lets a write that nobody saw take effect, and the erasure that is the next change of
// known version.
func (s *search) eraseUnseen(limit int64) bool {
	if s.cluster != none || s.owes || int(s.version) == len(s.versions) {
		return false
	}
	next := s.versions[s.version]
	if it := &s.items[next]; it.role != erases || it.op.Call > limit {
		return false
	}
	return s.useSpare(limit) && s.change(next, s.floor) || s.undo()
}

// nextFloating finds, of the erasures of unknown version that may come now, the one that returned
// first.
func (s *search) nextFloating(limit int64) int32 {
	for int(s.float) < len(s.floating) && s.done[s.floating[s.float]] {
		s.float++
	}
	chosen := none
	for at := s.float; s.within(s.floating, at, limit); at++ {
		s.budget--
		if i := s.floating[at]; !s.done[i] && (chosen == none || s.items[i].ret < s.items[chosen].ret) {
			chosen = i
		}
	}
	return chosen
}

// known reports whether this state was left without success before.
func (s *search) known() bool {
	if len(s.failed) == 0 {
		return false
	}
	_, known := s.failed[s.state()]
	return known
}

// state describes exactly what decides whether the rest can be ordered: what is done, and the
// register.
func (s *search) state() string {
	var b []byte
	b = binary.AppendVarint(b, int64(s.cluster))
	b = binary.AppendUvarint(b, s.floor)
	flags := byte(0)
	if s.exact {
		flags |= 1
	}
	if s.owes {
		flags |= 2
	}
	b = append(b, flags)
	limit := s.limit()
	b = binary.AppendVarint(b, int64(s.earliest))
	b = binary.AppendVarint(b, int64(s.lose))
	b = binary.AppendVarint(b, int64(s.spare))
	// All before the earliest are done, and few after it.
	for i, left := int(s.earliest), s.answered-int(s.earliest); left > 0; i++ {
		s.budget--
		if s.done[s.byReturn[i]] {
			left--
			b = binary.AppendVarint(b, int64(i))
		}
	}
	b = append(b, 0xff)
	for int(s.quiet) < len(s.silent) && s.done[s.silent[s.quiet]] {
		s.quiet++
	}
	b = binary.AppendVarint(b, int64(s.quiet))
	for i := int(s.quiet); i < len(s.silent) && s.items[s.silent[i]].op.Call < limit; i++ {
		s.budget--
		if s.done[s.silent[i]] {
			b = binary.AppendVarint(b, int64(i))
		}
	}
	return string(b)
}
