package attack

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
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
	files := map[string]func(io.Writer) error{
		"live.json": func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(Summary{
				Format: "holdfast-live", Version: 1, Store: r.Store, Seed: r.Plan.Seed, Outcome: string(r.Verdict.Outcome),
				Scale: r.Scale, Took: r.Took, Translation: r.Translation,
			})
		},
		"plan.json":     r.Plan.Encode,
		"history.jsonl": func(w io.Writer) error { return history.Write(w, r.History) },
		"verdict.json":  r.Verdict.Encode,
		"REPLAY.txt":    func(w io.Writer) error { return r.replay(w, dir) },
	}
	for name, write := range files {
		if err := writeFile(filepath.Join(dir, name), write); err != nil {
			return fmt.Errorf("attack: writing %s: %w", name, err)
		}
	}
	if len(r.Linear.Findings) == 0 {
		return nil
	}
	_, err := r.Linear.WriteVisualization(dir)
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

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
