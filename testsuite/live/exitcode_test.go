package live

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// command is one call of the program.
type command struct {
	args  string
	stdin string
	code  int
	// out and talk are part of what it prints.
	out, talk string
}

func runCommands(ctx context.Context, t *testing.T, binary string, endpoints []string, commands []command) {
	t.Helper()
	for _, k := range commands {
		args := strings.Fields(k.args)
		if len(endpoints) > 0 {
			args = append(args, "--endpoints", strings.Join(endpoints, ","))
		}
		exit, err := Exec(ctx, k.stdin, binary, args...)
		require.NoError(t, err)
		shown := k.args[:min(len(k.args), 60)]
		require.Equal(t, k.code, exit.Code, "%s: %s", shown, exit)
		require.Contains(t, exit.Stdout, k.out, shown)
		require.Contains(t, exit.Stderr, k.talk, shown)
		// Some commands have something to show although they fail.
		shows := slices.Contains([]string{"status", "bench", "check"}, strings.Fields(k.args)[0])
		if k.code != 0 && !shows {
			require.Empty(t, exit.Stdout, "%s: errors belong to standard error", shown)
		}
	}
}

// Goal: the exit codes of docs/cli.md, from the program itself, with nodes that answer, too few of them, and none.
// Method: tables of commands, run against a cluster that loses its nodes.
func TestExitCodesTellHowACommandEnded(t *testing.T) {
	ctx := patience(t)
	c := startCluster(t)
	binary := c.cfg.Binary
	runCommands(ctx, t, binary, c.Addresses(), []command{
		{args: "put a 1", out: "OK (version "},
		{args: "get a", out: "1"},
		{args: "get a -o raw", out: "1"},
		{args: "put b -", stdin: "from\x00stdin\xff"},
		{args: "get b -o raw", out: "from\x00stdin\xff"},
		{args: "status", out: c.Addresses()[2]},
		{args: "get nothing", code: 3, talk: "not found"},
		{args: "erase nothing", code: 3, talk: "not found"},
		{args: "erase b"},
		{args: "get b", code: 3},
		{args: "put large -", stdin: strings.Repeat("x", 1<<20+1), code: 6, talk: "nothing was changed"},
		{args: "get " + strings.Repeat("k", 4097), code: 6, talk: "nothing was changed"},
		{args: "cas a 2 --expect-value 3", code: 7, talk: "was not changed"},
		{args: "cas a 2 --expect-version 999999", code: 7},
		{args: "cas a 2 --expect-absent", code: 7},
		{args: "cas a 2 --expect-value 1"},
		{args: "cas a 2", code: 64, talk: "--expect-version"},
		{args: "shell", stdin: "PUT c 5\nGET c\nGET nothing\n", out: "Value found: 5"},
		{args: "bench --ops gets", code: 64, talk: "--ops"},
	})
	leader, _, err := c.Leader(ctx, 0)
	require.NoError(t, err)
	require.NoError(t, c.Kill9(ctx, leader%3+1, (leader+1)%3+1))
	alone := []string{c.Addresses()[leader-1]}
	runCommands(ctx, t, binary, alone, []command{
		{args: "put a 9 --timeout 700ms", code: 4, talk: "nothing was changed"},
		{args: "get a --timeout 700ms", code: 4, talk: "trying again is safe"},
		{args: "get a --stale", out: "2"},
		{args: "status"},
	})
	require.NoError(t, c.Kill9(ctx, leader))
	runCommands(ctx, t, binary, c.Addresses(), []command{
		{args: "put a 9 --timeout 300ms", code: 4, talk: "nothing was changed"},
		{args: "get a --timeout 300ms", code: 4},
		{args: "status", code: 4, talk: "no node answered"},
		{args: "bench --duration 200ms --timeout 200ms --clients 1", code: 4},
	})
	require.NoError(t, c.StartAll(ctx, c.Ids()...))
	runCommands(ctx, t, binary, c.Addresses(), []command{{args: "get a", out: "2"}})
	require.NoError(t, c.Stop(ctx, c.Ids()...))
}

