package run

import "github.com/holdfastdb/holdfast/testsuite/plan"

// atlas is the map of all copies of the data (DESIGN §8): it knows which nodes lost theirs
// for good, or will not come back, and which nodes may have a vote. It forbids what no correct
// system survives: whatever configuration turns out to be in effect, more of its voters
// have their copy than do not. It errs on the safe side, since a change that was
// asked for may take effect at any later time, or never.
type atlas struct {
	// lost counts the reasons why a node's copy does not count.
	lost map[int]int
	// maybe are the nodes that some configuration that may be in effect has as voters, surely
	// those that all of them have.
	maybe, surely map[int]bool
	// leaving and entering count the changes under way that take a node's vote or give it one.
	leaving, entering map[int]int
}

func newAtlas(p *plan.Plan) *atlas {
	a := &atlas{
		lost: make(map[int]int), maybe: make(map[int]bool), surely: make(map[int]bool),
		leaving: make(map[int]int), entering: make(map[int]int),
	}
	for n := 1; n <= p.Nodes; n++ {
		a.maybe[n], a.surely[n] = true, true
	}
	for _, n := range p.StayDead {
		a.lost[n]++
	}
	return a
}

// safe reports whether the good are more than the bad in every configuration.
func (a *atlas) safe() bool {
	good, bad := 0, 0
	for n := range a.surely {
		if a.surely[n] && a.lost[n] == 0 {
			good++
		}
	}
	for n := range a.maybe {
		if a.maybe[n] && a.lost[n] > 0 {
			bad++
		}
	}
	return good > bad
}

// lose notes that a node's copy is lost and returns true, unless that must not be.
func (a *atlas) lose(n int) bool {
	a.lost[n]++
	if a.safe() || a.lost[n] > 1 {
		return true
	}
	a.lost[n]--
	return false
}

// spared takes back lose.
func (a *atlas) spared(n int) { a.lost[n]-- }

// leave notes that a node's vote may be taken and returns true, unless that must not be.
func (a *atlas) leave(n int) bool {
	was := a.surely[n]
	a.surely[n] = false
	if !a.safe() {
		a.surely[n] = was
		return false
	}
	a.leaving[n]++
	return true
}

// left notes that a node's vote was taken.
func (a *atlas) left(n int) {
	a.leaving[n]--
	a.maybe[n] = a.entering[n] > 0
}

// enter notes that a node may get a vote and returns true, unless that must not be.
func (a *atlas) enter(n int) bool {
	was := a.maybe[n]
	a.maybe[n] = true
	if !a.safe() {
		a.maybe[n] = was
		return false
	}
	a.entering[n]++
	return true
}

// entered notes that a node got its vote.
func (a *atlas) entered(n int) {
	a.entering[n]--
	a.surely[n] = a.leaving[n] == 0
}
