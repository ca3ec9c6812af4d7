package zone_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/holdfastdb/holdfast/checker/history"
)

// shape is what a simulated history is like.
type shape struct {
	operations, clients int
	// hide is the chance that an answer leaves out its version, lossy that an outcome
	// becomes unknown or failed, repeat that a value is written again.
	hide, lossy, repeat float64
	// plain leaves out conditional writes and erasures.
	plain bool
	// unversioned leaves out compare-and-sets by version.
	unversioned bool
	// eraseVersions: erasures tell their versions (hide apart). places: they tell their places.
	eraseVersions, places bool
}

// simulation is a correct register used at random: every operation takes effect at a random
// moment between its call and its return.
type simulation struct {
	shape
	rng     *rand.Rand
	rec     *history.Recorder
	value   string
	present bool
	version uint64
	written []string
	pending []*request
	waiting int
}

type request struct {
	id     history.OpID
	in     history.Input
	result history.Result
	// done: took effect. fails: will not. lost: the client has given up.
	done, fails, lost bool
}

func simulate(rng *rand.Rand, of shape) *history.History {
	s := &simulation{shape: of, rng: rng, rec: history.NewRecorder()}
	for s.rec.Len() < of.operations || s.waiting > 0 {
		switch i := rng.IntN(3); {
		case i == 0 && s.rec.Len() < of.operations && s.waiting < of.clients:
			s.invoke()
		case len(s.pending) > 0 && i == 1:
			s.takeEffect(s.pending[rng.IntN(len(s.pending))])
		case len(s.pending) > 0:
			s.finish(rng.IntN(len(s.pending)))
		}
	}
	return s.rec.History(history.Header{Source: "test"})
}

func (s *simulation) invoke() {
	in := history.Input{Kind: history.Kind(1 + s.rng.IntN(6)), Key: "k"}
	if s.plain {
		in.Kind = history.Kind(1 + s.rng.IntN(2))
	}
	if s.unversioned && in.Kind == history.CASVersion {
		in.Kind = history.CASValue
	}
	if in.Kind.CarriesValue() {
		in.Value = fmt.Sprintf("v%d", s.rec.Len())
		if len(s.written) > 0 && s.rng.Float64() < s.repeat {
			in.Value = s.written[s.rng.IntN(len(s.written))]
		}
		s.written = append(s.written, in.Value)
	}
	switch in.Kind {
	case history.CASValue:
		in.ExpectValue = s.value
		if s.rng.IntN(3) == 0 {
			in.ExpectValue = s.written[s.rng.IntN(len(s.written))]
		}
	case history.CASVersion:
		in.ExpectVersion = max(1, s.version-uint64(s.rng.IntN(2))*min(s.version, 1))
	}
	p := &request{in: in, fails: s.rng.Float64() < s.lossy/2}
	p.id = s.rec.Invoke(uint64(s.rng.IntN(4)), in, 0)
	s.pending = append(s.pending, p)
	s.waiting++
}

// takeEffect is the specification, written down plainly.
func (s *simulation) takeEffect(p *request) {
	if p.done || p.fails {
		return
	}
	p.done = true
	holds := true
	switch p.in.Kind {
	case history.Get:
		p.result.Found, p.result.Value = s.present, s.value
		s.tell(p, s.present)
		return
	case history.Erase:
		p.result.Found, holds = s.present, s.present
	case history.PutIfAbsent:
		holds = !s.present
	case history.CASValue:
		holds = s.present && s.value == p.in.ExpectValue
	case history.CASVersion:
		holds = s.present && s.version == p.in.ExpectVersion
	}
	if !holds {
		p.result.Found = s.present
		if p.in.Kind.Conditional() {
			p.result.Value = s.value
			s.tell(p, s.present)
		}
		return
	}
	s.version += 1 + uint64(s.rng.IntN(3)/2)
	s.value, s.present = p.in.Value, p.in.Kind != history.Erase
	p.result.Swapped = p.in.Kind.Conditional()
	s.tell(p, s.present || s.eraseVersions)
	if s.places {
		p.result.Index = s.version
	}
}

func (s *simulation) tell(p *request, has bool) {
	refused := p.in.Kind == history.CASVersion && !p.result.Swapped
	if has && (refused || s.rng.Float64() >= s.hide) {
		p.result.Version = s.version
	}
}

func (s *simulation) finish(i int) {
	p := s.pending[i]
	switch {
	case p.lost:
		return // it may still take effect, at any time
	case p.fails:
		s.rec.Complete(p.id, history.Failed, history.Result{}, "refused", 0)
	case s.rng.Float64() < s.lossy:
		s.rec.Complete(p.id, history.Unknown, history.Result{}, "timeout", 0)
		s.waiting--
		p.lost = true
		if s.rng.IntN(2) == 0 {
			return // stays under way
		}
		s.waiting++
	case !p.done:
		return
	default:
		s.rec.Complete(p.id, history.OK, p.result, "", 0)
	}
	s.waiting--
	s.pending = append(s.pending[:i], s.pending[i+1:]...)
}

// corrupt changes a few answers and places in time.
func corrupt(rng *rand.Rand, h *history.History) {
	for range 1 + rng.IntN(8) {
		op := &h.Operations[rng.IntN(len(h.Operations))]
		other := &h.Operations[rng.IntN(len(h.Operations))]
		_, observed := op.Observed()
		_, also := other.Observed()
		answered := op.Outcome == history.OK
		switch choice := rng.IntN(9); {
		case choice == 0 && answered && (observed || op.Wrote()):
			op.Result.Version = uint64(1 + rng.IntN(2*len(h.Operations)))
		case choice == 1 && observed && other.Value != "":
			op.Result.Value = other.Value
		case choice == 2 && observed && also:
			// A stale answer, or one from the future.
			op.Result.Value, op.Result.Version = other.Result.Value, other.Result.Version
		case choice == 3 && observed && op.Kind != history.PutIfAbsent:
			op.Result.Found, op.Result.Value, op.Result.Version = false, "", 0
		case choice == 4 && answered && op.Kind == history.Erase:
			op.Result.Found = !op.Result.Found
			if !op.Result.Found {
				op.Result.Version = 0
			}
		case choice == 5 && observed && op.Result.Version != 0 && op.Kind != history.CASVersion:
			op.Result.Version = 0
		case choice == 6:
			shorten(h, op)
		case choice == 7 && answered && other.Outcome == history.OK:
			// The same answers, at each other's time.
			op.Input, other.Input = other.Input, op.Input
			op.Result, other.Result = other.Result, op.Result
		case choice == 8 && op.Wrote() && other.Wrote():
			op.Result.Version, other.Result.Version = other.Result.Version, op.Result.Version
		}
	}
}

// shorten moves a return to right after the call, and everything between one event later.
func shorten(h *history.History, op *history.Operation) {
	if op.Return == history.Never || op.Return == op.Call+1 {
		return
	}
	from, to := op.Call+1, op.Return
	for i := range h.Operations {
		o := &h.Operations[i]
		if o.Call >= from && o.Call < to {
			o.Call++
		}
		if o.Return >= from && o.Return < to {
			o.Return++
		}
	}
	op.Return = from
}

// pointers is a history of one key as Check takes it.
func pointers(h *history.History) []*history.Operation {
	list := make([]*history.Operation, len(h.Operations))
	for i := range list {
		list[i] = &h.Operations[i]
	}
	return list
}
