package explore

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// maxCorpus bounds the plans that are remembered.
const maxCorpus = 256

// Corpus is the plans whose runs were where none had been. In a file it is a list without the plans, which are in
// files of their own.
type Corpus []Entry

// Entry is one plan.
type Entry struct {
	// Seed is that for which the plan was made; it tells entries apart.
	Seed uint64 `json:"seed"`
	// Fresh is how many states its run was in first.
	Fresh int `json:"fresh"`
	// Tried is how often it was changed.
	Tried int `json:"tried,omitempty"`

	plan *plan.Plan
}

// promise is the higher the more an entry found, and the less often it was tried.
func (e *Entry) promise() int { return 1000 * e.Fresh / (1 + e.Tried) }

// add adds an entry; the least promising makes room.
func (c *Corpus) add(e Entry) {
	if len(*c) < maxCorpus {
		*c = append(*c, e)
		return
	}
	least := 0
	for i := range *c {
		if (*c)[i].promise() < (*c)[least].promise() {
			least = i
		}
	}
	if e.promise() > (*c)[least].promise() {
		*c = append(slices.Delete(*c, least, least+1), e)
	}
}

// pick returns the most promising of a few plans that are drawn, nil if there is none.
func (c Corpus) pick(s *rand.Rand) *plan.Plan {
	if len(c) == 0 {
		return nil
	}
	const few = 3
	best := s.IntN(len(c))
	for range few - 1 {
		if i := s.IntN(len(c)); c[i].promise() > c[best].promise() {
			best = i
		}
	}
	c[best].Tried++
	return c[best].plan
}

func planFile(dir string, seed uint64) string {
	return filepath.Join(dir, fmt.Sprintf("plan-%d.json", seed))
}

// Save writes the plans to a directory, which then has these and no others.
func (c Corpus) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("explore: %w", err)
	}
	wanted := make(map[string]bool)
	for i := range c {
		path := planFile(dir, c[i].Seed)
		wanted[path] = true
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := run.Replace(path, c[i].plan.Encode); err != nil {
			return fmt.Errorf("explore: keeping the plan of seed %d: %w", c[i].Seed, err)
		}
	}
	there, err := filepath.Glob(filepath.Join(dir, "plan-*.json"))
	for _, path := range there {
		if !wanted[path] {
			err = errors.Join(err, os.Remove(path))
		}
	}
	if err != nil {
		return fmt.Errorf("explore: tidying %s: %w", dir, err)
	}
	return nil
}

// Load reads the plans of the entries back. Entries whose plans are gone are left out.
func (c *Corpus) Load(dir string) error {
	var kept Corpus
	for _, e := range *c {
		p, _, err := run.ReadPlan(planFile(dir, e.Seed))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("explore: the plan of seed %d in the corpus: %w", e.Seed, err)
		}
		e.plan = p
		kept = append(kept, e)
	}
	*c = kept
	return nil
}
