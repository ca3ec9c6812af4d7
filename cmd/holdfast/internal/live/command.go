package live

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/testsuite/live"
	"github.com/holdfastdb/holdfast/testsuite/live/attack"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Command is `live` with its sub-commands.
func Command(streams *style.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "live",
		Short: "Attack real server processes and judge what happened",
		Long:  "Start servers on this machine, attack them with faults of processes and connections while clients work, and judge what\nthe clients saw.",
		Args:  exit.Args(0, 0),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(runCommand(streams))
	return c
}

type runOptions struct {
	plan    string
	seed    uint64
	lasting time.Duration
	sharded bool
	dir     string
	binary  string
}

func runCommand(streams *style.Streams) *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run",
		Short: "Play plans to real servers",
		Long: "Play the plan of a file, or of one seed after the other, to servers that are started on this machine: kill -9, SIGSTOP,\n" +
			"connections that are stalled, cut and slowed, nodes that come, go and lose their disks. Everything stays on loopback.\n" +
			"A plan of `holdfast sim` can be played too, but for the faults that need a simulated disk or clock; the output lists them.\n" +
			"The same seed gives the same plan, but not the same course.",
		Example: "  holdfast live run --seed 7\n  holdfast live run --for 10m --sharded\n  holdfast live run --plan runs/live-seed-7/plan.json",
		Args:    exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.plan != "" && (c.Flags().Changed("seed") || c.Flags().Changed("for") || o.sharded) {
				return exit.Usagef("give either the plan or a seed", "--plan and --seed, --for or --sharded contradict each other")
			}
			return o.run(c.Context(), streams)
		},
	}
	f := c.Flags()
	f.StringVar(&o.plan, "plan", "", "play this plan.json, of a live or a simulated run")
	f.Uint64Var(&o.seed, "seed", 1, "first seed")
	f.DurationVar(&o.lasting, "for", 0, "play one seed after the other, and begin none after this time; 0 is one run")
	f.BoolVar(&o.sharded, "sharded", false, "clusters with partitions, whose nodes join, drain and leave")
	f.StringVar(&o.dir, "dir", "runs", "directory that keeps the runs")
	return c
}

// run plays one plan after the other, and stops at the first that found something.
func (o *runOptions) run(ctx context.Context, streams *style.Streams) error {
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program, to start it as a server: %w", err)
	}
	o.binary = binary
	begin := time.Now()
	outcomes := map[verdict.Outcome]int{}
	for seed := o.seed; ; seed++ {
		p, name, err := o.next(seed)
		if err != nil {
			return err
		}
		res, err := o.play(ctx, streams, p, filepath.Join(o.dir, name))
		if err != nil {
			return err
		}
		outcomes[res.Verdict.Outcome]++
		found := res.Verdict.Outcome == verdict.Violated || res.Verdict.Outcome == verdict.Stalled
		if o.plan != "" || found || ctx.Err() != nil || time.Since(begin) >= o.lasting {
			break
		}
	}
	worst := worst(outcomes)
	streams.Data("%s: %d pass, %d violation, %d unknown, %d vacuous", worst, outcomes[verdict.Pass], outcomes[verdict.Violated],
		outcomes[verdict.Unknown], outcomes[verdict.Vacuous])
	if code := worst.ExitCode(); code != exit.OK {
		return exit.Quietly(code)
	}
	return nil
}

// worst is LIVECMD-1.
func worst(outcomes map[verdict.Outcome]int) verdict.Outcome {
	for _, o := range []verdict.Outcome{verdict.Violated, verdict.Stalled, verdict.Unknown} {
		if outcomes[o] > 0 {
			return o
		}
	}
	if outcomes[verdict.Vacuous] > outcomes[verdict.Pass] {
		return verdict.Vacuous
	}
	return verdict.Pass
}

// next is the plan to play, and the name of its directory.
func (o *runOptions) next(seed uint64) (*plan.Plan, string, error) {
	if o.plan == "" {
		return attack.Draw(seed, o.sharded), fmt.Sprintf("live-seed-%d", seed), nil
	}
	f, err := os.Open(o.plan)
	if err != nil {
		return nil, "", exit.With(exit.Failure, fmt.Errorf("cannot read the plan: %w", err), "give a plan.json")
	}
	defer f.Close()
	p, err := plan.Decode(bufio.NewReader(f))
	if err != nil {
		return nil, "", exit.With(exit.Failure, fmt.Errorf("%s: %w", o.plan, err), "give the plan.json of a run")
	}
	return p, time.Now().Format("live-plan-20060102-150405"), nil
}

// play plays one plan and keeps what happened.
func (o *runOptions) play(ctx context.Context, streams *style.Streams, p *plan.Plan, dir string) (*attack.Result, error) {
	nodes := filepath.Join(dir, "nodes")
	if err := os.RemoveAll(nodes); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(nodes, 0o755); err != nil {
		return nil, err
	}
	scale := attack.Scale(p)
	store, err := live.NewHoldfast(o.binary, nodes, p, scale)
	if err != nil {
		return nil, err
	}
	streams.Talk("seed %d: %d nodes and %d to come, %d clients, %d operations, %d faults, %v", p.Seed, p.Nodes, p.Spares, p.Clients,
		len(p.Operations), len(p.Faults), time.Duration(float64(p.HealAt)*scale).Round(time.Second))
	res, err := (&attack.Run{Store: store, Plan: p, Scale: scale, Log: streams.Talk}).Play(ctx)
	if err = errors.Join(err, store.Close()); err != nil {
		return nil, exit.With(exit.Failure, fmt.Errorf("seed %d could not be played: %w", p.Seed, err), "the logs of the nodes are in "+nodes)
	}
	if res.Verdict.Outcome == verdict.Pass {
		for id := range p.Machines() {
			if err := os.RemoveAll(filepath.Join(nodes, fmt.Sprintf("node%d", id+1))); err != nil {
				return nil, err
			}
		}
	}
	report(streams, res, dir)
	return res, res.Write(dir)
}

func report(streams *style.Streams, res *attack.Result, dir string) {
	for _, list := range [][]string{res.Translation.Differently, res.Translation.Skipped} {
		for _, text := range list {
			streams.Talk("  not as in the plan: %s", text)
		}
	}
	for _, c := range res.Verdict.Evidence.Counters() {
		streams.Talk("  %-55s %d", c.Name, c.Count)
	}
	streams.Talk("seed %d: %s after %s, kept in %s", res.Plan.Seed, res.Verdict.Outcome, style.Duration(res.Took), dir)
	for _, reason := range res.Verdict.Reasons {
		streams.Talk("  %s", reason)
	}
}
