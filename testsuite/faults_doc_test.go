package testsuite_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Goal: docs/faults.md has every kind of fault, and the tests that it names exist. Method: search it for the kinds, and the test files of
// the simulation for the tests.
func TestEveryFaultIsDocumentedWithItsTest(t *testing.T) {
	text, err := os.ReadFile("../docs/faults.md")
	require.NoError(t, err)
	for _, kind := range plan.Kinds() {
		require.Regexp(t, "(?m)^\\|.*`"+regexp.QuoteMeta(string(kind))+"`", string(text), "%s is in no table", kind)
	}
	there := map[string]bool{}
	for _, dir := range []string{"../netsim", ".", "run", "cluster"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			code, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, name := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllSubmatch(code, -1) {
				there[string(name[1])] = true
			}
		}
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, named)
	for _, name := range named {
		require.True(t, there[name[1]], "docs/faults.md names %s, which is nowhere", name[1])
	}
}
