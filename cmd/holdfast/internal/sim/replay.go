package sim

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

func replayCommand(streams *style.Streams) *cobra.Command {
	var trace bool
	var dir string
	c := &cobra.Command{
		Use:   "replay RUN",
		Short: "Execute a kept run, or a plan file, again",
		Long: "Execute the plan of a run directory (or a plan.json) again. If the directory says which course the run took,\n" +
			"it must take the same one, event by event.",
		Example: "  holdfast sim replay runs/seed-692\n  holdfast sim replay runs/seed-692 --trace | less",
		Args:    exit.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return replay(streams, args[0], dir, trace, printJSON(c))
		},
	}
	c.Flags().BoolVar(&trace, "trace", false, "print each event")
	c.Flags().StringVar(&dir, "keep", "", "directory to keep this execution in, with a report")
	return c
}

func replay(streams *style.Streams, path, dir string, trace, asJSON bool) error {
	p, hash, err := run.ReadPlan(path)
	if err != nil {
		return exit.With(exit.Failure, fmt.Errorf("cannot replay: %w", err),
			"give a directory that `holdfast sim run` kept, or a plan.json")
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
