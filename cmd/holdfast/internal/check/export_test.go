package check

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// Goal: a history that is exported is judged alike when it comes back. Method: a stale read, through both commands.
func TestExportedHistoryIsJudgedAlike(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "h.edn")
	edn := `{:type :invoke, :process 0, :f :write, :value ["x" "1"]} {:type :ok, :process 0, :f :write, :value ["x" "1"]}
{:type :invoke, :process 0, :f :read, :value ["x" nil]} {:type :ok, :process 0, :f :read, :value ["x" nil]}`
	require.NoError(t, os.WriteFile(path, []byte(edn), 0o600))
	var out, talk bytes.Buffer
	streams := &style.Streams{Out: &out, Err: &talk}
	require.NoError(t, runExport(streams, path, "knossos"))
	again := filepath.Join(dir, "again.edn")
	require.NoError(t, os.WriteFile(again, out.Bytes(), 0o600))
	for _, p := range []string{path, again} {
		err := runHistory(streams, style.Text, p, historyOptions{})
		require.Equal(t, exit.Violation, exit.Code(err))
	}
	require.Equal(t, exit.Usage, exit.Code(runExport(streams, path, "spin")))
}
