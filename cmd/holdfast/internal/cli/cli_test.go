package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/bench"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/cli"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/storetest"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// program is the command line on a store in memory.
type program struct {
	store  *storetest.Memory
	env    map[string]string
	input  string
	dialed store.Options
}

func newProgram() *program { return &program{store: storetest.New(), env: map[string]string{}} }

// run executes one command line and returns the exit code and both outputs.
func (p *program) run(args ...string) (code int, out, talk string) {
	var stdout, stderr bytes.Buffer
	app := &cli.App{
		Streams: &style.Streams{
			In: strings.NewReader(p.input), Out: &stdout, Err: &stderr,
			LookupEnv: func(name string) (string, bool) { v, ok := p.env[name]; return v, ok },
		},
		Dial: func(o store.Options) (store.Store, error) { p.dialed = o; return p.store, nil },
	}
	extra := &cobra.Command{Use: "extra", RunE: func(*cobra.Command, []string) error { return exit.Quietly(exit.Liveness) }}
	code = app.Run(context.Background(), args, extra)
	return code, stdout.String(), stderr.String()
}

// Goal: each way a command can end has its exit code, and errors have a text. Method: a table over a
// store that holds one key, and stores that fail.
func TestExitCodes(t *testing.T) {
	requireExits(t, []exitCase{
		{"put k v", nil, exit.OK, ""},
		{"get user1", nil, exit.OK, ""},
		{"get nobody", nil, exit.NotFound, "value not found"},
		{"erase user1", nil, exit.OK, ""},
		{"erase nobody", nil, exit.NotFound, "value not found"},
		{"cas user1 x --expect-value john", nil, exit.OK, ""},
		{"cas user1 x --expect-version 1", nil, exit.OK, ""},
		{"cas nobody x --expect-absent", nil, exit.OK, ""},
		{"cas user1 x --expect-value no", nil, exit.ConditionFailed, "the key has version 1, value john"},
		{"cas nobody x --expect-version 4", nil, exit.ConditionFailed, "the key has no value"},
		{"put k v", failing(store.NotApplied), exit.NotApplied, "reason (nothing was changed)\nnext: "},
		{"put k v", failing(store.Unknown), exit.Unknown, "outcome of this is unknown: put k: reason"},
		{"put k v", failing(store.Denied), exit.Denied, "reason (nothing was changed)"},
		{"get k", failing(store.NotApplied), exit.NotApplied, "cannot get k: reason"},
		{"erase k", failing(store.Unknown), exit.Unknown, "unknown"},
		{"put k v", errors.New("odd"), exit.Failure, "odd"},
		{"status", nil, exit.NotApplied, "no node answered"},
		{"extra", nil, exit.Liveness, ""},
		{"", nil, exit.OK, ""},
		{"gett k", nil, exit.Usage, "did you mean `holdfast get`"},
		{"config shwo", nil, exit.Usage, "did you mean `holdfast config show`"},
		{"get", nil, exit.Usage, "takes 1 argument, 0 given"},
		{"put k", nil, exit.Usage, "usage: holdfast put KEY VALUE"},
		{"get k --tiemout 1s", nil, exit.Usage, "did you mean --timeout?"},
		{"get k --timeout soon", nil, exit.Usage, "--timeout"},
		{"get k --timeout 0s", nil, exit.Usage, "must be more than 0"},
		{"get k --endpoints nowhere", nil, exit.Usage, `"nowhere" is not of the form HOST:PORT`},
		{"get k -o yaml", nil, exit.Usage, "text, json, raw"},
		{"cas k v", nil, exit.Usage, "exactly one of"},
		{"cas k v --expect-absent --expect-version 3", nil, exit.Usage, "exactly one of"},
		{"cas k v --expect-version 0", nil, exit.Usage, "no value has version 0"},
		{"put k @/nonexistent", nil, exit.Usage, "--literal"},
		{"bench --ops scan", nil, exit.Usage, "put, get, mixed, all"},
		{"bench --conns 0", nil, exit.Usage, "--conns is 0"},
		{"server --data x", nil, exit.Usage, "--id is missing"},
		{"server --id 1 --data x --peers 1=a", nil, exit.Usage, "HOST:PORT"},
		{"server --id 2 --data x --peers 1=a:1", nil, exit.Usage, "node 2 is not in --peers"},
		{"dev --nodes 0", nil, exit.Usage, "--nodes is 0"},
		{"config show nothing", nil, exit.Usage, `no command "nothing"`},
		{"check history", nil, exit.Usage, "takes 1 argument, 0 given"},
		{"check history - --key-timeout soon", nil, exit.Usage, "--key-timeout"},
	})
	code, _, talk := newProgram().run("get", "")
	require.Equal(t, exit.Usage, code)
	require.Contains(t, talk, "the key is empty")
}

