package cli

import (
	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/build"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
)

func (a *App) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of the program and of its formats",
		Example: "  holdfast version -o json",
		Args:    exit.Args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			info := build.Read()
			return a.print(info.String(), info.Version, info)
		},
	}
}
