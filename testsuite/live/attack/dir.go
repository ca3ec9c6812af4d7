package attack

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// Summary is live.json (run.LiveFile): what was played and how it ended.
type Summary struct {
	Format  string        `json:"format"`
	Version int           `json:"version"`
	Store   string        `json:"store"`
	Seed    uint64        `json:"seed"`
	Outcome string        `json:"outcome"`
	Scale   float64       `json:"scale"`
	Took    time.Duration `json:"took_ns"`
	*Translation
}

// Write keeps the run in a directory, which it creates: live.json, plan.json, history.jsonl, verdict.json, events.jsonl, a picture
// of each key that is not linearizable, REPLAY.txt, and report.html, which shows all of it. The logs of the nodes are where the
// store has them.
func (r *Result) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err := run.WriteFiles(
		dir,
		run.File{Name: run.LiveFile, Write: run.JSON(Summary{
			Format: run.LiveFormat, Version: 1, Store: r.Store, Seed: r.Plan.Seed, Outcome: string(r.Verdict.Outcome),
			Scale: r.Scale, Took: r.Took, Translation: r.Translation,
		})},
		run.File{Name: "plan.json", Write: r.Plan.Encode},
		run.File{Name: "history.jsonl", Write: func(w io.Writer) error { return history.Write(w, r.History) }},
		run.File{Name: "verdict.json", Write: r.Verdict.Encode},
		run.File{Name: "events.jsonl", Write: r.Course.Write},
		run.File{Name: "REPLAY.txt", Write: func(w io.Writer) error { return r.replay(w, dir) }},
	)
	if err != nil {
		return fmt.Errorf("attack: %w", err)
	}
	var pictures []string
	if len(r.Linear.Findings) > 0 {
		if pictures, err = r.Linear.WriteVisualization(dir); err != nil {
			return err
		}
	}
	return run.WriteFiles(dir, run.File{Name: run.ReportFile, Write: func(w io.Writer) error { return r.report(w, dir, pictures) }})
}

// replay says how to go on from here.
func (r *Result) replay(w io.Writer, dir string) error {
	var b strings.Builder
	for _, c := range r.commands(dir) {
		fmt.Fprintf(&b, "%s\n\n    %s\n\n", c.Shows, c.Command)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
