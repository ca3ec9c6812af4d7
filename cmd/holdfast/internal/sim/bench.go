package sim

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/testsuite/bench"
	"github.com/holdfastdb/holdfast/testsuite/hunt"
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
			hunt.EaseGC()
			r := bench.Measure(time.Duration(seconds) * time.Second)
			if printJSON(c) {
				return encode(streams, r)
			}
			streams.Data("steady  %.0f simulated seconds per CPU second (5 nodes, 10 clients, all oracles on)", r.SteadyRatio)
			streams.Data("sharded %.0f simulated seconds per CPU second (the same on 8 partitions of 3 copies)", r.ShardedRatio)
			streams.Data("swarm   %.0f simulated seconds per CPU second", r.SwarmRatio)
			streams.Data("swarm   %.1f seeds per CPU second", r.SeedsPerSecond)
			return nil
		},
	}
	c.Flags().IntVar(&seconds, "seconds", 5, "how long to measure each of the three")
	return c
}
