package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/check"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/cluster"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/dev"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/serve"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

const (
	groupRun   = "run"
	groupUse   = "use"
	groupJudge = "judge"
)

// build makes the tree of commands.
func (a *App) build(extra []*cobra.Command) {
	a.format = style.Text
	a.root = &cobra.Command{
		Use:   "holdfast",
		Short: "A linearizable key-value store, and the testbed that proves it",
		Long: "Holdfast is a linearizable key-value store on its own Raft, with the testbed that proves it.\n\n" +
			"Every setting can be given as a flag, as HOLDFAST_<NAME>, or in a YAML file (--config), in this order of\n" +
			"precedence; `holdfast config show` tells where each value comes from.",
		Example: "  holdfast dev                      # a cluster of three nodes on this machine, and a shell\n" +
			"  holdfast put user1 john           # from another terminal\n" +
			"  holdfast get user1\n" +
			"  holdfast bench --duration 5s",
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              a.unknownCommand,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return a.resolve(c) },
	}
	a.root.SetIn(a.Streams.In)
	a.root.SetOut(a.Streams.Out)
	a.root.SetErr(a.Streams.Err)
	a.root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return exit.Usagef(flagHint(c, err), "%w", err)
	})
	a.root.PersistentFlags().VarP(&a.format, "output", "o", "form of the output: text, json or raw")
	a.root.PersistentFlags().StringVar(&a.file, config.FileFlag, "", "configuration file (YAML)")
	a.root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run a cluster:"},
		&cobra.Group{ID: groupUse, Title: "Use it:"},
		&cobra.Group{ID: groupJudge, Title: "Measure, test and judge:"},
	)
	a.add(groupRun, dev.Command(a.Streams, &a.format), serve.Command(a.Streams), a.statusCommand(), a.clusterCommand())
	a.add(groupUse, a.putCommand(), a.getCommand(), a.eraseCommand(), a.casCommand(), a.scanCommand(), a.shellCommand())
	a.add(groupJudge, append([]*cobra.Command{a.benchCommand(), a.checkCommand()}, extra...)...)
	a.add("", a.configCommand(), a.versionCommand())
	a.root.InitDefaultCompletionCmd()
}

func (a *App) add(group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		a.root.AddCommand(c)
	}
}

func (a *App) clusterCommand() *cobra.Command {
	c := cluster.Command(a.Streams, &a.format, dev.DefaultEndpoints())
	c.Args = a.unknownCommand
	return c
}

func (a *App) checkCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check",
		Short: "Judge a recorded history, or a node's data",
		Args:  a.unknownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(check.HistoryCommand(a.Streams, &a.format), check.ExportCommand(a.Streams), check.DataCommand(a.Streams, &a.format))
	return c
}

// unknownCommand refuses what is no command of a group, with what may have been
// meant.
func (a *App) unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	next := "`" + c.CommandPath() + " --help` lists the commands"
	if near := config.Nearest(args[0], names); near != "" {
		next = "did you mean `" + c.CommandPath() + " " + near + "`? " + next
	}
	return exit.Usagef(next, "unknown command %q", args[0])
}

// flagHint says what to do about a flag that was not understood.
func flagHint(c *cobra.Command, err error) string {
	next := "`" + c.CommandPath() + " --help` lists the flags"
	_, name, found := strings.Cut(err.Error(), "unknown flag: --")
	if !found {
		return next
	}
	names := append(config.Names(c.Flags()), config.Names(c.InheritedFlags())...)
	if near := config.Nearest(name, names); near != "" {
		next = "did you mean --" + near + "? " + next
	}
	return next
}

// commandName is a command's path without the program's name.
func commandName(c *cobra.Command) string {
	_, name, _ := strings.Cut(c.CommandPath(), " ")
	return name
}

// known collects the settings of all commands.
func (a *App) known() config.Known {
	k := config.Known{Commands: map[string][]string{}}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() == "completion" || c.Name() == "help" {
			return
		}
		k.Commands[commandName(c)] = append(config.Names(c.LocalFlags()), config.Names(c.InheritedFlags())...)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(a.root)
	return k
}

// resolve gives the flags of a command their values.
func (a *App) resolve(c *cobra.Command) error {
	if c.Name() == cobra.ShellCompRequestCmd || c.Name() == cobra.ShellCompNoDescRequestCmd {
		return nil
	}
	known := a.known()
	if a.Streams.Environ != nil {
		for _, stranger := range config.Strangers(a.Streams.Environ(), known) {
			a.Streams.Talk("warning: no setting belongs to the variable %s", stranger)
		}
	}
	settings, err := config.Resolve(commandName(c), c.Flags(), a.Streams.LookupEnv, known)
	a.settings = settings
	return err
}
