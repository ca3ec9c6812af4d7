package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

const valueHelp = "VALUE is taken as it is, but for - (standard input, all bytes of it) and @FILE (the content of a file);\n" +
	"--literal takes those as they are, too."

// maxRead bounds what is read from standard input or a file; the cluster's own
// limit on values is smaller.
const maxRead = 64 << 20

// value returns the bytes an argument stands for.
func (a *App) value(arg string, literal bool) ([]byte, error) {
	switch {
	case literal:
	case arg == "-":
		return readValue(a.Streams.In, "standard input")
	case len(arg) > 0 && arg[0] == '@':
		f, err := os.Open(arg[1:])
		if err != nil {
			return nil, exit.Usagef("--literal takes a value that begins with @ as it is", "cannot read the value: %w", err)
		}
		defer f.Close()
		return readValue(f, arg[1:])
	}
	return []byte(arg), nil
}

func readValue(r io.Reader, from string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxRead+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the value from %s: %w", from, err)
	}
	if len(data) > maxRead {
		return nil, exit.With(exit.Denied, fmt.Errorf("the value from %s has more than %d bytes (nothing was changed)", from, maxRead), "split it over several keys")
	}
	return data, nil
}

func checkKey(key string) error {
	if key == "" {
		return exit.Usagef("keys have at least one byte", "the key is empty")
	}
	return nil
}

func (a *App) putCommand() *cobra.Command {
	var literal bool
	c := &cobra.Command{
		Use:   "put KEY VALUE [KEY VALUE ...]",
		Short: "Store a value, or several",
		Long: "Store a value under a key and print the version it got. Several values are stored each for itself: it may be that some are\n" +
			"and others are not, which is then said of each.\n\n" + valueHelp,
		Example: "  holdfast put user1 john\n" +
			"  holdfast put logo @logo.png\n" +
			"  date | holdfast put now -\n" +
			"  holdfast put user1 john user2 jane",
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) < 2:
				return exit.Args(2, 2)(c, args)
			case len(args)%2 != 0:
				return exit.Usagef("usage: "+c.UseLine(), "the key %s has no value", shownKey(args[len(args)-1]))
			}
			return nil
		},
	}
	f := addClientFlags(c)
	c.Flags().BoolVar(&literal, "literal", false, "take VALUE as it is, even - and @FILE")
	config.Argument(c.Flags(), "literal")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 2 {
			pairs, err := a.pairs(args, literal)
			if err != nil {
				return err
			}
			return a.with(c.Context(), f, func(ctx context.Context, s store.Store) error { return a.putMany(ctx, s, pairs) })
		}
		value, err := a.value(args[1], literal)
		if err = errors.Join(err, checkKey(args[0])); err != nil {
			return err
		}
		return a.with(c.Context(), f, func(ctx context.Context, s store.Store) error {
			w, err := s.Put(ctx, []byte(args[0]), value)
			if err != nil {
				return store.Explain(err, "put "+style.Bytes([]byte(args[0])))
			}
			return a.print(fmt.Sprintf("OK (version %d)", w.Version), w.Version, store.PutJSON{Key: style.Blob(args[0]), Version: w.Version})
		})
	}
	return c
}

// print writes an answer in the form the user asked for.
func (a *App) print(text string, raw any, object any) error {
	switch a.format {
	case style.JSON:
		return style.PrintJSON(a.Streams.Out, object)
	case style.Raw:
		_, err := fmt.Fprintln(a.Streams.Out, raw)
		return err
	}
	a.Streams.Data("%s", text)
	return nil
}

func (a *App) casCommand() *cobra.Command {
	var o casOptions
	c := &cobra.Command{
		Use:   "cas KEY NEW {--expect-version N | --expect-value V | --expect-absent}",
		Short: "Store a value if the key is as expected (compare-and-set)",
		Long: "Store NEW if the key has version N, has value V, or has no value. If not, nothing is changed, what the key\n" +
			"holds is printed, and the exit code is 7.\n\n" + valueHelp,
		Example: "  holdfast cas user1 jane --expect-value john\n" +
			"  holdfast cas lock me --expect-absent",
		Args: exit.Args(2, 2),
	}
	f := addClientFlags(c)
	c.Flags().Uint64Var(&o.version, "expect-version", 0, "the version the key must have, as printed by put or get -o json")
	c.Flags().StringVar(&o.value, "expect-value", "", "the value the key must have")
	c.Flags().BoolVar(&o.absent, "expect-absent", false, "the key must have no value")
	c.Flags().BoolVar(&o.literal, "literal", false, "take NEW as it is, even - and @FILE")
	config.Argument(c.Flags(), "expect-version", "expect-value", "expect-absent", "literal")
	c.RunE = func(c *cobra.Command, args []string) error {
		expect, err := o.expect(c)
		if err = errors.Join(err, checkKey(args[0])); err != nil {
			return err
		}
		value, err := a.value(args[1], o.literal)
		if err != nil {
			return err
		}
		return a.with(c.Context(), f, func(ctx context.Context, s store.Store) error {
			return a.compareAndSet(ctx, s, args[0], value, expect)
		})
	}
	return c
}

type casOptions struct {
	version uint64
	value   string
	absent  bool
	literal bool
}

func (o *casOptions) expect(c *cobra.Command) (store.Expect, error) {
	given := 0
	for _, name := range []string{"expect-version", "expect-value", "expect-absent"} {
		if c.Flags().Changed(name) {
			given++
		}
	}
	switch {
	case given != 1 || c.Flags().Changed("expect-absent") && !o.absent:
		return store.Expect{}, exit.Usagef("`holdfast cas --help` has examples", "give exactly one of --expect-version, --expect-value and --expect-absent")
	case c.Flags().Changed("expect-version") && o.version == 0:
		return store.Expect{}, exit.Usagef("use --expect-absent for a key without a value", "no value has version 0")
	}
	return store.Expect{Absent: o.absent, Version: o.version, Value: []byte(o.value)}, nil
}

func (a *App) compareAndSet(ctx context.Context, s store.Store, key string, value []byte, expect store.Expect) error {
	swap, err := s.CompareAndSet(ctx, []byte(key), value, expect)
	if err != nil {
		return store.Explain(err, "compare-and-set "+style.Bytes([]byte(key)))
	}
	if swap.Swapped {
		return a.print(fmt.Sprintf("OK (version %d)", swap.Version), swap.Version, swap.JSON(key))
	}
	if a.format == style.JSON {
		if err := style.PrintJSON(a.Streams.Out, swap.JSON(key)); err != nil {
			return err
		}
	}
	return exit.With(exit.ConditionFailed, fmt.Errorf("%s was not changed: %s", style.Bytes([]byte(key)), swap.Actual()),
		"decide anew with what the key holds now")
}
