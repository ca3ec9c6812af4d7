package shrink

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Sighting is what one execution of a plan showed.
type Sighting struct {
	// Fingerprint is that of the first violation, "" if there was none.
	Fingerprint string
	// At is when it was seen, in virtual time.
	At time.Duration
	// TraceHash names the course that the execution took.
	TraceHash uint64
}

// Probe executes a plan. It is called from several goroutines, and must be a function of the plan.
type Probe func(*plan.Plan) Sighting

// Options bound the search.
type Options struct {
	Probe Probe
	// Runs is how many executions are allowed.
	Runs int
	// Time is how long the search may take, 0 for as long as it likes.
	Time time.Duration
	// Workers is how many executions go on at a time, at least 1.
	Workers int
	// Progress is told of each edit that was kept; nil for nobody.
	Progress func(pass string, p *plan.Plan, runs int)
}

// Size is how much there is to read in a plan.
type Size struct {
	Operations int           `json:"operations"`
	Faults     int           `json:"faults"`
	Clients    int           `json:"clients"`
	Nodes      int           `json:"nodes"`
	Spares     int           `json:"spares"`
	Partitions int           `json:"partitions,omitempty"`
	HealAt     time.Duration `json:"heal_at_ns"`
}

// SizeOf measures a plan.
func SizeOf(p *plan.Plan) Size {
	s := Size{
		Operations: len(p.Operations), Faults: len(p.Faults), Clients: p.Clients, Nodes: p.Nodes, Spares: p.Spares, HealAt: p.HealAt,
	}
	if p.Sharded() {
		s.Partitions = p.Sharding.Partitions
	}
	return s
}

func (s Size) String() string {
	text := fmt.Sprintf("%d operations, %d faults, %d clients, %d nodes", s.Operations, s.Faults, s.Clients, s.Nodes)
	if s.Spares > 0 {
		text += fmt.Sprintf(" and %d spare ones", s.Spares)
	}
	if s.Partitions > 0 {
		text += fmt.Sprintf(", %d partitions", s.Partitions)
	}
	return text + fmt.Sprintf(", %v until healing", s.HealAt.Round(time.Millisecond))
}

// Report is how a search went.
type Report struct {
	Fingerprint string `json:"fingerprint"`
	Before      Size   `json:"before"`
	After       Size   `json:"after"`
	// Runs is the number of executions.
	Runs int           `json:"runs"`
	Took time.Duration `json:"took_ns"`
	// Bound is the bound that ended the search, "runs" or "time"; "" if nothing was left to try.
	Bound string `json:"bound,omitempty"`
	// Plan is the smallest plan that was found.
	Plan *plan.Plan `json:"-"`
}

// ErrPasses is why a plan cannot be shrunk: nothing is wrong with it.
var ErrPasses = errors.New("the plan does not fail any more: the code has changed since, or the bug is in another build of the program")

// confirmations is how often the result is executed again.
const confirmations = 3

// Minimize makes a plan that fails as small as it can.
func Minimize(p *plan.Plan, o Options) (*Report, error) {
	begin := time.Now()
	if err := p.Validate(); err != nil {
		return nil, err
	}
	s := &search{o: o, plan: p.Clone(), tried: make(map[[sha256.Size]byte]bool), unfair: p.Fair() != nil}
	if o.Time > 0 {
		s.until = begin.Add(o.Time)
	}
	if s.found = o.Probe(p); s.found.Fingerprint == "" {
		return nil, ErrPasses
	}
	s.tried[key(p)] = true
	r := &Report{Fingerprint: s.found.Fingerprint, Before: SizeOf(p)}
	s.rounds()
	r.Runs, r.Bound, r.Plan, r.After = s.runs, s.bound, s.plan, SizeOf(s.plan)
	for range confirmations {
		if again := o.Probe(r.Plan); again != s.found {
			return nil, fmt.Errorf("the same plan took two courses (%s, trace hash %016x; %s, trace hash %016x): "+
				"the simulation is not deterministic, please report this", s.found.Fingerprint, s.found.TraceHash, again.Fingerprint, again.TraceHash)
		}
	}
	r.Took = time.Since(begin)
	return r, nil
}

// search is one search under way.
type search struct {
	o     Options
	until time.Time
	// plan is the smallest plan so far, found what its execution shows.
	plan  *plan.Plan
	found Sighting
	// unfair: the first plan was not fair, so the others need not be.
	unfair bool
	tried  map[[sha256.Size]byte]bool
	runs   int
	bound  string
	rung   rung
}

// rung says how hard edits are tried.
type rung struct {
	// seeds is with how many other seeds each is tried.
	seeds int
	// coarse tries cuts of large pieces only.
	coarse bool
	// large is for plans that are too large to read.
	large bool
}

// ladder goes up where lower rungs have not helped. Many seeds on few large pieces cost little and may save much; on single
// items they cost the most.
var ladder = []rung{{}, {seeds: 24, coarse: true, large: true}, {seeds: 2}, {seeds: 8}, {seeds: 40, large: true}}

