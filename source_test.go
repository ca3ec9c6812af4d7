package holdfast_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const modulePath = "github.com/holdfastdb/holdfast"

// source is one parsed Go file.
type source struct {
	path      string // slash-separated, from the module root
	dir       string // "." for the module root
	test      bool
	generated bool
	lines     int
	fset      *token.FileSet
	file      *ast.File
}

// finding is one place where a rule is broken.
type finding struct {
	where string // file, or file:line
	what  string
}

// rule is a claim about every source file. check returns where it is broken.
type rule struct {
	name   string
	reason string // why the rule is there, shown with every finding
	remedy string // what to do about it
	check  func(s source) []finding
}

func parseSource(name string, content []byte) (source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	lines := bytes.Count(content, []byte("\n"))
	if len(content) > 0 && !bytes.HasSuffix(content, []byte("\n")) {
		lines++
	}
	return source{
		path:      name,
		dir:       path.Dir(name),
		test:      strings.HasSuffix(name, "_test.go"),
		generated: ast.IsGenerated(file) && strings.HasSuffix(name, ".pb.go"),
		lines:     lines,
		fset:      fset,
		file:      file,
	}, nil
}

func (s source) line(pos token.Pos) int { return s.fset.Position(pos).Line }

func (s source) found(pos token.Pos, format string, args ...any) finding {
	return finding{fmt.Sprintf("%s:%d", s.path, s.line(pos)), fmt.Sprintf(format, args...)}
}

// importPath is the path of an import, unquoted.
func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(fmt.Sprintf("the parser let %s through as an import path", spec.Path.Value))
	}
	return p
}

// loadTree parses every Go file of the module, also in directories that the go
// command leaves out for a leading underscore. It skips test data and what
// .gitignore names as output of runs.
func loadTree(t *testing.T) []source {
	t.Helper()
	var tree []source
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && isSkipped(name) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		s, err := parseSource(name, content)
		tree = append(tree, s)
		return err
	})
	require.NoError(t, err)
	require.Greater(t, len(tree), 4, "the walk found next to nothing, not even this directory's tests")
	return tree
}

func isSkipped(dir string) bool {
	base := path.Base(dir)
	return strings.HasPrefix(base, ".") || base == "testdata" || base == "holdfast-data" || dir == "runs"
}

// breaches runs one rule over the sources.
func breaches(r rule, tree []source) []finding {
	var out []finding
	for _, s := range tree {
		out = append(out, r.check(s)...)
	}
	return out
}

// requireKept fails the test with every finding, the rule's reason and what to do.
func requireKept(t *testing.T, r rule, found []finding) {
	t.Helper()
	if len(found) == 0 {
		return
	}
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "  %s: %s\n", f.where, f.what)
	}
	t.Fatalf("rule %q is broken in %d places:\n%s  why: %s\n  do:  %s", r.name, len(found), &b, r.reason, r.remedy)
}

// requireRulesBite shows that each rule can fail: it takes files for each rule,
// by rule name, that are wrong for that rule and for no other.
func requireRulesBite(t *testing.T, rules []rule, wrong map[string][]fakeFile, right []fakeFile) {
	t.Helper()
	for _, r := range rules {
		require.NotEmpty(t, wrong[r.name], "no file here shows that rule %q can fail: add one", r.name)
	}
	for name, files := range wrong {
		for _, f := range files {
			s := f.parse(t)
			for _, r := range rules {
				got := breaches(r, []source{s})
				if r.name == name {
					require.NotEmpty(t, got, "rule %q lets this through: %s\n%s", r.name, f.path, f.code)
				} else {
					require.Empty(t, got, "rule %q objects to the file for %q: %s\n%s", r.name, name, f.path, f.code)
				}
			}
		}
	}
	for _, f := range right {
		for _, r := range rules {
			require.Empty(t, breaches(r, []source{f.parse(t)}), "rule %q objects to: %s\n%s", r.name, f.path, f.code)
		}
	}
}

// fakeFile is a file that exists in a test only.
type fakeFile struct{ path, code string }

func (f fakeFile) parse(t *testing.T) source {
	t.Helper()
	s, err := parseSource(f.path, []byte(f.code))
	require.NoError(t, err)
	return s
}
