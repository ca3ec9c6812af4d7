package mutants

import (
	"fmt"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/testsuite/hunt"
)

// Goal: every mutant of the catalogue still applies (MUT-1) and is still Go. Method: apply each to the
// source tree, parse the result.
func TestEveryMutantApplies(t *testing.T) {
	all, err := All()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), 100)
	for _, m := range all {
		t.Run(m.ID, func(t *testing.T) {
			files, err := m.Apply("../..")
			require.NoError(t, err)
			for path, text := range files {
				_, err := parser.ParseFile(token.NewFileSet(), path, text, parser.AllErrors)
				require.NoError(t, err)
			}
		})
	}
}

// Goal: what is said to have no place in this design is not planted, nor said twice. Method: the ids in the
// first column of the table.
func TestUnplantedBugsAreNotPlanted(t *testing.T) {
	all, err := All()
	require.NoError(t, err)
	ids := regexp.MustCompile(`(?m)^\| ([A-Z]+-[0-9]+) `).FindAllStringSubmatch(unplanted, -1)
	require.NotEmpty(t, ids)
	seen := make(map[string]bool)
	for _, id := range ids {
		require.False(t, seen[id[1]], id[1])
		seen[id[1]] = true
	}
	for _, m := range all {
		require.False(t, seen[m.ID], m.ID)
	}
}

// Goal: an edit that does not apply is an error, never a clean result (MUT-1). Method: old texts that occur
// not at all, and more than once.
func TestEditThatDoesNotApplyIsAnError(t *testing.T) {
	for _, old := range []string{"no such text", "\n"} {
		m := Mutant{ID: "X", Edits: []Edit{{File: "raft/commit.go", Old: old, New: "y"}}}
		_, err := m.Apply("../..")
		require.ErrorContains(t, err, "must occur once")
	}
}

// Goal: only an oracle that a mutant names counts (MUT-2). Method: scores made by hand.
func TestOnlyNamedOraclesCount(t *testing.T) {
	m := &Mutant{Oracles: []string{"election-safety"}}
	report := func(fingerprint string) *Report {
		r := new(Report)
		if fingerprint != "" {
			r.Found = &hunt.Found{Fingerprint: fingerprint}
		}
		return r
	}
	for fingerprint, status := range map[string]string{
		"election-safety/two-leaders": "found", "liveness/no-progress": "found otherwise", "": "NOT FOUND",
	} {
		s := Score{Mutant: m, Hunts: []*Report{report("election-safety/two-leaders"), report(fingerprint)}}
		require.Equal(t, status, s.Status())
		require.Equal(t, status == "found", s.Found())
	}
}

// Goal: a mutant of clusters with partitions is hunted there and nowhere else, and the scoreboard says so. Method: what its hunter
// is asked for, and its row.
func TestShardedMutantsAreHuntedInShardedClusters(t *testing.T) {
	for _, sharded := range []bool{false, true} {
		m := &Mutant{ID: "X-1", Title: "t", Source: "s", Seeds: 5, Sharded: sharded}
		require.Equal(t, []string{fmt.Sprintf("-sharded=%t", sharded), "7", "5"}, m.task(7))
		var b strings.Builder
		require.NoError(t, WriteMarkdown(&b, []*Score{{Mutant: m}}))
		require.Equal(t, sharded, strings.Contains(b.String(), "| X-1 (sharded) | t (s) |"))
		require.Equal(t, !sharded, strings.Contains(b.String(), "| X-1 | t (s) |"))
	}
}