// coarsePieces is into how many pieces a list is cut at most on a coarse rung.
const coarsePieces = 4

// What a person can read.
const (
	readableOperations = 15
	readableFaults     = 5
)

func readable(p *plan.Plan) bool {
	return len(p.Operations) <= readableOperations && len(p.Faults) <= readableFaults
}

// rounds applies all passes until none helps.
func (s *search) rounds() {
	for step := 0; step < len(ladder) && s.bound == ""; {
		s.rung = ladder[step]
		switch {
		case s.rung.large && readable(s.plan):
			step++
		case !s.round():
			step++
		case s.rung.seeds > 0:
			step = 0 // what is left is new to the cheap edits
		}
	}
}

// round applies all passes once, and tells whether any helped.
func (s *search) round() (helped bool) {
	passes := s.passes()
	if s.rung.coarse {
		passes = cuts()
	}
	for i := range passes {
		if s.sweep(&passes[i]) {
			helped = true
		}
	}
	return helped
}

// pass is one way of making a plan smaller: it has some items, and edits that take away any range of them.
type pass struct {
	name  string
	items func(p *plan.Plan) int
	edit  func(p *plan.Plan, from, to int)
}

// sweep tries a pass on all items, then on halves, and so on down to single ones.
func (s *search) sweep(ps *pass) (helped bool) {
	least := 1
	if s.rung.coarse {
		least = max(1, ps.items(s.plan)/coarsePieces)
	}
	for chunk := ps.items(s.plan); chunk >= least && s.bound == ""; chunk /= 2 {
		for from := 0; from < ps.items(s.plan) && s.bound == ""; {
			next, ok := s.first(ps, from, chunk)
			helped = helped || ok
			from = next
		}
	}
	return helped
}

// candidate is an edited plan and from which item on it was.
type candidate struct {
	plan *plan.Plan
	from int
	seen Sighting
}

// first tries the edits from an item on, some at a time, and keeps the first in order that helps. It returns where to
// go on.
func (s *search) first(ps *pass, from, chunk int) (next int, ok bool) {
	window, next := s.window(ps, from, chunk)
	s.execute(window)
	for i := range window {
		c := &window[i]
		s.runs++
		s.tried[key(c.plan)] = true
		if c.seen.Fingerprint != s.found.Fingerprint {
			continue
		}
		shorter := ps.items(c.plan) < ps.items(s.plan)
		s.plan, s.found = c.plan, c.seen
		if s.o.Progress != nil {
			s.o.Progress(ps.name, s.plan, s.runs)
		}
		if shorter {
			return c.from, true // other items have moved here
		}
		return c.from + chunk, true
	}
	return next, false
}

// window makes the next edited plans that are worth a try: as many as there are workers, and all seeds of the last one.
// What workers execute beyond the first that helps does not count, so that their number changes nothing.
func (s *search) window(ps *pass, from, chunk int) (list []candidate, next int) {
	left := s.o.Runs - s.runs
	switch {
	case left <= 0:
		s.bound = "runs"
		return nil, from
	case s.o.Time > 0 && time.Now().After(s.until):
		s.bound = "time"
		return nil, from
	}
	same := make(map[[sha256.Size]byte]bool)
	for n := ps.items(s.plan); from < n && len(list) < max(s.o.Workers, 1); from += chunk {
		p := s.plan.Clone()
		ps.edit(p, from, min(from+chunk, n))
		for seed := 0; seed <= s.rung.seeds; seed++ {
			q := p
			if seed > 0 {
				q = p.Clone()
				q.Seed = uint64(seed)
			}
			if name := key(q); s.worthTrying(q, name) && !same[name] {
				same[name] = true
				list = append(list, candidate{plan: q, from: from})
			}
		}
	}
	return list[:min(left, len(list))], from
}

// worthTrying: a plan that is valid, fair, and new.
func (s *search) worthTrying(p *plan.Plan, name [sha256.Size]byte) bool {
	return !s.tried[name] && p.Validate() == nil && (s.unfair || p.Fair() == nil)
}

// execute runs candidates, some at a time.
func (s *search) execute(list []candidate) {
	workers := max(s.o.Workers, 1)
	for len(list) > 0 {
		batch := list[:min(workers, len(list))]
		list = list[len(batch):]
		var wg sync.WaitGroup
		for i := range batch {
			wg.Add(1)
			go func() {
				defer wg.Done()
				batch[i].seen = s.o.Probe(batch[i].plan)
			}()
		}
		wg.Wait()
		for i := range batch {
			if batch[i].seen.Fingerprint == s.found.Fingerprint {
				return
			}
		}
	}
}

// key names a plan.
func key(p *plan.Plan) [sha256.Size]byte {
	var b bytes.Buffer
	if err := p.Encode(&b); err != nil {
		panic(fmt.Sprintf("shrink: encoding a plan: %v", err))
	}
	return sha256.Sum256(b.Bytes())
}
