package shell

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/storetest"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// Goal: lines are split as HELP says. Method: a table of lines.
func TestWordsSplitsLines(t *testing.T) {
	for line, want := range map[string][]string{
		"":                                    nil,
		"   \t ":                              nil,
		"# PUT a b":                           nil,
		"PUT user1 john":                      {"PUT", "user1", "john"},
		"  PUT\ta   b # why\r\n":              {"PUT", "a", "b"},
		`PUT a 'x "y" \n'`:                    {"PUT", "a", `x "y" \n`},
		`PUT a "x\ty\xff\u00fc"`:              {"PUT", "a", "x\ty\xffü"},
		`PUT a ''`:                            {"PUT", "a", ""},
		`PUT u http://a/?b=1&c=2;d|e>f`:       {"PUT", "u", "http://a/?b=1&c=2;d|e>f"},
		`PUT j {"a":1,"b":[2]}`:               {"PUT", "j", `{"a":1,"b":[2]}`},
		`PUT n O'Neill`:                       {"PUT", "n", "O'Neill"},
		`PUT tag a#b`:                         {"PUT", "tag", "a#b"},
		`PARTITION 1 | 2 3`:                   {"PARTITION", "1", "|", "2", "3"},
		"PUT k \u2003x":                       {"PUT", "k", "\u2003x"},
		`PUT back \n`:                         {"PUT", "back", `\n`},
		`PUT "key with blanks" 'a' "b" 'c'  `: {"PUT", "key with blanks", "a", "b", "c"},
	} {
		got, err := Words(line)
		require.NoError(t, err, line)
		require.Equal(t, want, got, line)
	}
	for line, reason := range map[string]string{
		`PUT a 'b`:   "closing '",
		`PUT a "b`:   `closing "`,
		`PUT a "\q"`: "begins nothing known",
		`PUT a 'b'c`: "there must be a blank after",
	} {
		_, err := Words(line)
		require.ErrorContains(t, err, reason, line)
	}
}

// Goal: SHELL-3, every byte string can be written. Method: quote random bytes as Go does.
func TestEveryByteStringCanBeWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var line strings.Builder
		var want []string
		for _, word := range rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "words") {
			want = append(want, string(word))
			line.WriteString(strconv.Quote(string(word)) + " ")
		}
		got, err := Words(line.String())
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// talk runs a script on a store and returns both outputs and the error.
func talk(t *testing.T, s store.Store, script string, change func(*Session)) (said, complaints string, err error) {
	t.Helper()
	var out, talk bytes.Buffer
	session := &Session{Streams: &style.Streams{In: strings.NewReader(script), Out: &out, Err: &talk}, Store: s, Format: style.Text}
	if change != nil {
		change(session)
	}
	err = session.Run(context.Background())
	return out.String(), talk.String(), err
}

// Goal: the classic dialogue is as documented, byte for byte. Method: a script and its output.
func TestClassicDialogue(t *testing.T) {
	out, talked, err := talk(t, storetest.New(), `
PUT user1 john
GET user1
get user1
Erase user1
GET user1
ERASE user1
put greeting "hello\nworld\x00"
GET greeting
CAS user1 jane ABSENT
CAS user1 june VALUE jane
CAS user1 joan VERSION 99
CAS nobody x VALUE y
EXIT
PUT never reached
`, nil)
	require.NoError(t, err)
	require.Empty(t, talked)
	require.Equal(t, `OK (version 1)
Value found: john
Value found: john
Erased
Value not found
Value not found
OK (version 3)
Value found: "hello\nworld\x00"
OK (version 4)
OK (version 5)
Not changed: the key has version 5, value june
Not changed: the key has no value
`, out)
}

// Goal: with JSON each answer is one line. Method: a script and its output.
func TestDialogueInJSON(t *testing.T) {
	out, _, _ := talk(t, storetest.New(), "PUT a \"\\xff\"\nGET a\nGET b\nERASE a\nCAS a v VERSION 3\nSTATUS\nBAD\n", func(s *Session) { s.Format = style.JSON })
	require.Equal(t, `{"key":"a","version":1}
{"key":"a","found":true,"value":{"base64":"/w=="},"version":1}
{"key":"b","found":false}
{"key":"a","found":true}
{"key":"a","swapped":false}
[]
{"error":"unknown command BAD\nnext: HELP shows the commands","exit_code":64}
`, out)
}

