package check

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/checker/jepsen"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// ExportCommand is `check export FILE`.
func ExportCommand(streams *style.Streams) *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "export FILE",
		Short: "Write a history as Jepsen's EDN, for Knossos or Elle",
		Long: "Write a history to standard output as EDN, so that another checker can judge it: Knossos as registers with\n" +
			"[key value], Elle as transactions for rw-register. What EDN cannot say is left out, never made stronger.",
		Example: "  holdfast check export h.jsonl --to knossos > history.edn",
		Args:    exit.Args(1, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return runExport(streams, args[0], to) },
	}
	c.Flags().StringVar(&to, "to", "knossos", "knossos or elle")
	return c
}

func runExport(streams *style.Streams, path, to string) error {
	form, known := map[string]jepsen.Form{"knossos": jepsen.Knossos, "elle": jepsen.Elle}[to]
	if !known {
		return exit.Usagef("give --to knossos or --to elle", "--to %q is not known", to)
	}
	h, err := readHistory(streams, path)
	if err != nil {
		return err
	}
	dropped, err := jepsen.Write(streams.Out, h, form)
	if err != nil {
		return exit.With(exit.Failure, fmt.Errorf("cannot export %s: %w", path, err), "check where the output goes")
	}
	streams.Talk("left out: %d stale reads, the conditions of %d writes, %d keys", dropped.Stale, dropped.Conditions, dropped.Keys)
	return nil
}
