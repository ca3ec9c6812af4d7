package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

func (a *App) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Show the settings and where they come from",
		Args:  a.unknownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "show [COMMAND] [FLAGS OF THE COMMAND]",
		Short: "Show each setting of a command with its value and its origin: flag, env, file or default",
		Long: "Show each setting of a command (get, if none is given) with its value and its origin, as the command would\n" +
			"take it with these flags, in this environment and with this file.",
		Example: "  holdfast config show\n" +
			"  holdfast config show server --config node1.yaml --id 1\n" +
			"  HOLDFAST_TIMEOUT=1s holdfast config show put -o json",
		DisableFlagParsing: true,
		// The flags are those of the other command, which resolves them.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE:              func(c *cobra.Command, args []string) error { return a.showConfig(c, args) },
	})
	return c
}

func (a *App) showConfig(c *cobra.Command, args []string) error {
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
		return c.Help()
	}
	if len(args) == 0 || args[0][0] == '-' {
		args = append([]string{"get"}, args...)
	}
	target, rest, err := a.root.Find(args)
	if err != nil || target == a.root || !target.Runnable() {
		return exit.Usagef("`holdfast --help` lists the commands", "there is no command %q", args[0])
	}
	if err := target.ParseFlags(rest); err != nil {
		return exit.Usagef(flagHint(target, err), "%w", err)
	}
	if err := a.resolve(target); err != nil {
		return err
	}
	if a.format == style.JSON {
		return style.PrintJSON(a.Streams.Out, a.settings)
	}
	t := tabwriter.NewWriter(a.Streams.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tVALUE\tORIGIN\tWHERE")
	for _, s := range a.settings {
		where := s.Where
		if s.Source == config.FromDefault {
			where = "(" + config.EnvName(s.Name) + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Name, s.Value, s.Source, where)
	}
	return t.Flush()
}
