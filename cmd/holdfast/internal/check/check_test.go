package check

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

const (
	head = `{"format":"holdfast-history","version":1}` + "\n"
	put  = `{"id":1,"kind":"put","key":"k","value":"v","call":1,"return":2,"outcome":"ok"}` + "\n"
	lost = `{"id":2,"kind":"get","key":"k","call":3,"return":4,"outcome":"ok"}` + "\n"
)

func judge(t *testing.T, text string, args ...string) (int, string, string) {
	t.Helper()
	var out, talk bytes.Buffer
	format := style.Text
	if len(args) > 0 && args[0] == "json" {
		format, args = style.JSON, args[1:]
	}
	c := HistoryCommand(&style.Streams{In: strings.NewReader(text), Out: &out, Err: &talk}, &format)
	c.SetArgs(append([]string{"-"}, args...))
	c.SilenceErrors, c.SilenceUsage = true, true
	err := c.Execute()
	if err != nil {
		talk.WriteString(exit.Text(err))
	}
	return exit.Code(err), out.String(), talk.String()
}

// hard is a history in which so many writes overlap before a read that none of them explains: all orders are to be tried.
func hard(writes int) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 1; i <= writes; i++ {
		fmt.Fprintf(&b, `{"id":%d,"kind":"put","key":"k","value":"v%d","call":%d,"return":%d,"outcome":"ok"}`+"\n", i, i, i, 1000+i)
	}
	fmt.Fprintf(&b, `{"id":%d,"kind":"get","key":"k","call":2001,"return":2002,"outcome":"ok"}`+"\n", writes+1)
	fmt.Fprintf(&b, `{"end":true,"operations":%d}`, writes+1)
	return b.String()
}

// Goal: CHECK-1 and CHECK-2, each kind of history has its exit code and its text. Method: a pass, a lost write, an empty
// history, one that takes longer than its deadline, and no history.
func TestVerdictsHaveTheirExitCodes(t *testing.T) {
	code, out, _ := judge(t, head+put+`{"end":true,"operations":1}`)
	require.Equal(t, 0, code)
	require.Equal(t, "pass: 1 operations on 1 keys: 1 acknowledged, 0 not applied, 0 with unknown outcome\n", out)

	code, out, _ = judge(t, head+put+lost+`{"end":true,"operations":2}`)
	require.Equal(t, exit.Violation, code)
	require.Contains(t, out, "violation: 2 operations")
	require.Contains(t, out, "no linear order")

	code, out, _ = judge(t, head+`{"end":true,"operations":0}`)
	require.Equal(t, exit.Undecided, code)
	require.Contains(t, out, "vacuous: ")

	code, out, _ = judge(t, hard(40), "--key-timeout", "1ns")
	require.Equal(t, exit.Undecided, code, out)
	require.Contains(t, out, "unknown: 41 operations")
	require.Contains(t, out, "not decided")

	code, out, talk := judge(t, head+put)
	require.Equal(t, exit.Failure, code)
	require.Empty(t, out)
	require.Contains(t, talk, "cut off")
}

// Goal: with JSON the output is a verdict that reads back. Method: decode it.
func TestVerdictInJSONReadsBack(t *testing.T) {
	code, out, _ := judge(t, head+put+lost+`{"end":true,"operations":2}`, "json")
	require.Equal(t, exit.Violation, code)
	v, err := verdict.Decode(strings.NewReader(out))
	require.NoError(t, err)
	require.Equal(t, verdict.Violated, v.Outcome)
}

// Goal: pictures are drawn of what is wrong. Method: ask for them.
func TestPicturesAreDrawn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	code, _, talk := judge(t, head+put+lost+`{"end":true,"operations":2}`, "--pictures", dir)
	require.Equal(t, exit.Violation, code)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Contains(t, talk, files[0].Name())
}

// Goal: a history has a report too, with its pictures. Method: ask for both, and for a report where none can be written.
func TestReportOfAHistory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "h.html")
	text := head + put + lost + `{"end":true,"operations":2}`
	code, _, talk := judge(t, text, "--report", file, "--pictures", filepath.Join(dir, "p"))
	require.Equal(t, exit.Violation, code)
	require.Contains(t, talk, "report: "+file)
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, want := range []string{"violation", "cannot be explained", `href="p/key-001-k.html"`, `"unit":"event"`} {
		require.True(t, bytes.Contains(page, []byte(want)), want)
	}
	code, _, talk = judge(t, text, "--report", filepath.Join(dir, "none", "h.html"))
	require.Equal(t, exit.Failure, code)
	require.Contains(t, talk, "cannot write the report")
}
