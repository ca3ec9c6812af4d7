package linear_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/holdfastdb/holdfast/checker/history"
)

// simulation is a correct register used by clients at random: every operation
// takes effect at a random moment between call and return. Its histories are
// linearizable by construction.
type simulation struct {
	rng     *rand.Rand
	rec     *history.Recorder
	value   string
	exists  bool
	version uint64
	written []string
	pending []*pendingOp
	// hide is the chance that an answer leaves out its version.
	hide float64
	// lossy is the chance that an operation's outcome becomes unknown or failed.
	lossy float64
}

type pendingOp struct {
	id     history.OpID
	client uint64
	in     history.Input
	done   bool // has taken effect
	fails  bool // will not take effect
	lost   bool // the client has given up
	res    history.Result
}

// simulate runs n operations of some clients on one key.
func simulate(seed uint64, n, clients int, hide, lossy float64) *history.History {
	s := &simulation{rng: rand.New(rand.NewPCG(seed, 1)), rec: history.NewRecorder(), hide: hide, lossy: lossy}
	for s.rec.Len() < n || s.waiting() > 0 {
		switch i := s.rng.IntN(3); {
		case i == 0 && s.rec.Len() < n && s.waiting() < clients:
			s.invoke()
		case len(s.pending) > 0 && i == 1:
			s.takeEffect(s.pending[s.rng.IntN(len(s.pending))])
		case len(s.pending) > 0:
			s.finish(s.rng.IntN(len(s.pending)))
		}
	}
	return s.rec.History(history.Header{Source: "test"})
}

func (s *simulation) waiting() int {
	n := 0
	for _, p := range s.pending {
		if !p.lost {
			n++
		}
	}
	return n
}

func (s *simulation) invoke() {
	in := history.Input{Kind: history.Kind(1 + s.rng.IntN(6)), Key: "k"}
	if in.Kind.CarriesValue() {
		in.Value = fmt.Sprintf("v%d", s.rec.Len())
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
	client := uint64(s.rng.IntN(4))
	p := &pendingOp{client: client, in: in, fails: s.rng.Float64() < s.lossy/2}
	p.id = s.rec.Invoke(client, in, 0)
	s.pending = append(s.pending, p)
}

// takeEffect is the specification, written down plainly.
func (s *simulation) takeEffect(p *pendingOp) {
	if p.done || p.fails {
		return
	}
	p.done = true
	holds := true
	switch p.in.Kind {
	case history.Get:
		p.res.Found, p.res.Value = s.exists, s.value
		s.answerVersion(p, s.exists)
		return
	case history.Erase:
		p.res.Found, holds = s.exists, s.exists
	case history.PutIfAbsent:
		holds = !s.exists
	case history.CASValue:
		holds = s.exists && s.value == p.in.ExpectValue
	case history.CASVersion:
		holds = s.exists && s.version == p.in.ExpectVersion
	}
	if !holds {
		p.res.Found = s.exists
		if p.in.Kind.Conditional() {
			p.res.Value = s.value
			s.answerVersion(p, s.exists)
		}
		return
	}
	s.version += 1 + uint64(s.rng.IntN(3))
	s.value, s.exists = p.in.Value, p.in.Kind != history.Erase
	p.res.Swapped = p.in.Kind.Conditional()
	s.answerVersion(p, true)
}

func (s *simulation) answerVersion(p *pendingOp, has bool) {
	if has && (s.rng.Float64() >= s.hide || p.in.Kind == history.CASVersion) {
		p.res.Version = s.version
	}
}

func (s *simulation) finish(i int) {
	p := s.pending[i]
	switch {
	case p.lost:
		return // may still take effect, at any time
	case p.fails:
		s.rec.Complete(p.id, history.Failed, history.Result{}, "refused", 0)
	case s.rng.Float64() < s.lossy:
		s.rec.Complete(p.id, history.Unknown, history.Result{}, "timeout", 0)
		p.lost = true
		if s.rng.IntN(2) == 0 {
			return // stays pending, as a message under way
		}
	case !p.done:
		return
	default:
		s.rec.Complete(p.id, history.OK, p.res, "", 0)
	}
	s.pending = append(s.pending[:i], s.pending[i+1:]...)
}
