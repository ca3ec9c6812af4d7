package style_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// Goal: durations and counts are short and exact enough to compare. Method: a table with the edges.
func TestNumbersAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ns", 147 * time.Microsecond: "147µs", 1620 * time.Microsecond: "1.62ms",
		99960 * time.Microsecond: "100ms", 9999 * time.Microsecond: "10.0ms", 2030 * time.Millisecond: "2.03s",
		90 * time.Second: "90.0s", 999: "999ns",
	} {
		require.Equal(t, want, style.Duration(d))
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		require.Equal(t, want, style.Count(n))
	}
}

// Goal: STYLE-3, a terminal never gets control bytes, and JSON keeps all bytes. Method: text and other bytes.
func TestBytesAreShownSafelyAndKeptInJSON(t *testing.T) {
	require.Equal(t, "grüße", style.Bytes([]byte("grüße")))
	require.Equal(t, `"\x1b[2J"`, style.Bytes([]byte("\x1b[2J")))
	require.Equal(t, `"\xff\x00"`, style.Bytes([]byte{0xff, 0}))
	for in, want := range map[string]string{"a\"b": `"a\"b"`, "\xff\x00": `{"base64":"/wA="}`, "": `""`} {
		got, err := json.Marshal(style.Blob(in))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}

// Goal: STYLE-2, colours need a terminal and no NO_COLOR. Method: the combinations.
func TestColoursFollowTerminalAndNoColor(t *testing.T) {
	env := map[string]string{}
	s := &style.Streams{OutTerminal: true, LookupEnv: func(k string) (string, bool) { v, ok := env[k]; return v, ok }}
	require.Equal(t, "\x1b[31mx\x1b[0m", s.OutPaint().Bad("x"))
	require.Equal(t, "x", s.ErrPaint().Bad("x"))
	env["NO_COLOR"] = "1"
	require.Equal(t, "x", s.OutPaint().Bad("x"))
}

// Goal: a misspelt output format is refused. Method: set each and one more.
func TestFormatTakesOnlyItsNames(t *testing.T) {
	var f style.Format
	for _, name := range []string{"text", "json", "raw"} {
		require.NoError(t, f.Set(name))
		require.Equal(t, name, f.String())
	}
	require.ErrorContains(t, f.Set("yaml"), "text, json, raw")
}
