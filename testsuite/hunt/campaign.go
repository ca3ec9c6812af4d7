package hunt

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/explore"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// campaignVersion is that of the file format.
const campaignVersion = 2

// maxFindings bounds the different findings that a campaign remembers; all runs are counted.
const maxFindings = 1000

// Campaign is a long hunt on one machine, perhaps with others that hunt other shards. It is kept in a file, so that
// it goes on where it was interrupted.
type Campaign struct {
	Version int `json:"version"`
	Scope
	// Done is how many of its seeds were run: the first ones, all of them.
	Done uint64 `json:"done"`
	// Took is the time that this took, without pauses.
	Took   time.Duration `json:"took_ns"`
	Report Report        `json:"report"`
	// Findings are ascending in their fingerprints.
	Findings []Finding `json:"findings,omitempty"`
	// Explorer is what was learned of the states that the runs were in, Growth how many they were in the course of time.
	Explorer *explore.Explorer `json:"explorer"`
	Growth   Growth            `json:"growth"`
}

// Finding is all failed runs with one fingerprint.
type Finding struct {
	Fingerprint string `json:"fingerprint"`
	Runs        uint64 `json:"runs"`
	// Lowest is the run of the lowest seed.
	Lowest Found `json:"lowest"`
}

// Scope is what a campaign hunts.
type Scope struct {
	// Program tells builds apart: what different code found does not add up.
	Program string `json:"program"`
	// From is the first seed of all shards; this one has every Shards-th seed from From + Shard on.
	From    uint64 `json:"from"`
	Shard   uint64 `json:"shard"`
	Shards  uint64 `json:"shards"`
	Sharded bool   `json:"sharded,omitempty"`
	// Strategy is how plans are chosen.
	Strategy explore.Strategy `json:"strategy"`
}

// NewCampaign begins one.
func NewCampaign(o Scope) (*Campaign, error) {
	if o.Shards == 0 || o.Shard >= o.Shards {
		return nil, fmt.Errorf("hunt: shard %d of %d: shards are numbered from 0 on", o.Shard, o.Shards)
	}
	return &Campaign{
		Version: campaignVersion, Scope: o,
		Report:   Report{Outcomes: make(map[verdict.Outcome]uint64)},
		Explorer: explore.New(o.Strategy, o.Sharded),
	}, nil
}

// ErrOther is why a campaign cannot go on with a file: it is of another one.
var ErrOther = errors.New("it is another campaign")

// sameAs returns how two campaigns differ in what they hunt, nil if they do not.
func (c *Campaign) sameAs(o *Campaign) error {
	switch {
	case c.Program != o.Program:
		return fmt.Errorf("%w: of program %s, not %s", ErrOther, o.Program, c.Program)
	case c.From != o.From || c.Shards != o.Shards || c.Sharded != o.Sharded:
		return fmt.Errorf("%w: from seed %d in %d shards (partitions: %t), not from %d in %d (partitions: %t)",
			ErrOther, o.From, o.Shards, o.Sharded, c.From, c.Shards, c.Sharded)
	case c.Strategy != o.Strategy:
		return fmt.Errorf("%w: by strategy %s, not %s", ErrOther, o.Strategy, c.Strategy)
	}
	return nil
}

// find counts a finding, and tells whether it is one more that is remembered.
func (c *Campaign) find(f *Found, runs uint64) bool {
	i, known := slices.BinarySearchFunc(c.Findings, f.Fingerprint, func(x Finding, fp string) int { return strings.Compare(x.Fingerprint, fp) })
	switch {
	case known:
		x := &c.Findings[i]
		x.Runs += runs
		if f.Seed < x.Lowest.Seed {
			x.Lowest = *f
		}
	case len(c.Findings) < maxFindings:
		c.Findings = slices.Insert(c.Findings, i, Finding{Fingerprint: f.Fingerprint, Runs: runs, Lowest: *f})
		return true
	}
	return false
}

// merge adds another report, without the run that it names: a campaign has its Findings.
func (r *Report) merge(o *Report) {
	r.Runs += o.Runs
	for outcome, n := range o.Outcomes {
		r.Outcomes[outcome] += n
	}
	r.Virtual += o.Virtual
	r.Events += o.Events
	r.Evidence.Merge(&o.Evidence)
	for fingerprint, n := range o.Known {
		if r.Known == nil {
			r.Known = make(map[string]uint64)
		}
		r.Known[fingerprint] += n
	}
}

// Merge adds up the shards of a campaign, each once.
func Merge(shards []*Campaign) (*Campaign, error) {
	if len(shards) == 0 {
		return nil, errors.New("hunt: there is nothing to merge")
	}
	first := shards[0]
	scope := first.Scope
	scope.Shard = 0
	all, err := NewCampaign(scope)
	if err != nil {
		return nil, err
	}
	seen := make(map[uint64]bool)
	for _, c := range shards {
		if err := first.sameAs(c); err != nil {
			return nil, fmt.Errorf("hunt: shard %d cannot be merged: %w", c.Shard, err)
		}
		if seen[c.Shard] {
			return nil, fmt.Errorf("hunt: shard %d is there twice", c.Shard)
		}
		seen[c.Shard] = true
		all.Done += c.Done
		all.Took += c.Took
		all.Report.merge(&c.Report)
		all.Explorer.Merge(c.Explorer)
		for i := range c.Findings {
			all.find(&c.Findings[i].Lowest, c.Findings[i].Runs)
		}
	}
	return all, nil
}

// Resume goes on with the campaign that the file has, if it is the same one. It returns c itself if there is no file.
func (c *Campaign) Resume(path string) (*Campaign, error) {
	old, err := ReadCampaign(path)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	if err := c.sameAs(old); err != nil {
		return nil, fmt.Errorf("hunt: cannot go on with %s: %w", path, err)
	}
	if c.Shard != old.Shard {
		return nil, fmt.Errorf("hunt: cannot go on with %s: %w: shard %d, not %d", path, ErrOther, old.Shard, c.Shard)
	}
	c.Explorer.Adopt(old.Explorer)
	if err := c.Explorer.Corpus.Load(corpusDir(path)); err != nil {
		return nil, fmt.Errorf("hunt: cannot go on with %s: %w", path, err)
	}
	old.Explorer = c.Explorer
	return old, nil
}

// ReadCampaign reads the file of a campaign.
func ReadCampaign(path string) (*Campaign, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("hunt: %w", err)
	}
	var c Campaign
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("hunt: %s is no campaign: %w", path, err)
	}
	if c.Version != campaignVersion || c.Shards == 0 || c.Shard >= c.Shards || c.Report.Outcomes == nil {
		return nil, fmt.Errorf("hunt: %s is no campaign of version %d", path, campaignVersion)
	}
	if err := c.Explorer.Check(); err != nil {
		return nil, fmt.Errorf("hunt: %s: %w", path, err)
	}
	return &c, nil
}

// corpusDir is where the plans are that a campaign remembers.
func corpusDir(path string) string { return filepath.Join(filepath.Dir(path), "corpus") }

// Save replaces the file, and the plans beside it; a crash leaves the old file or the new one, perhaps without some of the plans.
func (c *Campaign) Save(path string) error {
	if err := c.Explorer.Corpus.Save(corpusDir(path)); err != nil {
		return err
	}
	if err := run.Replace(path, run.JSON(c)); err != nil {
		return fmt.Errorf("hunt: %w", err)
	}
	return nil
}
