package run

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Summary is run.json: what was run and how it ended.
type Summary struct {
	Format    string        `json:"format"`
	Version   int           `json:"version"`
	Seed      uint64        `json:"seed"`
	Outcome   string        `json:"outcome"`
	TraceHash string        `json:"trace_hash"`
	Virtual   time.Duration `json:"virtual_ns"`
	Events    uint64        `json:"events"`
}

// summaryFormat names the format of run.json.
const summaryFormat = "holdfast-run"

// LiveFile is to a live run's directory what run.json is to a simulated run's (testsuite/live/attack), and LiveFormat its format.
const (
	LiveFile   = "live.json"
	LiveFormat = "holdfast-live"
)

// Summarize returns the run's summary.
func (r *Result) Summarize() Summary {
	return Summary{
		Format: summaryFormat, Version: 1, Seed: r.Plan.Seed, Outcome: string(r.Verdict.Outcome),
		TraceHash: fmt.Sprintf("%016x", r.TraceHash), Virtual: r.Virtual, Events: r.Events,
	}
}

// Write keeps the run in a directory of its own, which it creates: run.json,
// plan.json, history.jsonl, verdict.json, trace.txt and events.jsonl (from a second, traced
// execution), a picture of each key that is not linearizable, REPLAY.txt, and
// report.html, which shows all of it.
func (r *Result) Write(dir string) error {
	log := events.NewLog(events.DefaultLimit)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	files := []File{
		{"run.json", JSON(r.Summarize())},
		{"plan.json", r.Plan.Encode},
		{"history.jsonl", func(w io.Writer) error { return history.Write(w, r.History) }},
		{"verdict.json", r.Verdict.Encode},
		{"trace.txt", func(w io.Writer) error { return r.writeTrace(w, log) }},
		{"events.jsonl", log.Write},
		{"REPLAY.txt", func(w io.Writer) error { return r.writeReplay(w, dir) }},
	}
	if err := WriteFiles(dir, files...); err != nil {
		return err
	}
	var pictures []string
	if r.Linear != nil && len(r.Linear.Findings) > 0 {
		var err error
		if pictures, err = r.Linear.WriteVisualization(dir); err != nil {
			return err
		}
	}
	return WriteFiles(dir, File{ReportFile, func(w io.Writer) error { return r.WriteReport(w, dir, log, pictures) }})
}

// File is one file of a run's directory.
type File struct {
	Name  string
	Write func(io.Writer) error
}

// JSON writes a value for people to read as well.
func JSON(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
}

// WriteFiles writes files into a directory, in their order; it ends at the first error, which names the file.
func WriteFiles(dir string, files ...File) error {
	for _, f := range files {
		if err := writeFile(filepath.Join(dir, f.Name), f.Write); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	if err := write(b); err != nil {
		f.Close()
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := b.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// Replace writes a file in place of the one that is there, if any; a process that ends on the way leaves that one.
func Replace(name string, write func(io.Writer) error) error {
	next := name + ".next"
	if err := writeFile(next, write); err != nil {
		return err
	}
	return os.Rename(next, name)
}

// writeTrace executes the run once more, and writes its trace and its log of events.
func (r *Result) writeTrace(w io.Writer, log *events.Log) error {
	again := Execute(r.Plan, Options{Events: log, Sink: func(e netsim.Event) {
		fmt.Fprintln(w, Describe(e))
	}})
	if again.TraceHash != r.TraceHash {
		return fmt.Errorf("the second execution took another course (trace hash %016x, first %016x): "+
			"the simulation is not deterministic, please report this", again.TraceHash, r.TraceHash)
	}
	return nil
}

// ReadPlan reads the plan of a run directory, or a plan file, and the trace hash
// that the run had, "" if that is not known: a live run has none.
func ReadPlan(path string) (p *plan.Plan, hash string, err error) {
	planFile := path
	if info, err := os.Stat(path); err != nil {
		return nil, "", err
	} else if info.IsDir() {
		planFile = filepath.Join(path, "plan.json")
		if hash, err = courseOf(path); err != nil {
			return nil, "", err
		}
	}
	f, err := os.Open(planFile)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	p, err = plan.Decode(bufio.NewReader(f))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", planFile, err)
	}
	return p, hash, nil
}

// courseOf is the trace hash that the run of a directory had, "" for a live run.
func courseOf(dir string) (hash string, err error) {
	name, format := filepath.Join(dir, "run.json"), summaryFormat
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		live := filepath.Join(dir, LiveFile)
		if of, err := os.ReadFile(live); err == nil {
			name, format, b = live, LiveFormat, of
		}
	}
	if b == nil && err != nil {
		return "", err
	}
	var s Summary
	if err := json.Unmarshal(b, &s); err != nil || s.Format != format {
		return "", fmt.Errorf("%s is not the summary of a run: %v", name, err)
	}
	return s.TraceHash, nil
}
