package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/bench"
	"github.com/holdfastdb/holdfast/testsuite/explore"
	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/mutants"
)

func main() {
	sharded := flag.Bool("sharded", false, "clusters with partitions")
	strategy := flag.String("strategy", string(explore.Swarm), "how plans are chosen")
	ablate := flag.Duration("ablate", 0, "ask what it takes to find what is found, for so long each; 0: do not")
	var s shrinking
	flag.StringVar(&s.into, "shrink", "", "directory: shrink what is found, and keep it there")
	flag.StringVar(&s.of, "of", "", "shrink this run directory or plan, do not hunt")
	flag.StringVar(&s.mutant, "mutant", "", "the bug that is planted")
	flag.IntVar(&s.bound.Runs, "runs", 0, "executions that shrinking may need")
	flag.DurationVar(&s.bound.Time, "time", time.Minute, "how long shrinking may take")
	flag.IntVar(&s.bound.Workers, "workers", runtime.GOMAXPROCS(0), "executions at the same time while shrinking")
	flag.Parse()
	hunt.EaseGC()
	if err := hunter(*sharded, *strategy, *ablate, &s, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "hunter:", err)
		os.Exit(1)
	}
}

func hunter(sharded bool, strategy string, ablate time.Duration, s *shrinking, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: hunter [-sharded] [-strategy NAME] [-ablate TIME] [-shrink DIR [-of RUN]] FROM SEEDS")
	}
	from, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	seeds, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	var report mutants.Report
	switch {
	case s.of != "":
	case strategy == string(explore.Swarm):
		report.Report = *hunt.Run(hunt.Options{From: from, Seeds: seeds, Workers: 1, Sharded: sharded})
	default:
		found, err := explored(explore.Strategy(strategy), sharded, from, seeds)
		if err != nil {
			return err
		}
		report.Report = *found
	}
	report.CPU = bench.CPU()
	if ablate > 0 && report.Found != nil {
		report.Ablation = mutants.Ablate(&report.Report, from, sharded, ablate)
	}
	if s.into != "" {
		if err := s.shrinkFound(&report, sharded); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(&report)
}

// explored hunts by a strategy that learns, batch by batch, until something is found.
func explored(strategy explore.Strategy, sharded bool, from, seeds uint64) (*hunt.Report, error) {
	c, err := hunt.NewCampaign(hunt.Scope{From: from, Shards: 1, Sharded: sharded, Strategy: strategy})
	if err != nil {
		return nil, err
	}
	for c.Done < seeds && len(c.Findings) == 0 {
		c.Hunt(seeds-c.Done, hunt.Hunter{Workers: 1})
	}
	for i := range c.Findings {
		if f := &c.Findings[i].Lowest; c.Report.Found == nil || f.Seed < c.Report.Found.Seed {
			c.Report.Found = f
		}
	}
	return &c.Report, nil
}
