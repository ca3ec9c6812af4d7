package netsim

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Cut severs one direction. A message is lost when the link is cut at the time it
// is sent or at the time it would arrive; a cut that comes and goes in between
// does not touch it.
func (w *World) Cut(from, to env.NodeID) { w.setCut(from, to, true) }

// Heal undoes Cut.
func (w *World) Heal(from, to env.NodeID) { w.setCut(from, to, false) }

// IsCut reports whether the direction is cut.
func (w *World) IsCut(from, to env.NodeID) bool {
	l := w.links[linkKey{from, to}]
	return l != nil && l.cut
}

// IsBlocked reports whether what is sent in the direction now will not arrive before Heal or Unclog.
func (w *World) IsBlocked(from, to env.NodeID) bool {
	l := w.links[linkKey{from, to}]
	return l != nil && (l.cut || l.clogged)
}

func (w *World) setCut(from, to env.NodeID, cut bool) {
	if from == to {
		return
	}
	l := w.link(from, to)
	if l.cut == cut {
		return
	}
	l.cut = cut
	if cut {
		w.happen(KindFault, nil, fmt.Sprintf("cut %d>%d", from, to), 0)
	} else {
		w.happen(KindFault, nil, fmt.Sprintf("heal %d>%d", from, to), 0)
	}
}

// CutBoth severs both directions between two processes.
func (w *World) CutBoth(a, b env.NodeID) {
	w.Cut(a, b)
	w.Cut(b, a)
}

// HealBoth undoes CutBoth.
func (w *World) HealBoth(a, b env.NodeID) {
	w.Heal(a, b)
	w.Heal(b, a)
}

// Partition cuts every pair of processes in different groups, in both
// directions. Pairs within a group and processes in no group keep what they have.
func (w *World) Partition(groups ...[]env.NodeID) {
	for i, g := range groups {
		for _, other := range groups[i+1:] {
			for _, a := range g {
				for _, b := range other {
					w.CutBoth(a, b)
				}
			}
		}
	}
}

// Isolate cuts a process from all others that exist now, clients included.
func (w *World) Isolate(id env.NodeID) {
	for _, p := range w.procs {
		w.CutBoth(id, p.id)
	}
}

// Rejoin heals all links of a process.
func (w *World) Rejoin(id env.NodeID) {
	for _, l := range w.linkList {
		if l.from == id || l.to == id {
			w.Heal(l.from, l.to)
		}
	}
}

// Bridge cuts left from right; the processes of bridge still reach both.
func (w *World) Bridge(left, bridge, right []env.NodeID) {
	w.Partition(left, right)
	for _, b := range bridge {
		for _, id := range append(append([]env.NodeID(nil), left...), right...) {
			w.HealBoth(b, id)
		}
	}
}

// Ring leaves each of the processes only its two neighbours in the given order.
func (w *World) Ring(ids ...env.NodeID) {
	n := len(ids)
	for i := range n {
		for j := i + 1; j < n; j++ {
			if near := j-i == 1 || j-i == n-1; near {
				w.HealBoth(ids[i], ids[j])
			} else {
				w.CutBoth(ids[i], ids[j])
			}
		}
	}
}

// HealAll heals all cuts. It leaves clogs and link configurations alone.
func (w *World) HealAll() {
	for _, l := range w.linkList {
		w.Heal(l.from, l.to)
	}
}

// Clog holds back all messages of one direction until Unclog.
func (w *World) Clog(from, to env.NodeID) {
	l := w.link(from, to)
	if from == to || l.clogged {
		return
	}
	l.clogged = true
	w.happen(KindFault, nil, fmt.Sprintf("clog %d>%d", from, to), 0)
}

// Unclog lets a direction flow again; what was held back arrives at once, in the
// order it would have arrived.
func (w *World) Unclog(from, to env.NodeID) {
	l := w.link(from, to)
	if !l.clogged {
		return
	}
	l.clogged = false
	w.happen(KindFault, nil, fmt.Sprintf("unclog %d>%d", from, to), 0)
	for i := range l.held {
		w.push(w.now, &l.held[i])
	}
	clear(l.held)
	l.held = l.held[:0]
}

// UnclogAll undoes all clogs.
func (w *World) UnclogAll() {
	for _, l := range w.linkList {
		w.Unclog(l.from, l.to)
	}
}
