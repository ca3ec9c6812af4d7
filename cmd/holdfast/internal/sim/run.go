package sim

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// maxVacuous is the share of runs that may have tested less than they were meant to
// before the hunt as a whole proves nothing.
const maxVacuous = 0.5

type runOptions struct {
	seeds, from uint64
	workers     int
	keepGoing   bool
	sharded     bool
	keep        bool
	dir         string
	known       string
}

func runCommand(streams *style.Streams) *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run",
		Short: "Run seeds until one fails",
		Long: "Draw a plan from each seed (cluster, settings, network, operations and faults), execute it, and judge it. A run that\n" +
			"fails is kept in a directory below --dir, with a report to read in a browser.",
		Example: "  holdfast sim run --seeds 1000 --from 1\n  holdfast sim run --from 692 --seeds 1",
		Args:    exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			hunt.EaseGC()
			if err := atLeastOne("workers", o.workers); err != nil {
				return err
			}
			if o.seeds == 0 {
				return exit.Usagef("give a number from 1 on", "--seeds is 0: that would test nothing")
			}
			return o.hunt(streams, printJSON(c))
		},
	}
	c.Flags().Uint64Var(&o.seeds, "seeds", 200, "number of seeds")
	c.Flags().Uint64Var(&o.from, "from", 1, "first seed")
	c.Flags().BoolVar(&o.keepGoing, "keep-going", false, "do not stop at the first failure")
	c.Flags().BoolVar(&o.sharded, "sharded", false, "draw clusters with partitions, whose nodes join, drain, leave and die")
	c.Flags().BoolVar(&o.keep, "keep", false, "keep the other runs too, to look at their reports")
	c.Flags().StringVar(&o.dir, "dir", "runs", "directory that keeps failed runs")
	knownFlag(c, &o.known)
	workersFlag(c, &o.workers)
	return c
}

func knownFlag(c *cobra.Command, known *string) {
	c.Flags().StringVar(known, "known", "", "violations that are known, to be counted only: a verdict.json, a directory of kept runs, or a list of fingerprints")
}

func (o *runOptions) hunt(streams *style.Streams, asJSON bool) error {
	var kept error
	known, err := o.readKnown()
	if err != nil {
		return err
	}
	begin := time.Now()
	last := begin
	keep := func(r *run.Result) { kept = errors.Join(kept, o.write(streams, r, r.Plan.Seed)) }
	options := hunt.Options{
		From: o.from, Seeds: o.seeds, Workers: o.workers, KeepGoing: o.keepGoing, Sharded: o.sharded, Known: known,
		Failed: keep,
		Progress: func(r *hunt.Report) {
			if now := time.Now(); now.Sub(last) > 5*time.Second {
				last = now
				streams.Talk("%d of %d seeds, %s simulated, %d pass", r.Runs, o.seeds, style.Duration(r.Virtual), r.Outcomes[verdict.Pass])
			}
		},
	}
	if o.keep {
		options.Sound = keep
	}
	report := hunt.Run(options)
	if kept != nil {
		return fmt.Errorf("keeping a run: %w", kept)
	}
	if asJSON {
		if err := encode(streams, report); err != nil {
			return err
		}
		return ended(outcome(report))
	}
	took := time.Since(begin)
	streams.Data("%s: %d runs: %s", outcome(report), report.Runs, tally(report))
	for _, fingerprint := range slices.Sorted(maps.Keys(report.Known)) {
		streams.Data("known: %d runs ended in %s (%s)", report.Known[fingerprint], fingerprint, known[fingerprint])
	}
	streams.Talk("%s simulated in %s", style.Duration(report.Virtual), style.Duration(took))
	showEvidence(streams, report)
	return ended(outcome(report))
}

// tally is how the runs ended.
func tally(r *hunt.Report) string {
	return fmt.Sprintf("%d pass, %d violation, %d liveness, %d unknown, %d vacuous", r.Outcomes[verdict.Pass], r.Outcomes[verdict.Violated],
		r.Outcomes[verdict.Stalled], r.Outcomes[verdict.Unknown], r.Outcomes[verdict.Vacuous])
}

// showEvidence prints what happened in the runs, and what never did.
func showEvidence(streams *style.Streams, r *hunt.Report) {
	for _, c := range r.Evidence.Counters() {
		streams.Talk("  %-45s %d", c.Name, c.Count)
	}
	for _, name := range r.Idle() {
		streams.Data("in %d runs no %s: this nemesis does nothing", r.Runs, strings.TrimSuffix(name, " took effect")+" ever took effect")
	}
}

// readKnown reads what --known names.
func (o *runOptions) readKnown() (hunt.Known, error) {
	if o.known == "" {
		return nil, nil
	}
	known, err := hunt.ReadKnown(o.known)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("reading --known: %w", err), "")
	}
	return known, nil
}

// outcome is the hunt's, with one rule more: if most runs were vacuous, so is the hunt.
func outcome(r *hunt.Report) verdict.Outcome {
	o := r.Outcome()
	if o == verdict.Pass && float64(r.Outcomes[verdict.Vacuous]) > maxVacuous*float64(r.Runs) {
		return verdict.Vacuous
	}
	return o
}

// write keeps a run in its directory (SIMCMD-2).
func (o *runOptions) write(streams *style.Streams, r *run.Result, seed uint64) error {
	dir := filepath.Join(o.dir, fmt.Sprintf("seed-%d", seed))
	if err := r.Write(dir); err != nil {
		return err
	}
	printResult(streams, r)
	streams.Talk("kept in %s; replay it with: holdfast sim replay %s", dir, dir)
	streams.Talk("read its report: %s", filepath.Join(dir, run.ReportFile))
	return nil
}

func printResult(streams *style.Streams, r *run.Result) {
	streams.Talk("seed %d: %s after %s of virtual time", r.Plan.Seed, r.Verdict.Outcome, style.Duration(r.Virtual))
	for _, reason := range r.Verdict.Reasons {
		streams.Talk("  %s", reason)
	}
}
