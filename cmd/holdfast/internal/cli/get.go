package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

func (a *App) getCommand() *cobra.Command {
	var stale, anyNode bool
	c := &cobra.Command{
		Use:   "get KEY [KEY ...]",
		Short: "Read a value, or several",
		Long: "Print the value of a key; exit with 3 if it has none. The answer is linearizable: no earlier write is missed.\n" +
			"Of several keys, each is printed with its value, a tab between them; they are not read at one moment.\n" +
			"With -o raw the value is written byte for byte, without a newline; in text, bytes that a terminal cannot show\n" +
			"are quoted.",
		Example: "  holdfast get user1\n" +
			"  holdfast get logo -o raw > logo.png\n" +
			"  holdfast get user1 -o json      # with its version\n" +
			"  holdfast get user1 user2 user3",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return nil
			}
			return exit.Args(1, 1)(c, args)
		},
	}
	f := addClientFlags(c)
	c.Flags().BoolVar(&stale, "stale", false, "allow an old value: any node answers from what it has")
	c.Flags().BoolVar(&anyNode, "any", false, "ask any node, linearizable all the same")
	config.Argument(c.Flags(), "stale", "any")
	c.RunE = func(c *cobra.Command, args []string) error {
		mode, err := readMode(stale, anyNode)
		for _, key := range args {
			err = errors.Join(err, checkKey(key))
		}
		switch {
		case err != nil:
			return err
		case len(args) > 1 && a.format == style.Raw:
			return exit.Usagef("use -o json, or get one key after the other", "-o raw is for one value, and there are %d keys", len(args))
		case len(args) > 1:
			return a.with(c.Context(), f, func(ctx context.Context, s store.Store) error { return a.getMany(ctx, s, args, mode) })
		}
		return a.with(c.Context(), f, func(ctx context.Context, s store.Store) error {
			var r store.Read
			var err error
			if anyNode {
				r, err = s.GetAny(ctx, []byte(args[0]))
			} else {
				r, err = s.Get(ctx, []byte(args[0]), stale)
			}
			if err != nil {
				return store.Explain(err, "get "+style.Bytes([]byte(args[0])))
			}
			return a.printRead(args[0], r)
		})
	}
	return c
}

func readMode(stale, anyNode bool) (store.Mode, error) {
	switch {
	case stale && anyNode:
		return 0, exit.Usagef("--any never returns an old value, --stale may", "give only one of --any and --stale")
	case stale:
		return store.Stale, nil
	case anyNode:
		return store.Anywhere, nil
	}
	return store.Fresh, nil
}

func (a *App) printRead(key string, r store.Read) error {
	if a.format == style.JSON {
		if err := style.PrintJSON(a.Streams.Out, r.JSON(key)); err != nil {
			return err
		}
	}
	switch {
	case !r.Found && a.format == style.JSON:
		return exit.Quietly(exit.NotFound)
	case !r.Found:
		return exit.With(exit.NotFound, errors.New("value not found: the key "+style.Bytes([]byte(key))+" has no value"), "")
	case a.format == style.Raw:
		_, err := a.Streams.Out.Write(r.Value)
		return err
	case a.format == style.Text:
		text := string(r.Value)
		if shown := style.Bytes(r.Value); shown != text && a.Streams.OutTerminal {
			text = shown
		}
		_, err := fmt.Fprintln(a.Streams.Out, text)
		return err
	}
	return nil
}

func (a *App) eraseCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "erase KEY",
		Aliases: []string{"delete"},
		Short:   "Remove a value",
		Long:    "Remove the value of a key; exit with 3 if it had none.",
		Example: "  holdfast erase user1",
		Args:    exit.Args(1, 1),
	}
	f := addClientFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := checkKey(args[0]); err != nil {
			return err
		}
		return a.with(c.Context(), f, func(ctx context.Context, s store.Store) error {
			e, err := s.Erase(ctx, []byte(args[0]))
			if err != nil {
				return store.Explain(err, "erase "+style.Bytes([]byte(args[0])))
			}
			if e.Found || a.format == style.JSON {
				if err := a.print("Erased", "erased", store.EraseJSON{Key: style.Blob(args[0]), Found: e.Found}); err != nil {
					return err
				}
			}
			switch {
			case e.Found:
				return nil
			case a.format == style.JSON:
				return exit.Quietly(exit.NotFound)
			}
			return exit.With(exit.NotFound, errors.New("value not found: the key "+style.Bytes([]byte(args[0]))+" had no value"), "")
		})
	}
	return c
}

func (a *App) statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the nodes of a cluster: what each leads, or terms and positions in the log",
		Long: "Ask every endpoint, and every node that one of them names, for its status. Where there are partitions, a line sums up\n" +
			"each node; -o json has every group. Exit with 4 if none answers.",
		Example: "  holdfast status\n  holdfast status -o json --endpoints 10.0.0.1:7001",
		Args:    exit.Args(0, 0),
	}
	f := addClientFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.with(c.Context(), f, func(ctx context.Context, s store.Store) error {
			reports, err := s.Status(ctx)
			if err != nil {
				return store.Explain(err, "ask the nodes")
			}
			return a.printStatus(reports)
		})
	}
	return c
}

func (a *App) printStatus(reports []store.NodeReport) error {
	nodes, alive := make([]store.Node, 0, len(reports)), false
	for _, r := range reports {
		n := r.Summary()
		nodes, alive = append(nodes, n), alive || n.Alive
	}
	var err error
	if a.format == style.JSON {
		err = style.PrintJSON(a.Streams.Out, nodes)
	} else {
		err = store.PrintStatus(a.Streams.Out, reports)
	}
	if err == nil && !alive {
		err = exit.With(exit.NotApplied, errors.New("no node answered"), "start a cluster with `holdfast dev`, or name its nodes with --endpoints")
	}
	return err
}