// exitCase is a command line, what the store's calls end with, and what is wanted: exit code and a part of what is said.
type exitCase struct {
	line string
	fail error
	want int
	talk string
}

func failing(e store.Ending) error { return &store.Error{Ending: e, Err: errors.New("reason")} }

// requireExits runs each line on a store that holds user1.
func requireExits(t *testing.T, cases []exitCase) {
	t.Helper()
	for _, c := range cases {
		p := newProgram()
		_, err := p.store.Put(context.Background(), []byte("user1"), []byte("john"))
		require.NoError(t, err)
		p.store.Fail(c.fail)
		code, _, talk := p.run(strings.Fields(c.line)...)
		require.Equal(t, c.want, code, "%s: %s", c.line, talk)
		require.Contains(t, talk, c.talk, c.line)
		if code != exit.OK && c.line != "extra" {
			require.Contains(t, talk, "error: ", c.line)
		}
	}
}

// Goal: the commands on a cluster, and reads at any node, have their exit codes. Method: the same, without a cluster.
func TestExitCodesOfClusterCommandsAndReadsAtAnyNode(t *testing.T) {
	requireExits(t, []exitCase{
		{"get user1 --any", nil, exit.OK, ""},
		{"get nobody --any", nil, exit.NotFound, "value not found"},
		{"get k --any", failing(store.NotApplied), exit.NotApplied, "cannot get k: reason"},
		{"get k --any --stale", nil, exit.Usage, "only one of --any and --stale"},
		{"cluster", nil, exit.OK, ""},
		{"cluster add 4", nil, exit.Usage, "NODE=HOST:PORT"},
		{"cluster stats", nil, exit.Usage, "did you mean `holdfast cluster status`"},
		{"cluster status --wait 1s", nil, exit.Usage, "unknown flag"},
		{"cluster remove 3 --endpoints 127.0.0.1:1 --wait 50ms", nil, exit.NotApplied, "nothing was changed"},
	})
	p := newProgram()
	p.run("get", "k", "--any")
	require.Equal(t, 1, p.store.AnyReads())
	p.run("get", "k")
	require.Equal(t, 1, p.store.AnyReads())
}

// Goal: CLI-2, data is on standard output exactly as documented, in each form. Method: fixed outputs.
func TestOutputs(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"put k v", "OK (version 2)\n"},
		{"put k v -o json", "{\n  \"key\": \"k\",\n  \"version\": 2\n}\n"},
		{"put k v -o raw", "2\n"},
		{"get user1", "john\n"},
		{"get user1 -o raw", "john"},
		{"get user1 -o json", "{\n  \"key\": \"user1\",\n  \"found\": true,\n  \"value\": \"john\",\n  \"version\": 1\n}\n"},
		{"get no -o json", "{\n  \"key\": \"no\",\n  \"found\": false\n}\n"},
		{"get no", ""},
		{"erase user1", "Erased\n"},
		{"erase no -o json", "{\n  \"key\": \"no\",\n  \"found\": false\n}\n"},
		{"cas user1 x --expect-value y -o json", "{\n  \"key\": \"user1\",\n  \"swapped\": false,\n  \"version\": 1,\n  \"found\": true,\n  \"actual_value\": \"john\"\n}\n"},
		{"cas user1 x --expect-version 1", "OK (version 2)\n"},
	} {
		p := newProgram()
		_, err := p.store.Put(context.Background(), []byte("user1"), []byte("john"))
		require.NoError(t, err)
		_, out, _ := p.run(strings.Fields(c.line)...)
		require.Equal(t, c.want, out, c.line)
	}
}

