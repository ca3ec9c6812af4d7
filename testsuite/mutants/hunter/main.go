package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/mutants"
)

func main() {
	sharded := flag.Bool("sharded", false, "clusters with partitions")
	var s shrinking
	flag.StringVar(&s.into, "shrink", "", "directory: shrink what is found, and keep it there")
	flag.StringVar(&s.of, "of", "", "shrink this run directory or plan, do not hunt")
	flag.StringVar(&s.mutant, "mutant", "", "the bug that is planted")
	flag.IntVar(&s.bound.Runs, "runs", 0, "executions that shrinking may need")
	flag.DurationVar(&s.bound.Time, "time", time.Minute, "how long shrinking may take")
	flag.IntVar(&s.bound.Workers, "workers", runtime.GOMAXPROCS(0), "executions at the same time while shrinking")
	flag.Parse()
	if err := hunter(*sharded, &s, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "hunter:", err)
		os.Exit(1)
	}
}

func hunter(sharded bool, s *shrinking, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: hunter [-sharded] [-shrink DIR [-of RUN]] FROM SEEDS")
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
	if s.of == "" {
		report.Report = *hunt.Run(hunt.Options{From: from, Seeds: seeds, Workers: 1, Sharded: sharded})
	}
	if report.CPU, err = cpu(); err != nil {
		return err
	}
	if s.into != "" {
		if err := s.shrinkFound(&report, sharded); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(&report)
}