// Goal: SCAN lists what begins with a prefix, over pages, up to a bound. Method: few keys, and more than are listed.
func TestScanLists(t *testing.T) {
	m := storetest.New()
	script := "PUT user1 john\nPUT user2 \"a\\tb\"\nPUT user3 c\nPUT user4 d\nPUT other x\n"
	out, _, err := talk(t, m, script+"SCAN user\nscan none\nSCAN\n", nil)
	require.NoError(t, err)
	users := "user1\tjohn\nuser2\t\"a\\tb\"\nuser3\tc\nuser4\td\n"
	require.True(t, strings.HasSuffix(out, "(version 5)\n"+users+"No keys\nother\tx\n"+users), out)
	out, _, _ = talk(t, m, "SCAN other\nSCAN none", func(s *Session) { s.Format = style.JSON })
	require.Equal(t, `{"pairs":[{"key":"other","value":"x","version":5}],"more":false}`+"\n"+`{"pairs":[],"more":false}`+"\n", out)
	for i := range scanMost {
		_, err := m.Put(context.Background(), []byte("z"+strconv.Itoa(i)), nil)
		require.NoError(t, err)
	}
	out, _, _ = talk(t, m, "SCAN", nil)
	require.Equal(t, scanMost+1, strings.Count(out, "\n"))
	require.True(t, strings.HasSuffix(out, "... and perhaps more than these 100; `holdfast scan --limit 0` lists all\n"), out)
	m.Fail(&store.Error{Ending: store.NotApplied, Err: errors.New("no leader")})
	_, talked, err := talk(t, m, "SCAN", nil)
	require.Equal(t, exit.NotApplied, exit.Code(err))
	require.Contains(t, talked, "cannot scan: no leader")
}

// Goal: a command may take longer than others, and one that is only there to say why it cannot be used is not listed. Method: such commands.
func TestExtraCommandsMayTakeLongerAndBeHidden(t *testing.T) {
	var left time.Duration
	run := func(ctx context.Context, _ *Session, _ []string) error {
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		return nil
	}
	for least, want := range map[time.Duration]time.Duration{0: time.Minute, time.Second: time.Minute, time.Hour: time.Hour} {
		out, _, err := talk(t, storetest.New(), "MOVE\nHELP", func(s *Session) {
			s.Timeout, s.Extra = time.Minute, []Command{{Name: "MOVE", Least: least, Hidden: true, Run: run}}
		})
		require.NoError(t, err)
		require.InDelta(t, want.Seconds(), left.Seconds(), 30)
		require.NotContains(t, out, "MOVE")
	}
}

// Goal: SHELL-2, failures do not end the dialogue, and the first decides the exit code. Method: mistakes and
// failing calls in one script each.
func TestFailuresGoOnAndDecideTheExitCode(t *testing.T) {
	for script, want := range map[string]struct {
		code int
		talk string
	}{
		"GETT a\nPUT a b":   {exit.Usage, "did you mean GET?"},
		"PUT a\nPUT a b":    {exit.Usage, "PUT takes 2 arguments, not 1\nnext: usage: PUT KEY VALUE"},
		"PUT a b c":         {exit.Usage, "quote words with blanks"},
		"PUT a 'b":          {exit.Usage, "closing '"},
		"CAS a b VERSION":   {exit.Usage, "the condition must be"},
		"CAS a b VERSION 0": {exit.Usage, "is not a version"},
		"TIMING maybe":      {exit.Usage, "neither ON nor OFF"},
		"HELP ME":           {exit.Usage, "unknown command ME"},
	} {
		_, talked, err := talk(t, storetest.New(), script, nil)
		require.Equal(t, want.code, exit.Code(err), script)
		require.Contains(t, talked, want.talk, script)
		require.Empty(t, exit.Text(err), "the message has been printed already")
	}
	m := storetest.New()
	m.Fail(&store.Error{Ending: store.Unknown, Err: errors.New("lost")})
	_, talked, err := talk(t, m, "PUT a b\nBAD\n", nil)
	require.Equal(t, exit.Unknown, exit.Code(err))
	require.Contains(t, talked, "outcome of this is unknown: put a: lost")
	require.Contains(t, talked, "unknown command BAD")
}

// Goal: HELP lists every command, TIMING shows times on the error stream. Method: look for them.
func TestHelpAndTiming(t *testing.T) {
	out, talked, err := talk(t, storetest.New(), "HELP\nHELP put\nTIMING on\nGET a\n", nil)
	require.NoError(t, err)
	for _, c := range builtin() {
		require.Contains(t, out, c.signature())
	}
	require.Contains(t, out, "PUT KEY VALUE: store a value\n")
	require.Regexp(t, `^\(\S+\)\n\(\S+\)\n$`, talked)
}

// Goal: completion offers commands in the case that is typed, and keys that were used. Method: ask for some.
func TestCompletionOffersCommandsAndKeys(t *testing.T) {
	s := &Session{commands: builtin()}
	s.remember("user1")
	s.remember("user 2")
	s.remember("other")
	require.Equal(t, []string{"PUT "}, s.complete("P"))
	require.Equal(t, []string{"erase ", "exit "}, s.complete("e"))
	require.Equal(t, []string{"get user1 "}, s.complete("get u"))
	require.Empty(t, s.complete("timing u"))
	require.Empty(t, s.complete("nothing u"))
}
