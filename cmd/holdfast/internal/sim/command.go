package sim

import (
	"encoding/json"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// Command is `sim` with its sub-commands.
func Command(streams *style.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "sim",
		Short: "Attack a simulated cluster and judge what happened",
		Long: "Run the production code in a deterministic simulation, with faults of the network, the processes, the disks and\n" +
			"the clocks. Each seed is one run; the same seed always takes the same course.",
		Args: exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(runCommand(streams), huntCommand(streams), mergeCommand(streams), replayCommand(streams), shrinkCommand(streams),
		serveCommand(streams), benchCommand(streams), mutantsCommand(streams))
	return c
}

// printJSON reports whether the user wants JSON.
func printJSON(c *cobra.Command) bool {
	f := c.Flags().Lookup("output")
	return f != nil && f.Value.String() == string(style.JSON)
}

func encode(streams *style.Streams, v any) error {
	e := json.NewEncoder(streams.Out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// ended turns an outcome into the command's end (SIMCMD-1).
func ended(o verdict.Outcome) error {
	if code := o.ExitCode(); code != exit.OK {
		return exit.Quietly(code)
	}
	return nil
}

func workersFlag(c *cobra.Command, workers *int) {
	c.Flags().IntVar(workers, "workers", runtime.GOMAXPROCS(0), "runs at the same time")
}

func atLeastOne(name string, n int) error {
	if n < 1 {
		return exit.Usagef("give a number from 1 on", "--%s is %d", name, n)
	}
	return nil
}
