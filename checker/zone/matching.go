package zone

import (
	"cmp"
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
)

// matching gives the erasures of a plan their slots.
type matching struct {
	*search
	plan *plan
	// free are the slots at which an erasure may take effect, forced those of them at which
	// one must, absent those at which the key is absent without one.
	free, forced, absent marks
	windows              []window
	erasures, misses     []*window // by from, and by to
	// at is the erasure in a slot, kept the slots that something needs.
	at   []*window
	kept marks
}

func (m *matching) run() {
	n := len(m.plan.position)
	m.at, m.kept = make([]*window, n+1), newMarks(n)
	for i := range m.windows {
		w := &m.windows[i]
		switch {
		case w.from > w.to:
		case w.erases:
			m.erasures = append(m.erasures, w)
		default:
			m.misses = append(m.misses, w)
		}
	}
	m.late()
	for slot := range int32(n + 1) {
		if !m.forced.has(slot) {
			continue
		}
		if m.at[slot] == nil {
			m.move(slot, slot, history.Never)
		}
		m.kept.set(slot)
		m.plan.erase.set(slot)
	}
	slices.SortFunc(m.misses, func(a, b *window) int { return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(a.item, b.item)) })
	for _, w := range m.misses {
		m.stab(w)
	}
}

// late matches the erasures, each as late as can be.
func (m *matching) late() {
	slices.SortFunc(m.erasures, func(a, b *window) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.item, b.item)) })
	left := slices.Clone(m.free)
	for i := range left {
		left[i] |= m.forced[i]
	}
	for i := len(m.erasures) - 1; i >= 0; i-- {
		w := m.erasures[i]
		slot := left.last(w.from, w.to)
		if slot == none {
			if w.from == w.to {
				m.plan.twice.set(w.to)
			}
			continue
		}
		left.clear(slot)
		m.put(w, slot)
	}
}

func (m *matching) put(w *window, slot int32) {
	if w.slot != none {
		m.at[w.slot] = nil
		m.plan.erase.clear(w.slot)
	}
	w.slot = slot
	m.at[slot] = w
	m.plan.erase.set(slot)
}

// move brings an erasure that nothing else needs, and that was called before an event, into a range
// of slots; of those that it finds, the one that must come first.
func (m *matching) move(from, to int32, before int64) bool {
	const most = 256 // of the erasures that are looked at
	high, _ := slices.BinarySearchFunc(m.erasures, to+1, func(w *window, slot int32) int { return cmp.Compare(w.from, slot) })
	var best *window
	var where int32
	for i := high - 1; i >= max(0, high-most); i-- {
		w := m.erasures[i]
		if w.to < from || best != nil && w.to >= best.to || w.slot != none && m.kept.has(w.slot) || m.items[w.item].op.Call >= before {
			continue
		}
		for slot := min(to, w.to); slot >= max(from, w.from); slot-- {
			if m.free.has(slot) && m.at[slot] == nil || m.forced.has(slot) && m.at[slot] == nil {
				best, where = w, slot
				break
			}
		}
	}
	if best == nil {
		return false
	}
	m.put(best, where)
	return true
}

// stab sees to it that the key is absent somewhere in a window.
func (m *matching) stab(w *window) {
	if m.absent.first(w.from, w.to) != none {
		return
	}
	ret := m.items[w.item].ret
	for slot := w.to; slot >= w.from; slot-- {
		if e := m.at[slot]; m.plan.erase.has(slot) && (e == nil || m.items[e.item].op.Call < ret) {
			m.kept.set(slot)
			return
		}
	}
	if m.move(w.from, w.to, ret) {
		m.kept.set(m.plan.erase.last(w.from, w.to))
		return
	}
	if slot := m.free.last(w.from, w.to); slot != none {
		m.plan.erase.set(slot)
		m.kept.set(slot)
	}
}