// Goal: mistakes on the command line and verdicts of `check` have their exit codes.
// Method: a table; histories made for the purpose.
func TestExitCodesOfMistakesAndVerdicts(t *testing.T) {
	ctx := patience(t)
	binary, dir := program(t), t.TempDir()
	write := func(name string, fill func(*history.Recorder)) string {
		r := history.NewRecorder()
		fill(r)
		path := filepath.Join(dir, name)
		f, err := os.Create(path)
		require.NoError(t, err)
		require.NoError(t, history.Write(f, r.History(history.Header{Source: "test"})))
		require.NoError(t, f.Close())
		return path
	}
	put := history.Input{Kind: history.Put, Key: "k", Value: "v"}
	good := write("good", func(r *history.Recorder) { r.Complete(r.Invoke(1, put, 0), history.OK, history.Result{}, "", 1) })
	bad := write("bad", func(r *history.Recorder) {
		r.Complete(r.Invoke(1, put, 0), history.OK, history.Result{}, "", 1)
		r.Complete(r.Invoke(1, history.Input{Kind: history.Get, Key: "k"}, 2), history.OK, history.Result{}, "", 3)
	})
	empty := write("empty", func(r *history.Recorder) { r.Invoke(1, put, 0) })
	config := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte("timeot: 3s\n"), 0o600))
	runCommands(ctx, t, binary, nil, []command{
		{args: "version", out: "holdfast"},
		{args: "check history " + good, out: "pass"},
		{args: "check history " + bad, code: 10, out: "violation"},
		{args: "check history " + empty, code: 11, out: "vacuous"},
		{args: "check history " + filepath.Join(dir, "none"), code: 1, talk: "cannot read the history"},
		{args: "check history -", stdin: "{}\n", code: 1, talk: "not a history"},
		{args: "expode", code: 64, talk: `unknown command "expode"`},
		{args: "get a --endpoint x", code: 64, talk: "did you mean --endpoints"},
		{args: "get", code: 64, talk: "takes 1 argument"},
		{args: "get a --endpoints nowhere", code: 64, talk: "HOST:PORT"},
		{args: "get a --config " + config, code: 64, talk: "timeot"},
		{args: "server --data " + dir, code: 64, talk: "--id"},
		{args: "server --id 1 --data " + dir, code: 64, talk: "node 1 is not in --peers"},
		{args: "server --id 1 --listen 127.0.0.1:1 --data " + dir + " --new=perhaps", code: 64, talk: "--new"},
	})
}

// silentNode grants sessions, tells that it has no partitions, and answers nothing else.
type silentNode struct {
	kvpb.UnimplementedKVServer
}

func (silentNode) Stream(stream grpc.BidiStreamingServer[kvpb.RequestBatch, kvpb.ResponseBatch]) error {
	for {
		batch, err := stream.Recv()
		if err != nil {
			return err
		}
		for _, r := range batch.Requests {
			answer := &kvpb.Response{Id: r.Id, Code: kvpb.Code_OK, Node: 1}
			switch r.Kind {
			case kvpb.RequestKind_OPEN_SESSION:
				answer.Session, answer.Index, answer.Partition = 7, 7, 1
			case kvpb.RequestKind_TABLE:
				answer.Table = &kvpb.RoutingTable{} // it has no partitions
			default:
				continue
			}
			if err := stream.Send(&kvpb.ResponseBatch{Responses: []*kvpb.Response{answer}}); err != nil {
				return err
			}
		}
	}
}

// Goal: DESIGN §1.4, a write that was sent and not answered ends with 5, a read with 4, as it changes nothing.
// Method: a server that takes requests and keeps silent about them.
func TestExitCodeOfAnUnansweredWriteSaysThatItsOutcomeIsUnknown(t *testing.T) {
	ctx := patience(t)
	binary := program(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	kvpb.RegisterKVServer(server, silentNode{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	runCommands(ctx, t, binary, []string{l.Addr().String()}, []command{
		{args: "put a 1 --timeout 500ms", code: 5, talk: "outcome of this is unknown"},
		{args: "erase a --timeout 500ms", code: 5, talk: "read the key before you decide to try again"},
		{args: "cas a 1 --expect-absent --timeout 500ms", code: 5},
		{args: "get a --timeout 500ms", code: 4, talk: "nothing was changed"},
	})
	server.Stop()
	require.NoError(t, <-served)
}
