package holdfast_test

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	maxFileLines = 600
	maxFuncLines = 70
)

// vagueNames say nothing about what is inside.
var vagueNames = []string{"util", "utils", "helper", "helpers", "common", "misc"}

// leftovers are marks of work that was put off.
var leftovers = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

var tidyRules = []rule{
	{
		name:   "small-files",
		reason: "a file holds one idea and can be read in one sitting",
		remedy: fmt.Sprintf("split the file by idea, each at most %d lines, and name each after its idea", maxFileLines),
		check: handWritten(func(s source) []finding {
			if s.lines <= maxFileLines {
				return nil
			}
			return []finding{{s.path, fmt.Sprintf("has %d lines, more than %d", s.lines, maxFileLines)}}
		}),
	},
	{
		name:   "small-functions",
		reason: "a function does one thing on one screen",
		remedy: fmt.Sprintf("take steps out into functions with a name and a claim, each at most %d lines", maxFuncLines),
		check:  handWritten(longFunctions),
	},
	{
		name:   "telling-names",
		reason: "a name like utils collects whatever has no home, and nobody finds it there",
		remedy: "name the file, directory or package after what it does",
		check:  handWritten(vague),
	},
	{
		name:   "nothing-put-off",
		reason: "a note in the code is not read by who plans the work",
		remedy: "do it now, or open an issue and delete the note",
		check: handWritten(func(s source) []finding {
			var out []finding
			for _, group := range s.file.Comments {
				for _, c := range group.List {
					if mark := leftovers.FindString(c.Text); mark != "" {
						out = append(out, s.found(c.Pos(), "has a %s", mark))
					}
				}
			}
			return out
		}),
	},
	{
		name:   "package-comment-in-doc.go",
		reason: "who meets a package reads doc.go: what it is, its contract, its invariants by number; two such places drift apart",
		remedy: "move the comment into doc.go, or put an empty line between it and the package clause",
		check: handWritten(func(s source) []finding {
			if s.file.Doc == nil || path.Base(s.path) == "doc.go" {
				return nil
			}
			return []finding{s.found(s.file.Doc.Pos(), "has a package comment")}
		}),
	},
}

// docRule is about directories, so it is checked on the whole tree.
var docRule = rule{
	name:   "doc.go-in-every-package",
	reason: "who meets a package reads doc.go: what it is, its contract, its invariants by number",
	remedy: "write a doc.go that starts with \"// Package <name>\" (\"// Command <name>\" for a program)",
}

// handWritten limits a check to files that people write.
func handWritten(check func(source) []finding) func(source) []finding {
	return func(s source) []finding {
		if s.generated {
			return nil
		}
		return check(s)
	}
}

// longFunctions finds functions that are too long, from the line of func to the
// closing brace. A closure belongs to the function around it; one in a package
// variable stands for itself.
func longFunctions(s source) []finding {
	var out []finding
	measure := func(name string, n ast.Node) {
		if lines := s.line(n.End()) - s.line(n.Pos()) + 1; lines > maxFuncLines {
			out = append(out, s.found(n.Pos(), "%s has %d lines, more than %d", name, lines, maxFuncLines))
		}
	}
	for _, decl := range s.file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			measure(fn.Name.Name, fn)
			continue
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if lit, ok := n.(*ast.FuncLit); ok {
				measure("a function in a package variable", lit)
				return false
			}
			return true
		})
	}
	return out
}

// vague finds names that say nothing, in path and package name.
func vague(s source) []finding {
	file := strings.TrimSuffix(strings.TrimSuffix(path.Base(s.path), ".go"), "_test")
	elements := append(strings.Split(s.dir, "/"), file, strings.TrimSuffix(s.file.Name.Name, "_test"))
	for _, name := range elements {
		if slices.Contains(vagueNames, name) {
			return []finding{{s.path, fmt.Sprintf("is named %q", name)}}
		}
	}
	return nil
}

// undocumented finds directories with Go files but no proper doc.go.
func undocumented(tree []source) []finding {
	documented := make(map[string]bool)
	for _, s := range tree {
		isDoc := path.Base(s.path) == "doc.go" && s.file.Doc != nil
		documented[s.dir] = documented[s.dir] || isDoc && introduces(s)
	}
	var out []finding
	for _, dir := range slices.Sorted(maps.Keys(documented)) {
		if !documented[dir] {
			out = append(out, finding{dir, "has no doc.go with a package comment"})
		}
	}
	return out
}

