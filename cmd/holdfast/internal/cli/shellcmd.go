package cli

import (
	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/shell"
)

func (a *App) shellCommand() *cobra.Command {
	var timing bool
	c := &cobra.Command{
		Use:   "shell",
		Short: "Talk to a cluster: PUT, GET, ERASE, CAS, ...",
		Long: "Read commands, one a line, and answer them: PUT key value, GET key, ERASE key, CAS, SCAN, STATUS, HELP, EXIT.\n" +
			"On a terminal there are editing, history and completion. Commands can also come from a pipe; then the exit\n" +
			"code is that of the first command that failed.",
		Example: "  holdfast shell\n" +
			"  echo 'GET user1' | holdfast shell",
		Args: exit.Args(0, 0),
	}
	f := addClientFlags(c)
	c.Flags().BoolVar(&timing, "timing", false, "show how long each command took (always on a terminal)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := a.open(f)
		if err != nil {
			return err
		}
		defer s.Close()
		if a.Streams.Interactive {
			a.Streams.Talk("Holdfast shell. HELP shows the commands, EXIT leaves.")
		}
		session := &shell.Session{Streams: a.Streams, Store: s, Format: a.format, Timeout: f.timeout, Timing: timing}
		return session.Run(c.Context())
	}
	return c
}
