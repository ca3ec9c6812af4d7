package sim

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/testsuite/bench"
)

func benchCommand(streams *style.Streams) *cobra.Command {
	var seconds int
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the simulation: simulated seconds and runs per CPU second",
		Args:  exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := atLeastOne("seconds", seconds); err != nil {
				return err
			}
			r := bench.Measure(time.Duration(seconds) * time.Second)
			if printJSON(c) {
				return encode(streams, r)
			}
			streams.Data("steady  %.0f simulated seconds per CPU second (5 nodes, 10 clients, all oracles on)", r.SteadyRatio)
			streams.Data("swarm   %.0f simulated seconds per CPU second", r.SwarmRatio)
			streams.Data("swarm   %.1f seeds per CPU second", r.SeedsPerSecond)
			return nil
		},
	}
	c.Flags().IntVar(&seconds, "seconds", 5, "how long to measure each of the two")
	return c
}
