package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/mutants"
)

func main() {
	sharded := flag.Bool("sharded", false, "clusters with partitions")
	flag.Parse()
	if err := hunter(*sharded, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "hunter:", err)
		os.Exit(1)
	}
}

func hunter(sharded bool, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: hunter [-sharded] FROM SEEDS")
	}
	from, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	seeds, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	report := mutants.Report{Report: *hunt.Run(hunt.Options{From: from, Seeds: seeds, Workers: 1, Sharded: sharded})}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	report.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	return json.NewEncoder(os.Stdout).Encode(&report)
}
