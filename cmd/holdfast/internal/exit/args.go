package exit

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Args checks the number of arguments of a command; most -1 is no bound.
func Args(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		want := fmt.Sprintf("%d to %d arguments", least, most)
		switch {
		case most < 0:
			want = fmt.Sprintf("at least %d arguments", least)
		case least == most && most == 0:
			want = "no arguments"
		case least == most && most == 1:
			want = "1 argument"
		case least == most:
			want = fmt.Sprintf("%d arguments", most)
		}
		return Usagef("usage: "+c.UseLine()+"; `"+c.CommandPath()+" --help` has examples",
			"`%s` takes %s, %d given", c.CommandPath(), want, len(args))
	}
}
