package linear

import (
	"math"
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
)

// values gives each value of one key a small number, from 1.
type values struct {
	ids   map[string]int32
	texts []string // by id - 1
}

func (v *values) id(text string) int32 {
	if id, ok := v.ids[text]; ok {
		return id
	}
	if v.ids == nil {
		v.ids = make(map[string]int32)
	}
	v.texts = append(v.texts, text)
	id := int32(len(v.texts))
	v.ids[text] = id
	return id
}

// problem is what the search gets for one key.
type problem struct {
	steps []step
	names values
	// definite counts the steps with that role.
	definite int32
}

// sighting is what the answers tell about a value.
type sighting struct {
	writers int
	// seen: an answer shows that the value was there, first returning at ret.
	seen bool
	ret  int64
	// version is what a reader was told, 0 if nothing.
	version uint64
	// wanted: a compare-and-set expected it that may have taken effect visibly,
	// though this is not certain.
	wanted bool
}

// visible says whether a write of the value may have shown.
func (a *sighting) visible() bool { return a != nil && (a.seen || a.wanted) }

// prepare builds the problem for the operations of one key, in the order of
// calls, up to an event: later calls are left out, later returns are taken as
// unknown outcomes. A prefix of a linearizable history is linearizable.
func prepare(ops []*history.Operation, horizon int64) *problem {
	p := &problem{}
	all := p.admit(ops, horizon)
	sightings := sight(all)
	infer(all, sightings)
	want(all, sightings)
	depends := newDependents(all, sightings)
	var last int64
	for i := range all {
		s := &all[i]
		last = max(last, s.call)
		if s.role == definite {
			last = max(last, s.ret)
		}
	}
	var erasers, spares int32
	for _, s := range all {
		if s.role == free {
			s.ret = last + 1
			switch {
			case s.op.Kind == history.Erase:
				s.role, s.ordinal, erasers = eraser, erasers, erasers+1
			case sightings[s.value].visible() || depends.blind > s.call:
			case depends.erasure > s.call && (s.op.Kind == history.Put || s.op.Kind == history.PutIfAbsent):
				s.role, s.ordinal, spares = spare, spares, spares+1
			default:
				continue // nothing can depend on it
			}
		}
		if s.role == definite {
			p.definite++
		}
		p.steps = append(p.steps, s)
	}
	p.rank()
	return p
}

// rank counts for each definite step how many others tell lower versions.
func (p *problem) rank() {
	var told []uint64
	for i := range p.steps {
		if s := &p.steps[i]; s.role == definite && s.version != 0 {
			told = append(told, s.version)
		}
	}
	slices.Sort(told)
	for i := range p.steps {
		below, _ := slices.BinarySearch(told, p.steps[i].version)
		p.steps[i].below = int32(below)
	}
}

// infer makes the open writes definite whose unique value was seen: they took
// effect before the first answer that shows it. What such a compare-and-set
// expected was seen too, so this goes on until nothing is new.
func infer(all []step, sightings map[int32]*sighting) {
	for again := true; again; {
		again = false
		for i := range all {
			s := &all[i]
			about := sightings[s.value]
			if s.role != free || about == nil || !about.seen || about.writers != 1 {
				continue
			}
			// Between the return and the event before it; if that return is itself
			// inferred, at the same place: a chain of them must not reach that event.
			ret := (about.ret - 1) | 1
			if ret <= s.call {
				continue
			}
			s.role, s.ret, s.version = definite, ret, about.version
			if s.expect != 0 {
				sightings[s.expect].note(s.ret, 0)
			}
			again = true
		}
	}
}

// want marks what the open compare-and-sets that may have shown depended on.
// Such are left only where values are not unique.
func want(all []step, sightings map[int32]*sighting) {
	for again := true; again; {
		again = false
		for i := range all {
			s := &all[i]
			if s.role == free && s.expect != 0 && sightings[s.value].visible() && !sightings[s.expect].wanted {
				sightings[s.expect].wanted, again = true, true
			}
		}
	}
}

// admit turns operations into steps and leaves out those that cannot matter.
func (p *problem) admit(ops []*history.Operation, horizon int64) []step {
	all := make([]step, 0, len(ops))
	for _, op := range ops {
		open := op.Outcome == history.Unknown || op.Return > horizon
		if op.Call > horizon || op.Outcome == history.Failed || op.Stale || (open && op.Kind == history.Get) {
			continue
		}
		s := step{op: op, open: open, call: 2 * op.Call, ret: math.MaxInt64}
		if open {
			s.role = free
		}
		if op.Kind.CarriesValue() && !refused(op) {
			s.value = p.names.id(op.Value)
		}
		if op.Kind == history.CASValue {
			s.expect = p.names.id(op.ExpectValue)
		}
		if !open {
			s.ret, s.version = 2*op.Return, op.Result.Version
			if seen, ok := op.Observed(); ok {
				s.seen = p.names.id(seen)
			}
		}
		all = append(all, s)
	}
	return all
}

// sight collects what the answers tell about each value.
func sight(all []step) map[int32]*sighting {
	sightings := make(map[int32]*sighting)
	about := func(id int32) *sighting {
		if sightings[id] == nil {
			sightings[id] = &sighting{}
		}
		return sightings[id]
	}
	for i := range all {
		s := &all[i]
		if s.value != 0 {
			about(s.value).writers++
		}
		if s.expect != 0 {
			if expected := about(s.expect); !s.open && s.op.Result.Swapped {
				expected.note(s.ret, 0)
			}
		}
		if s.seen != 0 {
			about(s.seen).note(s.ret, s.version)
		}
	}
	return sightings
}

func (a *sighting) note(ret int64, version uint64) {
	if !a.seen || ret < a.ret {
		a.ret = ret
	}
	a.seen = true
	if a.version == 0 {
		a.version = version
	}
}

// dependents knows the last returns of operations that may have depended on a
// write without showing its value.
type dependents struct {
	// erasure is that of an erasure that found something.
	erasure int64
	// blind is that of a compare-and-set by a version that no answer explains.
	blind int64
}

func newDependents(all []step, sightings map[int32]*sighting) dependents {
	known := make(map[uint64]bool)
	for i := range all {
		if s := &all[i]; s.version != 0 {
			known[s.version] = true
		}
	}
	var d dependents
	for i := range all {
		s := &all[i]
		if s.role != definite && !sightings[s.value].visible() {
			continue
		}
		switch {
		case s.op.Kind == history.Erase && s.op.Result.Found:
			d.erasure = max(d.erasure, s.ret)
		case s.op.Kind == history.CASVersion && (s.open || s.op.Result.Swapped) && !known[s.op.ExpectVersion]:
			d.blind = max(d.blind, s.ret)
		}
	}
	return d
}
