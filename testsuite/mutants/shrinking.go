package mutants

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// ShrinkOptions say which mutants to hunt, and how to shrink what is found.
type ShrinkOptions struct {
	// Root is the source tree.
	Root string
	// Only are the ids of the mutants; empty for all that are found by seeds.
	Only []string
	// Of is a run directory or a plan file to shrink in place of what is found; From the first seed otherwise.
	Of   string
	From uint64
	// Runs, Time and Workers bound the shrinking of each.
	Runs    int
	Time    time.Duration
	Workers int
	// Dir gets a directory for each mutant.
	Dir string
	// Progress is told of each mutant when it is done.
	Progress func(*Shrinking)
}

// Shrinking is how one mutant was hunted and shrunk.
type Shrinking struct {
	Mutant *Mutant
	Report *Report
	// Dir is where the result is.
	Dir string
	// Clean is how the shrunk plan ends in this program, without the bug.
	Clean verdict.Outcome
	Err   error
}

// ShrinkAll hunts mutants one after the other, and shrinks what is found.
func ShrinkAll(ctx context.Context, o ShrinkOptions) ([]*Shrinking, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	for _, id := range o.Only {
		if !slices.ContainsFunc(all, func(m Mutant) bool { return m.ID == id }) {
			return nil, fmt.Errorf("there is no mutant %q: see `holdfast sim mutants --list`", id)
		}
	}
	if o.Root, err = filepath.Abs(o.Root); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "holdfast-shrink-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var list []*Shrinking
	for i := range all {
		m := &all[i]
		if len(o.Only) > 0 && !slices.Contains(o.Only, m.ID) || len(o.Only) == 0 && m.Directed.Run != "" {
			continue
		}
		s := &Shrinking{Mutant: m, Dir: filepath.Join(o.Dir, m.ID)}
		s.shrink(ctx, &o, dir)
		list = append(list, s)
		if o.Progress != nil {
			o.Progress(s)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return list, nil
}

func (s *Shrinking) shrink(ctx context.Context, o *ShrinkOptions, dir string) {
	m := s.Mutant
	if m.Directed.Run != "" {
		s.Err = fmt.Errorf("mutant %s is found by a test (%s in %s), not by seeds: there is no plan to shrink", m.ID, m.Directed.Run, m.Directed.Package)
		return
	}
	binary, err := m.Build(ctx, o.Root, dir)
	if err != nil {
		s.Err = err
		return
	}
	defer os.Remove(binary)
	args := []string{
		"-shrink", s.Dir, "-mutant", m.ID, "-of", o.Of, "-runs", fmt.Sprint(o.Runs), "-time", o.Time.String(), "-workers", fmt.Sprint(o.Workers),
	}
	if s.Report, s.Err = m.order(ctx, binary, append(args, m.task(o.From)...)); s.Err != nil {
		return
	}
	if s.Report.Shrunk == nil {
		s.Err = fmt.Errorf("mutant %s: no violation in %d seeds from %d on", m.ID, m.Seeds, o.From)
		return
	}
	p, _, err := run.ReadPlan(s.Dir)
	if err != nil {
		s.Err = err
		return
	}
	if s.Clean = run.Execute(p, run.Options{}).Verdict.Outcome; s.Clean != verdict.Pass && s.Clean != verdict.Vacuous {
		s.Err = errors.New("mutant " + m.ID + ": the shrunk plan fails without the bug too, in " + string(s.Clean) + ": it no longer shows the bug")
	}
}

// WriteShrinkTable writes what shrinking did, as docs/shrinking.md has it.
func WriteShrinkTable(w io.Writer, o *ShrinkOptions, list []*Shrinking) error {
	var b strings.Builder
	var operations, faults []int
	for _, s := range list {
		if s.Err == nil {
			operations, faults = append(operations, s.Report.Shrunk.After.Operations), append(faults, s.Report.Shrunk.After.Faults)
		}
	}
	fmt.Fprintf(&b, "# What shrinking does\n\nMade by `make shrink-mutants`; do not edit. A bug is planted, seeds are run until one fails, and the plan is shrunk "+
		"for at most %v and %d runs. *Runs* are the plans that were tried, *CPU* what that took. *Without the bug* is how the shrunk plan ends in the clean program: "+
		"it must not fail there. How shrinking works is in [testing.md](testing.md#shrinking).\n\n", o.Time, o.Runs)
	if len(o.Only) > 0 {
		fmt.Fprintf(&b, "These %d mutants are a sample of the [catalogue](mutants.md), clusters of one group and with partitions.\n\n", len(list))
	}
	fmt.Fprintf(&b, "Median after shrinking, over %d mutants: %d operations, %d faults.\n\n", len(operations), median(operations), median(faults))
	b.WriteString("| mutant | fingerprint | seed | operations | faults | clients | nodes | partitions | runs | CPU | ended by | without the bug |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range list {
		if s.Err != nil {
			fmt.Fprintf(&b, "| %s | %s ||||||||||\n", s.Mutant.ID+mark(s.Mutant), strings.ReplaceAll(s.Err.Error(), "\n", " "))
			continue
		}
		r := s.Report.Shrunk
		arrow := func(before, after int) string { return fmt.Sprintf("%d → %d", before, after) }
		partitions := "–"
		if s.Mutant.Sharded {
			partitions = arrow(r.Before.Partitions, r.After.Partitions)
		}
		bound := r.Bound
		if bound == "" {
			bound = "nothing left to try"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %d | %s | %s | %s | %s | %s | %d | %s | %s | %s |\n", s.Mutant.ID+mark(s.Mutant), r.Fingerprint, s.Report.Found.Seed,
			arrow(r.Before.Operations, r.After.Operations), arrow(r.Before.Faults, r.After.Faults), arrow(r.Before.Clients, r.After.Clients),
			arrow(r.Before.Nodes+r.Before.Spares, r.After.Nodes+r.After.Spares), partitions, r.Runs, short(s.Report.ShrinkCPU), bound, s.Clean)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func median(list []int) int {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[(len(list)-1)/2]
}
