package attack

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/checker/report"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// report writes the page that shows the run: the simulation's, with what is of no use to real processes left out.
func (r *Result) report(w io.Writer, dir string, pictures []string) error {
	p := r.Plan
	d := &report.Data{
		Title: fmt.Sprintf("live run of %s, seed %d", r.Store, p.Seed), Verdict: r.Verdict, History: r.History, Findings: r.Linear.Findings,
		Events: r.Course, Nodes: p.Machines(), Groups: run.ReportGroups(p), Settings: run.ReportSettings(p),
		Facts: append(
			run.ReportFacts(p),
			report.Fact{Name: "operations", Value: fmt.Sprint(len(r.History.Operations))},
			report.Fact{Name: "took", Value: r.Took.Round(time.Millisecond).String()},
			report.Fact{Name: "times of the plan", Value: fmt.Sprintf("× %.3g", r.Scale)},
		),
	}
	if s := r.Translation.section(); len(s.Facts) > 0 {
		d.Settings = append([]report.Section{s}, d.Settings...)
	}
	for _, path := range pictures {
		d.Pictures = append(d.Pictures, filepath.Base(path))
	}
	d.Replay = r.commands(dir)
	return report.Write(w, d)
}

// commands are those that lead on from a live run.
func (r *Result) commands(dir string) []report.Replay {
	again := report.Replay{Command: "holdfast live run --plan " + filepath.Join(dir, "plan.json"), Shows: "The plan again. Real processes do not take the same course twice."}
	if r.Store != nameOfHoldfast {
		again = report.Replay{
			Command: "holdfast check history " + filepath.Join(dir, "history.jsonl"),
			Shows:   "The judgement again, from what the clients saw.",
		}
		return []report.Replay{again}
	}
	simulated := filepath.Join(dir, "simulated")
	return []report.Replay{
		again,
		{Command: fmt.Sprintf("holdfast sim replay %s --seeds 100 --keep %s", dir, simulated), Shows: "The plan in the simulation, under one seed after the other until one fails: each is another course, which can be had again."},
		{Command: "holdfast sim shrink " + simulated, Shows: "If one did, a smaller plan that fails like it."},
		{Command: "holdfast check history " + filepath.Join(dir, "history.jsonl"), Shows: "The judgement again, from what the clients saw."},
	}
}

// nameOfHoldfast is the store that the simulation knows.
const nameOfHoldfast = "holdfast"

// section lists what was not played as the plan says.
func (t *Translation) section() report.Section {
	s := report.Section{Title: "Not as in the plan"}
	for how, list := range [][]string{t.Differently, t.Skipped} {
		for _, text := range list {
			name, rest, _ := strings.Cut(text, ": ")
			s.Facts = append(s.Facts, report.Fact{Name: name, Value: []string{"played differently: ", "not played: "}[how] + rest})
		}
	}
	return s
}
