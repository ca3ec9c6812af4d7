package sim

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/testsuite/explore"
	"github.com/holdfastdb/holdfast/testsuite/mutants"
)

type mutantOptions struct {
	mutants.Options
	list     bool
	out      string
	strategy string
	ablate   bool
}

func mutantsCommand(streams *style.Streams) *cobra.Command {
	var o mutantOptions
	c := &cobra.Command{
		Use:   "mutants [ID...]",
		Short: "Plant known bugs and see that each is found",
		Long: "Plant bugs of real systems into the code, one at a time, and run seeds until an oracle fires. It needs the source tree\n" +
			"and the Go toolchain. A bug that is not found, or by another oracle than it names, is a failure.",
		Example: "  holdfast sim mutants --quick\n  holdfast sim mutants COMM-01 --ranges 5",
		Args:    exit.Args(0, -1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Only = args
			if o.list {
				return listMutants(streams)
			}
			var err error
			if o.Strategy, err = explore.Parse(o.strategy); err != nil {
				return exit.Usagef("give one of those", "--strategy: %w", err)
			}
			if o.ablate {
				o.Ablate = mutants.AblationTime
			}
			return o.score(c, streams)
		},
	}
	c.Flags().BoolVar(&o.Quick, "quick", false, "only those that are found quickly")
	c.Flags().BoolVar(&o.list, "list", false, "only list them")
	c.Flags().IntVar(&o.Ranges, "ranges", 1, "independent ranges of seeds for each")
	c.Flags().StringVar(&o.Root, "root", ".", "the source tree")
	c.Flags().DurationVar(&o.For, "for", 0, "how long in all; there are fewer ranges for each if it gets short, and what was not tried fails; 0 is no bound")
	c.Flags().BoolVar(&o.ablate, "ablate", false, "also ask which faults and oracles it takes to find each")
	c.Flags().StringVar(&o.out, "out", "", "file for the scoreboard (Markdown)")
	c.Flags().StringVar(&o.strategy, "strategy", string(explore.Swarm), "how plans are chosen (see `sim hunt`); with others than swarm, hunts end with a whole batch of runs")
	workersFlag(c, &o.Workers)
	return c
}

func listMutants(streams *style.Streams) error {
	all, err := mutants.All()
	if err != nil {
		return err
	}
	for _, m := range all {
		streams.Data("%-10s %s (%s)", m.ID, m.Title, m.Source)
	}
	return nil
}

func (o *mutantOptions) score(c *cobra.Command, streams *style.Streams) error {
	missed := 0
	o.Progress = func(s *mutants.Score) {
		if !s.Found() {
			missed++
		}
		seeds, _ := s.Seeds()
		cpu, _ := s.CPU()
		streams.Data("%-10s %-16s %6.0f seeds %10s CPU  %s", s.Mutant.ID, s.Status(), seeds, style.Duration(cpu), s.Mutant.Title)
		if !s.Found() {
			streams.Talk("  fired: %s", strings.Join(s.Fired(), ", "))
		}
		if s.Err != nil {
			streams.Talk("%v", s.Err)
		}
	}
	scores, err := mutants.Run(c.Context(), &o.Options)
	if err != nil {
		return err
	}
	if o.out != "" {
		f, err := os.Create(o.out)
		if err != nil {
			return err
		}
		if err := mutants.WriteMarkdown(f, scores); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	if missed > 0 {
		return exit.With(exit.Violation, fmt.Errorf("%d of %d planted bugs were not found by an oracle that they name", missed, len(scores)),
			"either the testbed has become blind, or the mutant no longer is a bug")
	}
	return nil
}