// Goal: values are binary safe, from standard input, from a file, and literally. Method: bytes of all values
// in and out again.
func TestValuesAreBinarySafe(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	file := filepath.Join(t.TempDir(), "v")
	require.NoError(t, os.WriteFile(file, all, 0o600))
	p := newProgram()
	p.input = string(all)
	for _, arg := range []string{"-", "@" + file} {
		code, _, talk := p.run("put", "k", arg)
		require.Zero(t, code, talk)
		_, out, _ := p.run("get", "k", "-o", "raw")
		require.Equal(t, string(all), out)
	}
	code, _, _ := p.run("put", "k", "--literal", "@x")
	require.Zero(t, code)
	_, out, _ := p.run("get", "k", "-o", "raw")
	require.Equal(t, "@x", out)
}

// Goal: settings reach the client from flag, environment and file in their order. Method: look at
// what was dialled.
func TestEndpointsComeFromFlagEnvironmentFileOrDefault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte("endpoints: [c:3, d:4]\nget:\n  timeout: 9s\n"), 0o600))
	p := newProgram()
	p.run("get", "k")
	require.Equal(t, []string{"127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"}, p.dialed.Endpoints)
	p.env["HOLDFAST_CONFIG"] = file
	p.run("get", "k")
	require.Equal(t, []string{"c:3", "d:4"}, p.dialed.Endpoints)
	require.Equal(t, "9s", p.dialed.Timeout.String())
	p.env["HOLDFAST_ENDPOINTS"] = "b:2"
	p.run("get", "k")
	require.Equal(t, []string{"b:2"}, p.dialed.Endpoints)
	p.run("get", "k", "--endpoints", "a:1")
	require.Equal(t, []string{"a:1"}, p.dialed.Endpoints)

	code, out, _ := p.run("config", "show", "get", "--timeout", "7s")
	require.Zero(t, code)
	rows := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		rows[strings.Fields(line)[0]] = strings.Fields(line)
	}
	require.Equal(t, []string{"endpoints", "b:2", "env", "HOLDFAST_ENDPOINTS"}, rows["endpoints"])
	require.Equal(t, []string{"timeout", "7s", "flag", "--timeout"}, rows["timeout"])
	require.Equal(t, []string{"output", "text", "default", "(HOLDFAST_OUTPUT)"}, rows["output"])
	require.Equal(t, []string{"config", file, "env", "HOLDFAST_CONFIG"}, rows["config"])
}

// Goal: the settings of commands within commands have variables, sections in the file and a place in config show; what
// belongs to one call has none. Method: settings of cluster status and cluster add from each origin.
func TestSettingsOfClusterCommands(t *testing.T) {
	p := newProgram()
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte("cluster: mine\nendpoints: [c:3]\ncluster status:\n  timeout: 9s\ncluster add:\n  wait: 3m\n"), 0o600))
	p.env["HOLDFAST_ENDPOINTS"] = "b:2"
	_, out, talk := p.run("config", "show", "cluster", "status", "--config", file)
	require.Regexp(t, `(?m)^timeout +9s +file +`, out, talk)
	require.Regexp(t, `(?m)^endpoints +b:2 +env +`, out)
	_, out, _ = p.run("config", "show", "cluster", "add", "--config", file)
	require.Regexp(t, `(?m)^wait +3m0s +file +`, out)
	require.NotContains(t, out, "learner")
	require.NotContains(t, out, "priority")
	_, out, _ = p.run("config", "show", "server", "--config", file)
	require.Regexp(t, `(?m)^cluster +mine +file +`, out)
	require.NoError(t, os.WriteFile(file, []byte("cluster:\n  timeout: 9s\n"), 0o600))
	code, _, talk := p.run("config", "show", "server", "--config", file)
	require.Equal(t, exit.Usage, code)
	require.Contains(t, talk, `"cluster add"`)
}

