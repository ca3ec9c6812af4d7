package shrink

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// TestFile is the name of the Go test in the directory of a shrunk run.
const TestFile = "shrunk_test.go"

// Write keeps the result in a directory as run.Result.Write does, with the story (story.txt), how the search went
// (shrink.json) and a Go test. Mutant is the planted bug that the program was built with, "" if there is none.
func (r *Report) Write(dir, mutant string) error {
	s := tell(r.Plan)
	if v := s.result.Verdict.Violations; len(v) == 0 || v[0].Fingerprint != r.Fingerprint {
		return fmt.Errorf("executed with all checks the shrunk plan does not end in %s, but: %q", r.Fingerprint, s.result.Verdict.Reasons)
	}
	if err := s.result.Write(dir); err != nil {
		return err
	}
	return run.WriteFiles(
		dir,
		run.File{Name: "story.txt", Write: s.write},
		run.File{Name: "shrink.json", Write: run.JSON(r)},
		run.File{Name: TestFile, Write: func(w io.Writer) error { return writeTest(w, r.Plan, r.Fingerprint) }},
		run.File{Name: "REPLAY.txt", Write: func(w io.Writer) error { return writeReplay(w, dir, mutant) }},
	)
}

// writeReplay says how to see the run again. No seed gives a shrunk plan, so it needs the files.
func writeReplay(w io.Writer, dir, mutant string) error {
	text := fmt.Sprintf("Replay this run, byte for byte:\n\n    holdfast sim replay %s\n", dir)
	if mutant != "" {
		text = fmt.Sprintf("This plan fails with the planted bug %s only. From the source tree, build a program with the bug and execute it again:\n\n"+
			"    go run ./cmd/holdfast sim shrink --mutant %s --runs 0 %s\n\nWithout the bug it passes:\n\n    go run ./cmd/holdfast sim replay %s\n",
			mutant, mutant, filepath.Join(dir, "plan.json"), filepath.Join(dir, "plan.json"))
	}
	text += fmt.Sprintf("\nAs a test of the source tree:\n\n    cp %s testsuite/ && go test ./testsuite -run '^TestShrunk'\n", filepath.Join(dir, TestFile))
	_, err := io.WriteString(w, text)
	return err
}

var testTemplate = template.Must(template.New(TestFile).Parse(`package testsuite_test

import (
	"testing"

	"github.com/holdfastdb/holdfast/testsuite/run"
)

// Goal: {{.Fingerprint}} stays away. Method: the shrunk plan that showed it.
func Test{{.Name}}(t *testing.T) {
	run.MustPass(t, {{.Constant}})
}

// {{.Constant}} has {{.Size}}.
const {{.Constant}} = {{.Plan}}
`))

// writeTest writes a plan as a Go test.
func writeTest(w io.Writer, p *plan.Plan, fingerprint string) error {
	var text strings.Builder
	if err := p.Encode(&text); err != nil {
		return err
	}
	literal := "`" + text.String() + "`"
	if strings.Contains(text.String(), "`") {
		literal = fmt.Sprintf("%q", text.String())
	}
	name := camel(fingerprint)
	return testTemplate.Execute(w, map[string]any{
		"Name": "Shrunk" + name, "Constant": "shrunk" + name, "Fingerprint": fingerprint, "Size": SizeOf(p), "Plan": literal,
	})
}

// camel makes a part of a Go name of a fingerprint.
func camel(text string) string {
	var b strings.Builder
	up := true
	for _, c := range text {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if letter && up && c >= 'a' && c <= 'z' {
			c += 'A' - 'a'
		}
		if up = !letter; letter {
			b.WriteRune(c)
		}
	}
	return b.String()
}
