package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/explore"
	"github.com/holdfastdb/holdfast/testsuite/hunt"
	"github.com/holdfastdb/holdfast/testsuite/shrink"
)

// Report is what a hunter prints: the hunt and what it cost.
type Report struct {
	hunt.Report
	CPU time.Duration `json:"cpu_ns"`
	// Ablation is what it takes to find the mutant, nil if that was not asked for.
	Ablation *Ablation `json:"ablation,omitempty"`
	// Shrunk is how what was found was shrunk, nil if that was not asked for; ShrinkCPU is the CPU time of that.
	Shrunk    *shrink.Report `json:"shrunk,omitempty"`
	ShrinkCPU time.Duration  `json:"shrink_cpu_ns,omitempty"`
}

// Overlay writes the mutated files to dir and returns the list that
// `go build -overlay` takes, for a source tree at root.
func (m *Mutant) Overlay(root, dir string) (string, error) {
	files, err := m.Apply(root)
	if err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for path, text := range files {
		copied := filepath.Join(dir, fmt.Sprintf("%s-%d.go", m.ID, len(overlay.Replace)))
		if err := os.WriteFile(copied, text, 0o644); err != nil {
			return "", err
		}
		overlay.Replace[path] = copied
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, m.ID+"-overlay.json")
	return list, os.WriteFile(list, b, 0o644)
}

// Build compiles the hunter with the mutant in place to a file in dir.
func (m *Mutant) Build(ctx context.Context, root, dir string) (string, error) {
	list, err := m.Overlay(root, dir)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "hunter-"+m.ID)
	if err := buildHunter(ctx, root, binary, "-overlay", list); err != nil {
		return "", fmt.Errorf("mutant %s: %w", m.ID, err)
	}
	return binary, nil
}

// RunDirected runs the mutant's directed test and reports whether it found the
// mutant: whether it ran, and failed.
func (m *Mutant) RunDirected(ctx context.Context, root, dir string) (found bool, err error) {
	list, err := m.Overlay(root, dir)
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-overlay", list, "-run", m.Directed.Run, m.Directed.Package)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if !bytes.Contains(out, []byte("=== RUN")) {
		return false, fmt.Errorf("mutant %s: its directed test did not run: %v\n%s", m.ID, err, out)
	}
	return bytes.Contains(out, []byte("--- FAIL")), nil
}

// buildHunter compiles the hunter to a file.
func buildHunter(ctx context.Context, root, binary string, flags ...string) error {
	// Without debug information, linking is most of the work saved.
	args := append([]string{"build", "-ldflags=-s -w", "-o", binary}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./testsuite/mutants/hunter")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the hunter does not build: %w\n%s", err, out)
	}
	return nil
}

// sameFile reports whether two files have the same bytes.
func sameFile(a, b string) (bool, error) {
	x, err := os.ReadFile(a)
	if err != nil {
		return false, err
	}
	y, err := os.ReadFile(b)
	return bytes.Equal(x, y), err
}

// Hunt runs a hunter over seeds from on until it finds something or the mutant's
// budget is used up. It spends up to ablate on each question of an Ablation; 0 asks none.
func (m *Mutant) Hunt(ctx context.Context, binary string, from uint64, strategy explore.Strategy, ablate time.Duration) (*Report, error) {
	return m.order(ctx, binary, append([]string{"-strategy=" + string(strategy), "-ablate=" + ablate.String()}, m.task(from)...))
}

// order has a hunter do what its arguments say.
func (m *Mutant) order(ctx context.Context, binary string, args []string) (*Report, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return nil, err
		}
		return nil, fmt.Errorf("mutant %s: its hunter failed: %w\n%s", m.ID, err, complaint.Bytes())
	}
	r := new(Report)
	if err := json.Unmarshal(out.Bytes(), r); err != nil {
		return nil, fmt.Errorf("mutant %s: its hunter printed no report: %w", m.ID, err)
	}
	return r, nil
}

// task is what the hunter is asked for.
func (m *Mutant) task(from uint64) []string {
	return []string{fmt.Sprintf("-sharded=%t", m.Sharded), fmt.Sprint(from), fmt.Sprint(m.Seeds)}
}
