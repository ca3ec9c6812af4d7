package mutants

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/explore"
)

// Score is how the hunts for one mutant ended.
type Score struct {
	Mutant *Mutant
	// Hunts has one report for each range of seeds.
	Hunts []*Report
	// Directed is set if the mutant's directed test found it.
	Directed bool
	Err      error
}

// Found reports whether every hunt found the mutant by an oracle that it names.
func (s *Score) Found() bool {
	if s.Err != nil || len(s.Hunts) == 0 {
		return s.Err == nil && s.Directed
	}
	for _, h := range s.Hunts {
		if h.Found == nil || !s.Mutant.Names(h.Found.Fingerprint) {
			return false
		}
	}
	return true
}

// Status says in a word or two how the hunts ended.
func (s *Score) Status() string {
	switch {
	case s.Err != nil:
		return "error"
	case s.Directed:
		return "found (directed)"
	case s.Found():
		return "found"
	case len(s.Hunts) == 0:
		return "NOT FOUND"
	}
	for _, h := range s.Hunts {
		if h.Found == nil {
			return "NOT FOUND"
		}
	}
	return "found otherwise"
}

// quantiles returns the median and the largest of a figure over the hunts.
func (s *Score) quantiles(figure func(*Report) float64) (median, worst float64) {
	var all []float64
	for _, h := range s.Hunts {
		all = append(all, figure(h))
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[(len(all)-1)/2], all[len(all)-1]
}

// Options say how to keep score.
type Options struct {
	// Root is the source tree.
	Root string
	// Only restricts the mutants to these ids; Quick to the quick ones.
	Only  []string
	Quick bool
	// Ranges is the number of independent ranges of seeds for each mutant.
	Ranges int
	// Strategy is how plans are chosen; none means swarm.
	Strategy explore.Strategy
	// Ablate is how long each question of an Ablation may take; 0 asks none. It is done in the first range.
	Ablate time.Duration
	// For bounds the whole: mutants get fewer ranges if time gets short, and those that get none count as not found. 0 is no bound.
	For time.Duration
	// Workers is the number of hunts at a time.
	Workers int
	// Progress is told of each finished score, one at a time.
	Progress func(*Score)

	begin time.Time
	// done is the share of the mutants that are finished, in 1/1000.
	done atomic.Int64
}

// short tells whether more of the time has gone by than of the work.
func (o *Options) short() bool {
	return o.For > 0 && time.Since(o.begin)*1000 > o.For*time.Duration(o.done.Load())
}

// cleanHunter is the hunter without a mutant, to compare with (MUT-4).
const cleanHunter = "hunter"

// rangeStart keeps the ranges of seeds apart.
func rangeStart(i int) uint64 { return 1 + uint64(i)*1_000_000 }

// Run hunts mutants and returns their scores in the order of the catalogue.
func Run(ctx context.Context, o *Options) ([]*Score, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	var scores []*Score
	for i := range all {
		m := &all[i]
		if len(o.Only) > 0 && !slices.Contains(o.Only, m.ID) || o.Quick && !m.Quick {
			continue
		}
		scores = append(scores, &Score{Mutant: m})
	}
	if len(scores) == 0 {
		return nil, fmt.Errorf("no mutant of the catalogue is meant: see `holdfast sim mutants --list`")
	}
	dir, err := os.MkdirTemp("", "holdfast-mutants-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if o.Root, err = filepath.Abs(o.Root); err != nil {
		return nil, err
	}
	if err := buildHunter(ctx, o.Root, filepath.Join(dir, cleanHunter)); err != nil {
		return nil, err
	}
	if o.begin = time.Now(); o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	o.all(ctx, scores, dir)
	return scores, nil
}

// all hunts them, some at a time.
func (o *Options) all(ctx context.Context, scores []*Score, dir string) {
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		finished int
	)
	work := make(chan *Score)
	for range max(o.Workers, 1) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for s := range work {
				s.hunt(ctx, o, dir)
				mu.Lock()
				finished++
				o.done.Store(int64(1000 * finished / len(scores)))
				if o.Progress != nil {
					o.Progress(s)
				}
				mu.Unlock()
			}
		}()
	}
	for _, s := range scores {
		work <- s
	}
	close(work)
	wg.Wait()
}

func (s *Score) hunt(ctx context.Context, o *Options, dir string) {
	if ctx.Err() != nil {
		s.Err = fmt.Errorf("mutant %s was not tried: %w", s.Mutant.ID, ctx.Err())
		return
	}
	if s.Mutant.Directed.Run != "" {
		s.Directed, s.Err = s.Mutant.RunDirected(ctx, o.Root, dir)
		return
	}
	binary, err := s.Mutant.Build(ctx, o.Root, dir)
	if err != nil {
		s.Err = err
		return
	}
	defer os.Remove(binary)
	same, err := sameFile(binary, filepath.Join(dir, cleanHunter))
	if err != nil || same {
		s.Err = fmt.Errorf("mutant %s: its program is the same as the one without it (%v): the overlay did not take effect", s.Mutant.ID, err)
		return
	}
	for i := range max(o.Ranges, 1) {
		if i > 0 && o.short() {
			return
		}
		ablate := o.Ablate
		if i > 0 {
			ablate = 0
		}
		r, err := s.Mutant.Hunt(ctx, binary, rangeStart(i), cmp.Or(o.Strategy, explore.Swarm), ablate)
		if err != nil && ctx.Err() != nil && i > 0 {
			return // the time is up; what other ranges found counts
		}
		if err != nil {
			s.Err = err
			return
		}
		s.Hunts = append(s.Hunts, r)
	}
}

// Seeds is the number of seeds that were needed: median and worst over the ranges.
func (s *Score) Seeds() (median, worst float64) {
	return s.quantiles(func(r *Report) float64 { return float64(r.Runs) })
}

// CPU is the CPU time that was needed.
func (s *Score) CPU() (median, worst time.Duration) {
	m, w := s.quantiles(func(r *Report) float64 { return float64(r.CPU) })
	return time.Duration(m), time.Duration(w)
}

// Virtual is the simulated time that was needed.
func (s *Score) Virtual() (median, worst time.Duration) {
	m, w := s.quantiles(func(r *Report) float64 { return float64(r.Report.Virtual) })
	return time.Duration(m), time.Duration(w)
}
