package main

import (
	"fmt"
	"syscall"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/mutants"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
	"github.com/holdfastdb/holdfast/testsuite/shrink"
)

// shrinking is what the flags ask for beside hunting.
type shrinking struct {
	// into is the directory for the result, "" for no shrinking.
	into string
	// of is a run directory or a plan file to shrink in place of what is found.
	of string
	// mutant is the bug that is planted.
	mutant string
	bound  shrink.Options
}

// shrinkFound shrinks what a hunt found, and adds that to its report.
func (s *shrinking) shrinkFound(r *mutants.Report, sharded bool) error {
	var p *plan.Plan
	switch {
	case s.of != "":
		var err error
		if p, _, err = run.ReadPlan(s.of); err != nil {
			return err
		}
		r.Found = &hunt.Found{Seed: p.Seed}
	case r.Found == nil:
		return nil
	case sharded:
		p = plan.DrawSharded(r.Found.Seed)
	default:
		p = plan.Draw(r.Found.Seed)
	}
	before, err := cpu()
	if err != nil {
		return err
	}
	s.bound.Probe = shrink.Simulation(p)
	if r.Shrunk, err = shrink.Minimize(p, s.bound); err != nil {
		return fmt.Errorf("seed %d: %w", p.Seed, err)
	}
	after, err := cpu()
	if err != nil {
		return err
	}
	r.ShrinkCPU = after - before
	r.Found.Fingerprint = r.Shrunk.Fingerprint
	return r.Shrunk.Write(s.into, s.mutant)
}

// cpu is the CPU time that this process has used.
func cpu() (time.Duration, error) {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
}
