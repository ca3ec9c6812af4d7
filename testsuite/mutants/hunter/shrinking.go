package main

import (
	"fmt"

	"github.com/holdfastdb/holdfast/testsuite/bench"
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
	default:
		p = plan.Swarm(r.Found.Seed, sharded)
	}
	before := bench.CPU()
	s.bound.Probe = shrink.Simulation(p)
	var err error
	if r.Shrunk, err = shrink.Minimize(p, s.bound); err != nil {
		return fmt.Errorf("seed %d: %w", p.Seed, err)
	}
	r.ShrinkCPU = bench.CPU() - before
	r.Found.Fingerprint = r.Shrunk.Fingerprint
	return r.Shrunk.Write(s.into, s.mutant)
}
