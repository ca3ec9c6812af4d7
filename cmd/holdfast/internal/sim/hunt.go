package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/testsuite/explore"
	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// campaignFile is where a hunt keeps how far it is, below its directory.
const campaignFile = "campaign.json"

type huntOptions struct {
	runOptions
	forTime  time.Duration
	shard    string
	strategy string
}

func huntCommand(streams *style.Streams) *cobra.Command {
	var o huntOptions
	c := &cobra.Command{
		Use:   "hunt",
		Short: "Run seeds for hours, on one machine or many, and go on after an interruption",
		Long: "Run seeds as `sim run` does, past every failure, and keep in --dir how far it is. The same command goes on where it was\n" +
			"interrupted. With --shard 0/16 to 15/16 sixteen machines share the seeds; `sim merge` adds up what they found.\n" +
			"\n" +
			"By default plans are chosen in several ways, more often in those that lead clusters into states in which no run of the hunt\n" +
			"has been: swarm (as `sim run`), focused (many faults of one class), ranked (messages in an order with few changes) and novelty\n" +
			"(changes of plans that led to new states, which --dir keeps in corpus/).",
		Example: "  holdfast sim hunt --for 8h --sharded --dir hunt\n  holdfast sim hunt --for 8h --shard 3/16 --dir hunt-3\n" +
			"  holdfast sim merge hunt-*",
		Args: exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			hunt.EaseGC()
			return o.hunt(c.Context(), streams, printJSON(c))
		},
	}
	c.Flags().DurationVar(&o.forTime, "for", time.Hour, "how long; what was done before an interruption does not count")
	c.Flags().Uint64Var(&o.seeds, "seeds", 0, "end after so many seeds in all; 0 is no bound")
	c.Flags().Uint64Var(&o.from, "from", 1, "first seed of all shards")
	c.Flags().StringVar(&o.shard, "shard", "0/1", "which part of the seeds: I/N, I from 0 to N-1")
	c.Flags().BoolVar(&o.sharded, "sharded", false, "draw clusters with partitions, whose nodes join, drain, leave and die")
	c.Flags().StringVar(&o.strategy, "strategy", string(explore.All), "how plans are chosen: portfolio, swarm, focused, ranked or novelty")
	knownFlag(c, &o.known)
	c.Flags().StringVar(&o.dir, "dir", "hunt", "directory of the campaign and of its failed runs")
	workersFlag(c, &o.workers)
	return c
}

// campaign begins the campaign that the options say, or goes on with it.
func (o *huntOptions) campaign() (*hunt.Campaign, error) {
	if err := atLeastOne("workers", o.workers); err != nil {
		return nil, err
	}
	var shard, shards uint64
	if n, err := fmt.Sscanf(o.shard+" ", "%d/%d ", &shard, &shards); n != 2 || err != nil {
		return nil, exit.Usagef("give it as in --shard 3/16", "--shard %q is no part of seeds", o.shard)
	}
	program, err := programID()
	if err != nil {
		return nil, err
	}
	strategy, err := explore.Parse(o.strategy)
	if err != nil {
		return nil, exit.Usagef("give one of those", "--strategy: %w", err)
	}
	c, err := hunt.NewCampaign(hunt.Scope{
		Program: program, From: o.from, Shard: shard, Shards: shards, Sharded: o.sharded, Strategy: strategy,
	})
	if err != nil {
		return nil, exit.Usagef("give it as in --shard 3/16", "--shard %q: %w", o.shard, err)
	}
	if c, err = c.Resume(filepath.Join(o.dir, campaignFile)); err != nil {
		return nil, exit.With(exit.Failure, err, "give another --dir, or the same flags and program as before")
	}
	return c, nil
}

func (o *huntOptions) hunt(ctx context.Context, streams *style.Streams, asJSON bool) error {
	c, err := o.campaign()
	if err != nil {
		return err
	}
	known, err := o.readKnown()
	if err != nil {
		return err
	}
	if c.Done > 0 {
		streams.Talk("going on behind %d seeds", c.Done)
	}
	ctx, cancel := context.WithTimeout(ctx, o.forTime)
	defer cancel()
	var kept error
	hunter := hunt.Hunter{Workers: o.workers, Known: known, Stop: ctx.Done(), Failed: func(seed uint64, r *run.Result) {
		kept = errors.Join(kept, o.write(streams, r, seed))
	}}
	for told := time.Now(); o.seeds == 0 || c.Done < o.seeds; {
		seeds := uint64(hunt.Batch)
		if o.seeds > 0 {
			seeds = o.seeds - c.Done
		}
		if !c.Hunt(seeds, hunter) {
			break
		}
		if kept != nil {
			return fmt.Errorf("keeping a failed run: %w", kept)
		}
		if err := c.Save(filepath.Join(o.dir, campaignFile)); err != nil {
			return err
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			streams.Talk("%s", progress(c))
		}
	}
	return showCampaign(streams, c, asJSON)
}

func progress(c *hunt.Campaign) string {
	const lately = 1000
	text := fmt.Sprintf("%d seeds, %s simulated in %s: %s; %d different findings; %d states",
		c.Done, style.Duration(c.Report.Virtual), style.Duration(c.Took), tally(&c.Report), len(c.Findings), c.Explorer.Map.States())
	if _, fresh, runs := c.Growth.Last(lately); runs > 0 { // what was merged has no course
		text += fmt.Sprintf(", %d of them new in the last %d runs", fresh, runs)
	}
	return text
}

func showCampaign(streams *style.Streams, c *hunt.Campaign, asJSON bool) error {
	o := outcome(&c.Report)
	if asJSON {
		if err := encode(streams, c); err != nil {
			return err
		}
		return ended(o)
	}
	streams.Data("%s: %s", o, progress(c))
	for i := range c.Findings {
		f := &c.Findings[i]
		streams.Data("  %d runs, lowest seed %d: %s: %s", f.Runs, f.Lowest.Seed, f.Lowest.Oracle, f.Lowest.Message)
	}
	for _, fingerprint := range slices.Sorted(maps.Keys(c.Report.Known)) {
		streams.Data("  known: %d runs ended in %s", c.Report.Known[fingerprint], fingerprint)
	}
	c.Explorer.Strategies(func(s explore.Strategy, y explore.Yield) {
		streams.Data("  by %s: %d runs, %d states were new, %d runs failed", s, y.Runs, y.Fresh, y.Found)
	})
	showEvidence(streams, &c.Report)
	return ended(o)
}

func mergeCommand(streams *style.Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "merge DIR...",
		Short:   "Add up the shards of a hunt",
		Example: "  holdfast sim merge hunt-*",
		Args:    exit.Args(1, 1<<16),
		RunE: func(c *cobra.Command, dirs []string) error {
			var shards []*hunt.Campaign
			for _, dir := range dirs {
				shard, err := hunt.ReadCampaign(filepath.Join(dir, campaignFile))
				if err != nil {
					return exit.With(exit.Failure, err, "give the directories of `holdfast sim hunt --dir`")
				}
				shards = append(shards, shard)
			}
			all, err := hunt.Merge(shards)
			if err != nil {
				return exit.With(exit.Failure, err, "give each shard of one hunt once")
			}
			streams.Talk("%d of %d shards", len(shards), all.Shards)
			return showCampaign(streams, all, printJSON(c))
		},
	}
}

// programID tells builds of this program apart.
func programID() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program's file: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading this program's file: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading this program's file: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}
