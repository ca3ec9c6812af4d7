package rafttest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// names returns what a pattern's first group matches in a text, sorted, each once.
func names(pattern, text string) []string {
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Goal: docs/raft-claims.md names each test of a claim and each story, and none that is not there. Method: compare
// the names in it with the test functions and golden files.
func TestClaimsTableIsComplete(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "raft-claims.md"))
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join("..", "paper_*_test.go"))
	require.NoError(t, err)
	var code strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		code.Write(content)
	}
	tests := names(`(?m)^func Test((?:Paper|Dissertation)\w+)\(`, code.String())
	require.Greater(t, len(tests), 30)
	require.Equal(t, tests, names(`\b((?:Paper|Dissertation)(?:Fig)?\d+_\w+)`, string(doc)))

	paths, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	require.NoError(t, err)
	var stories []string
	for _, p := range paths {
		stories = append(stories, strings.TrimSuffix(filepath.Base(p), ".txt"))
	}
	var table []string
	for _, row := range names(`(?m)^\|.*\|([^|]*)\|$`, string(doc)) {
		table = append(table, names(`\b([a-z]\w*_\w+|single_node)\b`, row)...)
	}
	slices.Sort(table)
	require.Equal(t, stories, slices.Compact(table))
}
