package sim

import (
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

func replayCommand(streams *style.Streams) *cobra.Command {
	var (
		trace bool
		dir   string
		seeds uint64
	)
	c := &cobra.Command{
		Use:   "replay RUN",
		Short: "Execute a kept run, or a plan file, again",
		Long: "Execute the plan of a run directory (or a plan.json) again. If the directory says which course the run took,\n" +
			"it must take the same one, event by event.\n" +
			"\n" +
			"With --seeds the plan is executed under other seeds too, which are other courses of the same events, until one fails: so\n" +
			"a plan that failed with real processes is tried in the simulation.",
		Example: "  holdfast sim replay runs/seed-692\n  holdfast sim replay runs/seed-692 --trace | less\n" +
			"  holdfast sim replay runs/live-seed-7 --seeds 200 --keep runs/found",
		Args: exit.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if seeds > 1 {
				hunt.EaseGC()
				return replayMany(streams, args[0], dir, seeds, printJSON(c))
			}
			return replay(streams, args[0], dir, trace, printJSON(c))
		},
	}
	c.Flags().BoolVar(&trace, "trace", false, "print each event")
	c.Flags().StringVar(&dir, "keep", "", "directory to keep this execution in, or the one that fails, with a report")
	c.Flags().Uint64Var(&seeds, "seeds", 1, "execute it under so many seeds, from its own on, until one fails; without --trace")
	return c
}

// readPlan reads what is to be replayed.
func readPlan(path string) (p *plan.Plan, hash string, err error) {
	if p, hash, err = run.ReadPlan(path); err != nil {
		return nil, "", exit.With(exit.Failure, fmt.Errorf("cannot replay: %w", err),
			"give a directory that `holdfast sim run` or `holdfast live run` kept, or a plan.json")
	}
	return p, hash, nil
}

// replayMany executes a plan under several seeds until one fails.
func replayMany(streams *style.Streams, path, dir string, seeds uint64, asJSON bool) error {
	p, _, err := readPlan(path)
	if err != nil {
		return err
	}
	var kept error
	first := true
	report := hunt.Run(hunt.Options{
		From: p.Seed, Seeds: seeds, Workers: runtime.GOMAXPROCS(0),
		Plan: func(seed uint64) *plan.Plan {
			other := p.Clone()
			other.Seed = seed
			return other
		},
		Failed: func(r *run.Result) {
			printResult(streams, r)
			if first && dir != "" {
				kept = r.Write(dir)
				streams.Talk("kept in %s", dir)
			}
			first = false
		},
	})
	if kept != nil {
		return fmt.Errorf("keeping the run: %w", kept)
	}
	if asJSON {
		if err := encode(streams, report); err != nil {
			return err
		}
	} else {
		streams.Data("%s: the plan under %d seeds: %s", outcome(report), report.Runs, tally(report))
	}
	return ended(outcome(report))
}

func replay(streams *style.Streams, path, dir string, trace, asJSON bool) error {
	p, hash, err := readPlan(path)
	if err != nil {
		return err
	}
	var o run.Options
	if trace {
		o.Sink = func(e netsim.Event) { streams.Data("%s", run.Describe(e)) }
	}
	r := run.Execute(p, o)
	printResult(streams, r)
	if dir != "" {
		if err := r.Write(dir); err != nil {
			return fmt.Errorf("keeping the run: %w", err)
		}
		streams.Talk("read its report: %s", filepath.Join(dir, run.ReportFile))
	}
	if got := r.Summarize().TraceHash; hash != "" && got != hash {
		return fmt.Errorf("this execution took another course than the recorded one (trace hash %s, recorded %s): "+
			"the program has changed since, or the simulation is not deterministic", got, hash)
	}
	if asJSON {
		if err := r.Verdict.Encode(streams.Out); err != nil {
			return err
		}
	}
	return ended(r.Verdict.Outcome)
}
