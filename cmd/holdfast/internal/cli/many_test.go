package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
)

// Goal: several keys are read and written with one command, with their exit codes; mistakes are usage errors before anything is sent. Method: a
// table over a store that holds user1.
func TestExitCodesOfManyKeys(t *testing.T) {
	requireExits(t, []exitCase{
		{"get user1 user1", nil, exit.OK, ""},
		{"get user1 nobody", nil, exit.NotFound, "value not found: nobody"},
		{"get user1 b", failing(store.NotApplied), exit.NotApplied, "cannot get user1, b: reason"},
		{"get a b -o raw", nil, exit.Usage, "-o raw is for one value, and there are 2 keys"},
		{"get a b --any --stale", nil, exit.Usage, "only one of --any and --stale"},
		{"put a 1 b 2", nil, exit.OK, ""},
		{"put a 1 b", nil, exit.Usage, "the key b has no value"},
		{"put a 1 a 2", nil, exit.Usage, "the key a is given twice"},
		{"put a - b -", nil, exit.Usage, "only one value can be standard input"},
		{"put a - b - --literal", nil, exit.OK, ""},
		{"put a 1 b @/nonexistent", nil, exit.Usage, "--literal"},
		{"put a 1 b 2", failing(store.NotApplied), exit.NotApplied, "cannot put a, b: reason (nothing was changed)"},
		{"put a 1 b 2", failing(store.Unknown), exit.Unknown, "the outcome of this is unknown: put a, b: reason"},
		{"put a 1 b 2", failing(store.Denied), exit.Denied, "nothing was changed"},
		{"scan", nil, exit.OK, ""},
		{"scan --prefix none", nil, exit.OK, ""},
		{"scan", failing(store.NotApplied), exit.NotApplied, "cannot scan (0 keys were listed): reason"},
		{"scan --limit -1", nil, exit.Usage, "--limit is -1"},
		{"scan --cursor ?", nil, exit.Usage, "is not the cursor of a scan"},
		{"scan -o raw", nil, exit.Usage, "-o raw is for one value"},
		{"scan user", nil, exit.Usage, "takes no arguments"},
	})
	code, _, talk := newProgram().run("get", "a", "")
	require.Equal(t, exit.Usage, code)
	require.Contains(t, talk, "the key is empty")
	code, _, talk = newProgram().run("put", "a", "1", "", "2")
	require.Equal(t, exit.Usage, code)
	require.Contains(t, talk, "the key is empty")
}

// filled is a program whose store holds k1 to k5, in this order.
func filled(t *testing.T) *program {
	p := newProgram()
	for _, pair := range []string{"k1=a", "k2=b\tc", "k3=d", "k4=e", "k5=f"} {
		key, value, _ := strings.Cut(pair, "=")
		_, err := p.store.Put(context.Background(), []byte(key), []byte(value))
		require.NoError(t, err)
	}
	return p
}

// Goal: CLI-2 for many keys, in each form. Method: fixed outputs.
func TestOutputsOfManyKeys(t *testing.T) {
	for _, c := range []struct {
		line, want string
		code       int
	}{
		{"get k2 none k1", "k2\t\"b\\tc\"\nk1\ta\n", exit.NotFound},
		{"get k1 none -o json", `[{"key":"k1","found":true,"value":"a","version":1},{"key":"none","found":false}]`, exit.NotFound},
		{"put k1 x k9 y", "OK k1 (version 6)\nOK k9 (version 7)\n", 0},
		{"put k1 x k9 y -o raw", "6\n7\n", 0},
		{"put k1 x k9 y -o json", `[{"key":"k1","version":6},{"key":"k9","version":7}]`, 0},
		{"scan --prefix k1", "k1\ta\n", 0},
		{"scan", "k1\ta\nk2\t\"b\\tc\"\nk3\td\nk4\te\nk5\tf\n", 0},
		{"scan --limit 0 --prefix k4 -o json", `{"pairs":[{"key":"k4","value":"e","version":4}]}`, 0},
		{"scan --prefix none -o json", `{"pairs":[]}`, 0},
		{"scan --prefix none", "", 0},
	} {
		code, out, talk := filled(t).run(strings.Fields(c.line)...)
		require.Equal(t, c.code, code, talk)
		if strings.HasSuffix(c.line, "json") {
			require.JSONEq(t, c.want, out, c.line)
			continue
		}
		require.Equal(t, c.want, out, c.line)
	}
}

// Goal: a scan goes on over pages up to its limit, and from the cursor that it printed. Method: limits below and above a page, to the end.
func TestScanGoesOnFromItsCursor(t *testing.T) {
	p := filled(t)
	_, out, talk := p.run("scan", "--limit", "4")
	require.Equal(t, 4, strings.Count(out, "\n"))
	require.Regexp(t, "^there are more: go on with --cursor \\S+\\n$", talk)
	cursor := strings.Fields(talk)[len(strings.Fields(talk))-1]
	_, out, talk = p.run("scan", "--cursor", cursor)
	require.Equal(t, "k5\tf\n", out)
	require.Empty(t, talk)
	var list struct {
		Pairs []struct{ Key, Value string }
		Next  string
	}
	seen := ""
	for next := ""; ; next = list.Next {
		_, out, _ = p.run("scan", "--limit", "2", "-o", "json", "--cursor", next)
		list.Next = ""
		require.NoError(t, json.Unmarshal([]byte(out), &list), out)
		for _, pair := range list.Pairs {
			seen += pair.Key + " "
		}
		if list.Next == "" {
			break
		}
	}
	require.Equal(t, "k1 k2 k3 k4 k5 ", seen)
	require.Equal(t, store.Fresh, p.store.Mode())
	p.run("scan", "--stale")
	require.Equal(t, store.Stale, p.store.Mode())
	p.run("get", "a", "b", "--any")
	require.Equal(t, store.Anywhere, p.store.Mode())
}

// Goal: where some of many keys fail, the others are shown, each failure is named, and nothing is claimed to be unchanged that was not. Method: failures at
// one key.
func TestSomeOfManyKeysFail(t *testing.T) {
	p := filled(t)
	p.store.FailAt("k2", &store.Error{Ending: store.NotApplied, Err: errors.New("no leader")})
	code, out, talk := p.run("get", "k1", "k2", "none")
	require.Equal(t, exit.NotApplied, code)
	require.Equal(t, "k1\ta\n", out)
	require.Contains(t, talk, "cannot get k2: no leader")
	code, out, talk = p.run("put", "k1", "x", "k2", "y")
	require.Equal(t, exit.Unknown, code)
	require.Equal(t, "OK k1 (version 6)\n", out)
	require.Contains(t, talk, "1 of 2 values were stored, not so:\n  k2: no leader (nothing was changed)\nnext: ")
	p.store.FailAt("k2", &store.Error{Ending: store.Unknown, Err: errors.New("lost")})
	_, out, talk = p.run("put", "k1", "x", "k2", "y", "-o", "json")
	require.JSONEq(t, `[{"key":"k1","version":7}]`, out)
	require.Contains(t, talk, "k2: lost (the outcome is unknown)")
}
