package attack

import (
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// begins notes in the course that a fault strikes, or that a change is asked for, and returns its number.
func (n *nemesis) begins(f *plan.Fault, targets []int) int {
	n.mu.Lock()
	n.struckSoFar++
	number := n.struckSoFar
	n.mu.Unlock()
	kind := events.Fault
	if f.Kind.Changes() {
		kind = events.Change
	}
	n.run.Store.Course().Add(events.Event{Kind: kind, Fault: number, Name: string(f.Kind), Targets: targets})
	return number
}

// isOver notes in the course that a fault has ended, or that a change was carried out or given up, and how many effects it had.
func (n *nemesis) isOver(f *plan.Fault, number int, effects uint64) {
	n.run.Store.Course().Add(events.Event{Kind: events.FaultEnd, Fault: number, Name: string(f.Kind), Count: effects})
}

// targets are the nodes that a strike is about, ascending; none for all.
func (s *strike) targets() []int {
	switch {
	case s.fault.Kind == plan.Split:
		var side []int
		for _, id := range slices.Sorted(maps.Keys(sideOf(&s.fault, s.hit))) {
			side = append(side, int(id))
		}
		return side
	case s.hit != 0:
		return []int{int(s.hit)}
	}
	return nil
}
