package sim

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// sim runs a command line below `sim` and returns its exit code and what it printed.
func sim(args ...string) (code int, out, talk string) {
	var o, e bytes.Buffer
	c := Command(&style.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	c.SetArgs(args)
	c.SilenceErrors, c.SilenceUsage = true, true
	err := c.Execute()
	if err != nil {
		e.WriteString(exit.Text(err))
	}
	return exit.Code(err), o.String(), e.String()
}

// leases fails on the clean code: clocks drift further than its leases allow for.
const leases = "../../../../testsuite/testdata/lease/drift-beyond-the-bound.json"

// Goal: a failing plan is shrunk beside its file, and what is kept replays (SIMCMD-4). Method: a plan that fails, with few runs.
func TestShrinkKeepsWhatReplays(t *testing.T) {
	text, err := os.ReadFile(leases)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "plan.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))

	code, out, talk := sim("shrink", "--runs", "60", file)
	require.Equal(t, exit.OK, code, talk)
	require.Contains(t, out, "linearizability/")
	require.Contains(t, talk, "60 runs")
	require.Contains(t, talk, "bound on runs")
	kept := filepath.Join(filepath.Dir(file), "shrunk")
	code, _, talk = sim("replay", kept)
	require.Equal(t, exit.Violation, code, talk)

	// A recorded fingerprint that is no longer the plan's is pointed out.
	judged := filepath.Join(kept, "verdict.json")
	text, err = os.ReadFile(judged)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(judged, bytes.ReplaceAll(text, []byte("linearizability/"), []byte("other/")), 0o600))
	code, _, talk = sim("shrink", "--runs", "0", kept)
	require.Equal(t, exit.OK, code, talk)
	require.Contains(t, talk, "recorded with other/")

	// What is known does not fail a hunt; a file that is not there does.
	code, out, talk = sim("run", "--from", "52", "--seeds", "1", "--known", kept)
	require.Equal(t, exit.OK, code, talk)
	require.Contains(t, out, "pass: 1 runs")
	code, _, _ = sim("run", "--seeds", "1", "--known", kept+"-not")
	require.Equal(t, exit.Usage, code)
}

// Goal: a plan that passes is not shrunk; the error says what to do. Method: a drawn plan.
func TestShrinkOfAPlanThatPasses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.json")
	f, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, plan.Draw(52).Encode(f))
	require.NoError(t, f.Close())
	code, _, talk := sim("shrink", file)
	require.Equal(t, exit.Failure, code)
	require.Contains(t, talk, "does not fail any more")
	require.Contains(t, talk, "next: ")
	require.NoDirExists(t, filepath.Join(filepath.Dir(file), "shrunk"))

	code, _, talk = sim("shrink", file+"-not")
	require.Equal(t, exit.Failure, code)
	require.Contains(t, talk, "cannot shrink")
}

// Goal: command lines that make no sense are usage errors. Method: each.
func TestShrinkUsage(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"a", "b"},
		{"--runs", "-1", leases},
		{"--workers", "0", leases},
		{"--out", "x.md", leases},
		{"--mutant", "COMM-01,COMM-03", leases},
		{"--all-mutants", leases},
	} {
		code, _, talk := sim(append([]string{"shrink"}, args...)...)
		require.Equal(t, exit.Usage, code, "%v: %s", args, talk)
	}
}
