package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/bench"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

func (a *App) benchCommand() *cobra.Command {
	var o bench.Options
	var mix, record string
	var conns int
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure throughput and latency, and record what clients see",
		Long: "Measure a cluster. Without --rate it is a closed loop: each of --clients sends its next operation when the last is\n" +
			"answered. With --rate operations are sent by a timetable, and latency counts from when they were due.\n\n" +
			"--record FILE writes down every operation for `holdfast check history`; use few keys, so that clients meet.",
		Example: "  holdfast bench --clients 256 --ops put --duration 10s\n" +
			"  holdfast bench --rate 10000 --ops mixed --reads 0.9\n" +
			"  holdfast bench --ops all --keys 50 --clients 16 --duration 5s --record h.jsonl && holdfast check history h.jsonl",
		Args: exit.Args(0, 0),
	}
	f := addClientFlags(c)
	flags := c.Flags()
	flags.StringVar(&mix, "ops", "put", "operations: put, get, mixed (puts and gets) or all (also erasures and compare-and-sets)")
	flags.Float64Var(&o.Reads, "reads", 0.5, "share of gets of mixed and all")
	flags.IntVar(&o.Clients, "clients", 256, "operations under way at once")
	flags.IntVar(&conns, "conns", 4, "connections the clients share")
	flags.DurationVar(&o.Duration, "duration", 10*time.Second, "how long to measure")
	flags.Float64Var(&o.Rate, "rate", 0, "operations per second; 0 is a closed loop")
	flags.IntVar(&o.KeySize, "key-size", 16, "bytes of a key")
	flags.IntVar(&o.ValueSize, "value-size", 256, "bytes of a value")
	flags.IntVar(&o.Keys, "keys", 100_000, "number of different keys")
	flags.BoolVar(&o.Prefill, "prefill", true, "store all keys first where gets are to be sent")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of the choice of keys and operations")
	flags.StringVar(&record, "record", "", "write the history to this file")
	c.RunE = func(c *cobra.Command, _ []string) error {
		o.Mix, o.Timeout, o.Record = bench.Mix(mix), f.timeout, record != ""
		if err := o.Check(); err != nil {
			return exit.Usagef("`holdfast bench --help` lists the flags", "%w", err)
		}
		if conns < 1 || conns > 1024 {
			return exit.Usagef("use 1 to 8", "--conns is %d, it must be 1 to 1024", conns)
		}
		return a.bench(c.Context(), f, o, min(conns, o.Clients), record)
	}
	return c
}

func (a *App) bench(ctx context.Context, f *clientFlags, o bench.Options, conns int, record string) error {
	run := &bench.Run{Options: o, Progress: func(t bench.Tick) {
		line := fmt.Sprintf("%5.1fs  %s ops/s", t.Elapsed.Seconds(), style.Count(t.OK))
		if t.Failed > 0 {
			line += a.Streams.ErrPaint().Bad(fmt.Sprintf("  %s failed", style.Count(t.Failed)))
		}
		a.Streams.Talk("%s", line)
	}}
	for range conns {
		s, err := a.open(f)
		if err != nil {
			return err
		}
		defer s.Close()
		run.Stores = append(run.Stores, s)
	}
	var file *os.File
	if record != "" {
		var err error
		if file, err = os.Create(record); err != nil {
			return exit.Usagef("give another path", "cannot write the history: %w", err)
		}
		defer file.Close()
	}
	report, h, err := run.Do(ctx)
	if file != nil && h != nil {
		if werr := errors.Join(history.Write(file, h), file.Close()); werr != nil {
			return errors.Join(err, fmt.Errorf("cannot write the history to %s: %w", record, werr))
		}
		a.Streams.Talk("history of %s operations in %s; judge it with: holdfast check history %s",
			style.Count(int64(len(h.Operations))), record, record)
	}
	if err != nil {
		return store.Explain(err, "measure")
	}
	return a.printReport(report)
}

func (a *App) printReport(r *bench.Report) error {
	var err error
	if a.format == style.JSON {
		err = style.PrintJSON(a.Streams.Out, r)
	} else {
		err = r.PrintText(a.Streams.Out)
	}
	if err == nil && r.OK == 0 {
		err = exit.With(exit.NotApplied, errors.New("no operation was answered"), "see which nodes answer with `holdfast status`")
	}
	return err
}
