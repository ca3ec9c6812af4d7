package sim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/mutants"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
	"github.com/holdfastdb/holdfast/testsuite/shrink"
)

type shrinkOptions struct {
	runs    int
	time    time.Duration
	workers int
	dir     string
	mutants []string
	all     bool
	seed    uint64
	root    string
	out     string
}

func shrinkCommand(streams *style.Streams) *cobra.Command {
	var o shrinkOptions
	c := &cobra.Command{
		Use:   "shrink [RUN]",
		Short: "Make a failing run small, and tell what happens in it",
		Long: "Take away from the plan of a run directory (or a plan.json) what its violation does not need: faults, operations, clients,\n" +
			"nodes, partitions, delays, time. The fingerprint of the violation stays. The result is a directory with the plan, a story\n" +
			"in words and as a drawing, and a Go test.\n\n" +
			"With --mutant a program with that planted bug hunts, and shrinks what it finds, or RUN. It needs the source tree and the\n" +
			"Go toolchain.",
		Example: "  holdfast sim shrink runs/seed-2\n  holdfast sim shrink --mutant COMM-01\n" +
			"  holdfast sim shrink --all-mutants --out docs/shrinking.md",
		Args: exit.Args(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			hunt.EaseGC()
			if err := o.check(args); err != nil {
				return err
			}
			if len(o.mutants) > 0 || o.all {
				return o.shrinkMutants(c, streams, args)
			}
			return o.shrinkRun(streams, args[0], printJSON(c))
		},
	}
	c.Flags().IntVar(&o.runs, "runs", 3000, "plans to try at most; the same number gives the same result, unless --time ends it")
	c.Flags().DurationVar(&o.time, "time", time.Minute, "how long to try at most")
	c.Flags().StringVar(&o.dir, "dir", "", "directory for the result (default RUN/shrunk, with --mutant runs/shrunk/ID)")
	c.Flags().StringSliceVar(&o.mutants, "mutant", nil, "plant these bugs of the catalogue, one at a time")
	c.Flags().BoolVar(&o.all, "all-mutants", false, "plant each bug that seeds find")
	c.Flags().Uint64Var(&o.seed, "seed", 1, "first seed to hunt with, for --mutant")
	c.Flags().StringVar(&o.root, "root", ".", "the source tree, for --mutant")
	c.Flags().StringVar(&o.out, "out", "", "file for a table of the results (Markdown), for --mutant")
	workersFlag(c, &o.workers)
	return c
}

func (o *shrinkOptions) check(args []string) error {
	planted := len(o.mutants) > 0 || o.all
	switch {
	case o.runs < 0 || o.time < 0:
		return exit.Usagef("give a number from 0 on", "--runs is %d and --time %v", o.runs, o.time)
	case planted && len(o.mutants) != 1 && len(args) > 0:
		return exit.Usagef("give one --mutant, or no RUN", "%s is a run of one program, with one bug", args[0])
	case !planted && len(args) == 0:
		return exit.Usagef("give a directory that `holdfast sim run` kept, or a plan.json, or --mutant", "`holdfast sim shrink` needs to know what to shrink")
	case !planted && o.out != "":
		return exit.Usagef("leave --out away", "--out is for --mutant and --all-mutants")
	}
	return atLeastOne("workers", o.workers)
}

// shrinkRun shrinks a run of this program.
func (o *shrinkOptions) shrinkRun(streams *style.Streams, path string, asJSON bool) error {
	p, _, err := run.ReadPlan(path)
	if err != nil {
		return exit.With(exit.Failure, fmt.Errorf("cannot shrink: %w", err), "give a directory that `holdfast sim run` or `holdfast live run` kept, or a plan.json")
	}
	last := time.Now()
	r, err := shrink.Minimize(p, shrink.Options{
		Probe: shrink.Simulation(p), Runs: o.runs, Time: o.time, Workers: o.workers,
		Progress: func(pass string, p *plan.Plan, runs int) {
			if now := time.Now(); now.Sub(last) > 2*time.Second {
				last = now
				streams.Talk("%d runs: %s (%s)", runs, shrink.SizeOf(p), pass)
			}
		},
	})
	if errors.Is(err, shrink.ErrPasses) {
		return exit.With(exit.Failure, fmt.Errorf("cannot shrink %s: %w", path, err),
			"if the run is of a planted bug, name it with --mutant; else look for another seed with `holdfast sim run`")
	} else if err != nil {
		return fmt.Errorf("cannot shrink %s: %w", path, err)
	}
	if was := recorded(path); was != "" && was != r.Fingerprint {
		streams.Talk("the run was recorded with %s; its plan fails with %s now, and that was kept: the code has changed since", was, r.Fingerprint)
	}
	dir := o.dir
	if dir == "" {
		dir = filepath.Join(beside(path), "shrunk")
	}
	if err := r.Write(dir, ""); err != nil {
		return fmt.Errorf("keeping the shrunk run: %w", err)
	}
	if asJSON {
		return encode(streams, r)
	}
	printShrunk(streams, r, dir)
	return nil
}

// recorded is the fingerprint that a run directory was kept with, "" if that is not known.
func recorded(path string) string {
	f, err := os.Open(filepath.Join(path, "verdict.json"))
	if err != nil {
		return ""
	}
	defer f.Close()
	if v, err := verdict.Decode(f); err == nil && len(v.Violations) > 0 {
		return v.Violations[0].Fingerprint
	}
	return ""
}

// beside is the directory that a run's files are in.
func beside(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path
	}
	return filepath.Dir(path)
}

func printShrunk(streams *style.Streams, r *shrink.Report, dir string) {
	streams.Data("%s", r.Fingerprint)
	streams.Data("  before  %s", r.Before)
	streams.Data("  after   %s", r.After)
	ended := ""
	if r.Bound != "" {
		ended = fmt.Sprintf(" (ended by the bound on %s; more may be possible)", r.Bound)
	}
	streams.Talk("%d runs in %s%s", r.Runs, style.Duration(r.Took), ended)
	streams.Talk("read %s; a Go test is in %s", filepath.Join(dir, "story.txt"), filepath.Join(dir, shrink.TestFile))
}

// shrinkMutants hunts and shrinks with planted bugs.
func (o *shrinkOptions) shrinkMutants(c *cobra.Command, streams *style.Streams, args []string) error {
	m := mutants.ShrinkOptions{Root: o.root, Only: o.mutants, From: o.seed, Runs: o.runs, Time: o.time, Workers: o.workers, Dir: o.dir}
	if len(args) > 0 {
		m.Of = args[0]
	}
	if m.Dir == "" {
		m.Dir = filepath.Join("runs", "shrunk")
	}
	if o.all {
		m.Only = nil
	}
	failed := 0
	m.Progress = func(s *mutants.Shrinking) {
		if s.Err != nil {
			failed++
			streams.Talk("%v", s.Err)
			return
		}
		streams.Data("%s: %s", s.Mutant.ID, s.Mutant.Title)
		printShrunk(streams, s.Report.Shrunk, s.Dir)
		streams.Talk("seed %d; %s CPU; without the bug the plan ends in %s", s.Report.Found.Seed, style.Duration(s.Report.ShrinkCPU), s.Clean)
	}
	list, err := mutants.ShrinkAll(c.Context(), m)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := writeTable(o.out, &m, list); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d mutants could not be shrunk", failed, len(list))
	}
	return nil
}

func writeTable(name string, o *mutants.ShrinkOptions, list []*mutants.Shrinking) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := mutants.WriteShrinkTable(f, o, list); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
