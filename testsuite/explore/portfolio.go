package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/coverage"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Strategy is a way to come by plans.
type Strategy string

// The strategies.
const (
	Swarm   Strategy = "swarm"
	Focused Strategy = "focused"
	Ranked  Strategy = "ranked"
	Novelty Strategy = "novelty"
	// All takes them in turn, more of those that find more.
	All Strategy = "portfolio"
)

// single are the strategies that make plans.
var single = []Strategy{Swarm, Focused, Ranked, Novelty}

// Parse returns the strategy of a name.
func Parse(name string) (Strategy, error) {
	names := append(slices.Clone(single), All)
	if s := Strategy(name); slices.Contains(names, s) {
		return s, nil
	}
	var list []string
	for _, s := range names {
		list = append(list, string(s))
	}
	return "", fmt.Errorf("explore: %q is no strategy; there are %s", name, strings.Join(list, ", "))
}

// Yield is what a strategy's runs brought.
type Yield struct {
	Runs uint64 `json:"runs"`
	// Fresh is how many states its runs were in first.
	Fresh uint64 `json:"fresh"`
	// Found is how many of its runs failed.
	Found uint64 `json:"found"`
	// Lately and Effort are Fresh, and the events of the runs, with what is long ago counting less; in 1/1024.
	Lately uint64 `json:"lately"`
	Effort uint64 `json:"effort"`
}

// fade takes 1/fade of what was away for each run, so that about so many runs count.
const fade = 64

func (y *Yield) learn(fresh int, events uint64, found bool) {
	y.Runs++
	y.Fresh += uint64(fresh)
	if found {
		y.Found++
	}
	y.Lately += 1024*uint64(fresh) - y.Lately/fade
	y.Effort += 1024*events - y.Effort/fade
}

// rate is what its runs found lately, for a million events; what has not been tried is promising.
func (y *Yield) rate() uint64 {
	if y.Effort == 0 {
		return 1 << 20
	}
	return y.Lately * 1_000_000 / y.Effort
}

// Explorer makes plans, and learns from how they went. It is not safe for concurrent use.
type Explorer struct {
	strategy Strategy
	sharded  bool
	// Map is what all runs were through.
	Map *coverage.Map `json:"coverage"`
	// Yields are those of the strategies.
	Yields map[Strategy]*Yield `json:"yields"`
	Corpus Corpus              `json:"corpus"`
}

// New returns an explorer that has learned nothing.
func New(strategy Strategy, sharded bool) *Explorer {
	e := &Explorer{strategy: strategy, sharded: sharded, Map: new(coverage.Map), Yields: make(map[Strategy]*Yield)}
	for _, s := range single {
		e.Yields[s] = new(Yield)
	}
	return e
}

// Check says what an explorer lacks that was read from a file.
func (e *Explorer) Check() error {
	if e == nil || e.Map == nil {
		return fmt.Errorf("explore: there is no map of what was covered")
	}
	for _, s := range single {
		if e.Yields[s] == nil {
			return fmt.Errorf("explore: nothing is said of strategy %s", s)
		}
	}
	return nil
}

// Adopt goes on with what another explorer learned, of the same kind of clusters.
func (e *Explorer) Adopt(o *Explorer) { e.Map, e.Yields, e.Corpus = o.Map, o.Yields, o.Corpus }

// Choose returns the plan of a seed, and the strategy that it is by.
func (e *Explorer) Choose(seed uint64) (*plan.Plan, Strategy) {
	strategy := e.strategy
	s := netsim.NewStream(seed, "explore")
	if strategy == All {
		strategy = e.draw(s)
	}
	switch strategy {
	case Focused:
		return plan.DrawFocused(seed, e.sharded), Focused
	case Ranked:
		return plan.DrawRanked(seed, e.sharded), Ranked
	case Novelty:
		if parent, other := e.Corpus.pick(s), e.Corpus.pick(s); parent != nil {
			return plan.Mutate(seed, parent, other), Novelty
		}
	}
	return plan.Swarm(seed, e.sharded), Swarm
}

// draw draws a strategy: half of the chances are the same for all.
func (e *Explorer) draw(s *rand.Rand) Strategy {
	if s.IntN(2) == 0 {
		return single[s.IntN(len(single))]
	}
	var sum uint64
	for _, one := range single {
		sum += 1 + e.Yields[one].rate()
	}
	at := s.Uint64N(sum)
	for _, one := range single {
		rate := 1 + e.Yields[one].rate()
		if at < rate {
			return one
		}
		at -= rate
	}
	panic("explore: the sum of the rates is not what they add up to")
}

// Learn takes in how a run went. Runs must come in the order of their seeds.
func (e *Explorer) Learn(p *plan.Plan, by Strategy, seed uint64, seen coverage.Seen, events uint64, found bool) {
	fresh := e.Map.Add(seen)
	e.Yields[by].learn(fresh, events, found)
	if fresh > 0 {
		e.Corpus.add(Entry{Seed: seed, Fresh: fresh, plan: p})
	}
}

// Merge adds what another explorer covered; corpora are not joined.
func (e *Explorer) Merge(o *Explorer) {
	e.Map.Merge(o.Map)
	for _, s := range single {
		a, b := e.Yields[s], o.Yields[s]
		a.Runs, a.Fresh, a.Found = a.Runs+b.Runs, a.Fresh+b.Fresh, a.Found+b.Found
	}
}

// Strategies lists those that make plans, with what they brought.
func (e *Explorer) Strategies(tell func(Strategy, Yield)) {
	for _, s := range single {
		if y := e.Yields[s]; y.Runs > 0 {
			tell(s, *y)
		}
	}
}
