package plan

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/netsim"
)

// mutationTries is how often Mutate tries to get a plan that may be executed.
const mutationTries = 8

// maxFaults bounds the faults of a plan that is made of others, so that generations of them do not grow for ever.
const maxFaults = 150

// Mutate returns a plan near to parent, with a piece of other perhaps, a plan of the same kind. It is drawn from seed; the
// parent's faults and operations stay as they are except for a few changes.
func Mutate(seed uint64, parent, other *Plan) *Plan {
	for try := range uint64(mutationTries) {
		s := netsim.NewStream(seed, "mutate", try)
		p := parent.Clone()
		if s.IntN(2) == 0 {
			p.Seed = seed
		}
		for range 1 + s.IntN(4) {
			p.mutate(s, other)
		}
		if reflect.DeepEqual(p, parent) {
			p.Seed = seed // another course at least
		}
		for len(p.Faults) > maxFaults {
			i := s.IntN(len(p.Faults))
			p.Faults = slices.Delete(p.Faults, i, i+1)
		}
		p.sortFaults()
		if p.Sharded() {
			p.spareDriver()
		}
		if p.sound() {
			return p
		}
	}
	return Swarm(seed, parent.Sharded())
}

// mutate makes one change.
func (p *Plan) mutate(s *rand.Rand, other *Plan) {
	switch s.IntN(10) {
	case 0:
		p.Seed = s.Uint64() >> 11 // a number that JSON holds
	case 1, 2:
		p.addFault(s)
	case 3:
		p.takeFaults(s, other)
	case 4:
		share := 2 + s.IntN(4)
		p.Faults = slices.DeleteFunc(p.Faults, func(Fault) bool { return s.IntN(share) == 0 })
	case 5:
		p.Settings, p.Network, p.Disk, p.Quirks = other.Clone().Settings, other.Network, other.Disk, other.Quirks
	case 6:
		p.takeOperations(other)
	default:
		p.changeFault(s)
	}
}

// addFault adds one near another one, or anywhere.
func (p *Plan) addFault(s *rand.Rand) {
	if p.HealAt == 0 {
		return
	}
	f := Fault{At: time.Duration(s.Int64N(int64(p.HealAt))), Kind: pick(s, slices.Concat(drawn(), furtherFaults.kinds)...), Leader: s.IntN(2) == 0}
	if len(p.Faults) > 0 && s.IntN(2) == 0 {
		f.At = pick(s, p.Faults...).At + between(s, 0, 2*p.Settings.ElectionTimeout)
	}
	f.At = min(f.At, p.HealAt-1).Round(time.Microsecond)
	f.For = between(s, 10*time.Millisecond, 3*time.Second)
	if p.aim(s, &f) {
		p.Faults = append(p.Faults, f)
	}
}

// changeFault moves a fault, or makes it longer or shorter, or aims it elsewhere.
func (p *Plan) changeFault(s *rand.Rand) {
	if len(p.Faults) == 0 {
		return
	}
	f := &p.Faults[s.IntN(len(p.Faults))]
	switch s.IntN(4) {
	case 0:
		f.At = max(0, f.At+between(s, 0, 4*p.Settings.ElectionTimeout)-2*p.Settings.ElectionTimeout)
	case 1:
		f.For = max(time.Millisecond, f.For*pick[time.Duration](s, 1, 1, 4, 8)/2)
	case 2:
		if f.Kind.needsTarget() && !f.Kind.Changes() && len(f.Targets) == 1 {
			f.Targets[0], f.Leader = 1+s.IntN(p.Nodes), s.IntN(2) == 0
		}
	case 3:
		if f.Kind == RankLinks {
			f.Param = 1 + s.Int64N(1<<30)
		}
	}
}

// takeFaults takes over a stretch of another plan's faults, at the times they have there.
func (p *Plan) takeFaults(s *rand.Rand, other *Plan) {
	if len(other.Faults) == 0 {
		return
	}
	first := s.IntN(len(other.Faults))
	many := min(1+s.IntN(6), len(other.Faults)-first)
	for _, f := range other.Clone().Faults[first : first+many] {
		if !f.Kind.Changes() {
			p.Faults = append(p.Faults, f)
		}
	}
}

// takeOperations has the clients do what they do in another plan, in the time that there is.
func (p *Plan) takeOperations(other *Plan) {
	if other.HealAt == 0 {
		return
	}
	p.Operations = other.Clone().Operations
	for i := range p.Operations {
		op := &p.Operations[i]
		op.At = time.Duration(float64(op.At) * (float64(p.HealAt) / float64(other.HealAt)))
		op.Client = 1 + (op.Client-1)%p.Clients
	}
}
