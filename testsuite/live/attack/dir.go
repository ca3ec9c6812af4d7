package attack

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// Summary is live.json: what was played and how it ended.
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

// Write keeps the run in a directory, which it creates: live.json, plan.json, history.jsonl, verdict.json, a picture of each
// key that is not linearizable, and REPLAY.txt. The logs of the nodes are where the store has them.
func (r *Result) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err := run.WriteFiles(
		dir,
		run.File{Name: "live.json", Write: run.JSON(Summary{
			Format: "holdfast-live", Version: 1, Store: r.Store, Seed: r.Plan.Seed, Outcome: string(r.Verdict.Outcome),
			Scale: r.Scale, Took: r.Took, Translation: r.Translation,
		})},
		run.File{Name: "plan.json", Write: r.Plan.Encode},
		run.File{Name: "history.jsonl", Write: func(w io.Writer) error { return history.Write(w, r.History) }},
		run.File{Name: "verdict.json", Write: r.Verdict.Encode},
		run.File{Name: "REPLAY.txt", Write: func(w io.Writer) error { return r.replay(w, dir) }},
	)
	if err != nil {
		return fmt.Errorf("attack: %w", err)
	}
	if len(r.Linear.Findings) == 0 {
		return nil
	}
	_, err = r.Linear.WriteVisualization(dir)
	return err
}

// replay says how to see it again, and that this is not certain.
func (r *Result) replay(w io.Writer, dir string) error {
	_, err := fmt.Fprintf(w, "Real processes do not take the same course twice. Play the plan again:\n\n    holdfast live run --plan %[1]s\n\n"+
		"or try whether the simulation, which also has what processes hide, finds the same with it; other seeds of the same plan\n"+
		"(\"seed\" in the file) are other courses:\n\n    holdfast sim replay %[1]s\n\n"+
		"The judgement alone, from what the clients saw:\n\n    holdfast check history %[2]s\n",
		filepath.Join(dir, "plan.json"), filepath.Join(dir, "history.jsonl"))
	return err
}