// introduces tells whether a package comment starts the way go doc expects.
func introduces(s source) bool {
	first := "Package " + s.file.Name.Name + " "
	if s.file.Name.Name == "main" {
		first = "Command "
	}
	return strings.HasPrefix(s.file.Doc.Text(), first)
}

// Goal: the tree is as tidy as CONTRIBUTING.md promises (TREE-3).
// Method: parse every Go file and hold it to each rule.
func TestSourceTreeIsTidy(t *testing.T) {
	tree := loadTree(t)
	for _, r := range tidyRules {
		t.Run(r.name, func(t *testing.T) { requireKept(t, r, breaches(r, tree)) })
	}
	t.Run(docRule.name, func(t *testing.T) { requireKept(t, docRule, undocumented(tree)) })
}

// Goal: no tidiness rule is a no-op, and each counts right to the line.
// Method: files one line beyond each limit, and files exactly at it.
func TestTidyRulesObjectToWhatTheyForbidAndNothingElse(t *testing.T) {
	mark := "// TO" + "DO: later\n"
	requireRulesBite(t, tidyRules, map[string][]fakeFile{
		"small-files": {
			{"raft/a.go", "package p\n" + strings.Repeat("\n", maxFileLines)},
			{"raft/a_test.go", "package p\n" + strings.Repeat("\n", maxFileLines-1) + "var x int"},
		},
		"small-functions": {
			{"raft/a.go", "package p\nfunc f() {\n" + strings.Repeat("\n", maxFuncLines-1) + "}\n"},
			{"raft/a.go", "package p\nvar f = func() {\n" + strings.Repeat("\n", maxFuncLines-1) + "}\n"},
			{"raft/a.go", "package p\nfunc f() {\n_ = func() {\n" + strings.Repeat("\n", maxFuncLines-3) + "}\n}\n"},
		},
		"telling-names": {
			{"raft/utils.go", "package raft\n"},
			{"raft/helpers_test.go", "package raft\n"},
			{"kv/common/lock.go", "package lock\n"},
			{"kv/lock/lock.go", "package misc\n"},
		},
		"nothing-put-off":           {{"raft/a.go", "package p\n\n" + mark}, {"raft/a_test.go", "package p\n\n/* " + mark + "*/\n"}},
		"package-comment-in-doc.go": {{"raft/a.go", "// Package p is.\npackage p\n"}},
	}, []fakeFile{
		{"raft/a.go", "package p\n" + strings.Repeat("\n", maxFileLines-1)},
		{"raft/a.go", "package p\n\n// f is documented\n// at length.\nfunc f() {\n" + strings.Repeat("\n", maxFuncLines-2) + "}\n"},
		{"raft/a.go", "package p\n\nvar mark = \"TO" + "DO\"\n"},
		{"raft/a.go", "// Licence.\n\npackage p\n"},
		{"raft/doc.go", "// Package p is.\npackage p\n"},
		{"kv/kvpb/a.pb.go", "// Code generated by protoc-gen-go. DO NOT EDIT.\n\npackage p\n" + strings.Repeat("\n", maxFileLines)},
	})
}

// Goal: a package without a proper doc.go is found, whatever else it has.
// Method: directories with no doc.go, a silent one, a misleading one, a good one.
func TestPackagesWithoutDocAreFound(t *testing.T) {
	var tree []source
	for _, f := range []fakeFile{
		{"a/a.go", "// Package a is.\npackage a\n"},
		{"b/doc.go", "package b\n"},
		{"c/doc.go", "// Package b is copied.\npackage c\n"},
		{"d/doc.go", "// Package d is.\npackage d\n"},
		{"d/d_test.go", "package d_test\n"},
		{"e/doc.go", "// Command e does.\npackage main\n"},
		{"f/f_test.go", "package f\n"},
	} {
		tree = append(tree, f.parse(t))
	}
	var found []string
	for _, f := range undocumented(tree) {
		found = append(found, f.where)
	}
	require.Equal(t, []string{"a", "b", "c", "f"}, found)
}
