package check

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/server"
)

func judgeData(dir string, dump bool) (int, string) {
	var out, talk bytes.Buffer
	err := runData(&style.Streams{Out: &out, Err: &talk}, style.Text, dir, dump)
	return exit.Code(err), out.String()
}

// Goal: CHECK-1, an intact log passes, damage in it is a violation, and none is vacuous. Method: a real node's
// directory, started and stopped several times, before and after a byte was changed.
func TestDamageOfALogIsFound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	dir := filepath.Join(t.TempDir(), "d")
	for i := range 3 {
		s, err := server.Start(server.Config{
			Node: 1, ClusterName: "c", Members: map[env.NodeID]string{1: address}, Dir: dir, New: i == 0,
			Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		require.NoError(t, s.Stop(context.Background()))
	}
	code, out := judgeData(dir, true)
	require.Zero(t, code, out)
	require.Contains(t, out, "segment 1 of node 1")
	require.Contains(t, out, "pass: 1 segments")

	files, err := filepath.Glob(filepath.Join(dir, "wal", "*.log"))
	require.NoError(t, err)
	data, err := os.ReadFile(files[0])
	require.NoError(t, err)
	frame := regexp.MustCompile(`(?m)^ +(\d+) frame \d+`).FindStringSubmatch(out)
	require.NotNil(t, frame, out)
	first, err := strconv.Atoi(frame[1])
	require.NoError(t, err)
	data[first+16] ^= 0x40
	require.NoError(t, os.WriteFile(files[0], data, 0o600))
	code, out = judgeData(dir, false)
	require.Equal(t, exit.Violation, code, out)
	require.Contains(t, out, "violation: ")
	require.Contains(t, out, files[0])

	require.NoError(t, os.Remove(files[0]))
	code, out = judgeData(dir, false)
	require.Equal(t, exit.Undecided, code, out)
	require.NoError(t, os.RemoveAll(dir))
	code, _ = judgeData(dir, false)
	require.Equal(t, exit.Failure, code)
}