// Goal: status shows live and dead nodes, for people and programs. Method: two reports, fixed output.
func TestStatusShowsEveryNode(t *testing.T) {
	p := newProgram()
	p.store.Nodes(store.NodeReport{Endpoint: "a:1", Status: &kvpb.NodeStatus{
		Node: 1, ClusterName: "c", Version: "v", UptimeMs: 61500,
		Groups: []*kvpb.GroupStatus{{Group: 1, Role: "leader", Term: 2, LeaderNode: 1, Commit: 9, Applied: 8, Durable: 9, Last: 9}},
	}}, store.NodeReport{Endpoint: "c:3", Status: &kvpb.NodeStatus{
		Node: 3, ClusterName: "c", Version: "v", UptimeMs: 1000, Health: kvpb.Health_REJOINING, HealthReason: "the log is damaged",
	}}, store.NodeReport{Endpoint: "b:2", Err: errors.New("connection refused")})
	code, out, talk := p.run("status")
	require.Zero(t, code, talk)
	require.Equal(t, ""+
		"NODE  ENDPOINT  STATE      ROLE    TERM  LEADER  COMMIT  APPLIED  UPTIME\n"+
		"1     a:1       up         leader  2     1       9       8        1m1s\n"+
		"3     c:3       rejoining  -       -     -       -       -        1s  the log is damaged\n"+
		"-     b:2       no answer  -       -     -       -       -        -   connection refused\n", out)
	_, out, _ = p.run("status", "-o", "json")
	require.JSONEq(t, `[{"endpoint":"a:1","alive":true,"node":1,"cluster":"c","version":"v","uptime_ms":61500,
		"groups":[{"group":1,"role":"leader","term":2,"leader":1,"commit":9,"applied":8,"durable":9,"last":9}]},
		{"endpoint":"c:3","alive":true,"node":3,"cluster":"c","version":"v","uptime_ms":1000,"health":"rejoining","health_reason":"the log is damaged"},
		{"endpoint":"b:2","alive":false,"error":"connection refused"}]`, out)
}

// Goal: the shell works from a pipe, and bench and check work together. Method: run them on the store in
// memory.
func TestShellBenchAndCheckWorkFromTheCommandLine(t *testing.T) {
	p := newProgram()
	p.input = "put user1 john\nGET user1\n"
	code, out, _ := p.run("shell")
	require.Zero(t, code)
	require.Equal(t, "OK (version 1)\nValue found: john\n", out)

	file := filepath.Join(t.TempDir(), "h.jsonl")
	code, out, talk := p.run("bench", "--ops", "all", "--clients", "4", "--keys", "5", "--rate", "2000", "--duration", "50ms", "--record", file, "-o", "json")
	require.Zero(t, code, talk)
	var report bench.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Equal(t, int64(100), report.OK+report.Missed)
	code, out, talk = p.run("check", "history", file)
	require.Zero(t, code, "%s%s", out, talk)
	require.Contains(t, out, fmt.Sprintf("pass: %d operations on ", report.OK))
}

// Goal: version tells program and formats. Method: look for them.
func TestVersionNamesFormats(t *testing.T) {
	code, out, _ := newProgram().run("version")
	require.Zero(t, code)
	require.Regexp(t, `^holdfast \S+ \(.*go1\.\d+.*\)\nformats: data directory \d+, peer protocol \d+, history \d+\n$`, out)
}
