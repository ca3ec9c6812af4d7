package dev

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/env"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// given are the ports that tests of this run have.
var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// freePorts finds a port that is free with the n-1 after it, below those that systems give to connections.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	for range 1000 {
		port := 20_000 + rand.IntN(12_000)
		var open []net.Listener
		for i := 0; i < n && !given.ports[port+i]; i++ {
			if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+i)); err == nil {
				open = append(open, l)
			}
		}
		for _, l := range open {
			require.NoError(t, l.Close())
		}
		if len(open) == n {
			for i := range n {
				given.ports[port+i] = true
			}
			return port
		}
	}
	t.Fatal("no free ports")
	return 0
}

// safeBuffer collects what is said.
type safeBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// dialogue is a running `dev`, whose shell answers each command with a line of JSON.
type dialogue struct {
	t     *testing.T
	in    *io.PipeWriter
	out   *bufio.Scanner
	talk  *safeBuffer
	ended chan error
}

func converse(t *testing.T, o options) *dialogue {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	d := &dialogue{t: t, in: inW, out: bufio.NewScanner(outR), talk: &safeBuffer{}, ended: make(chan error, 1)}
	go func() {
		err := run(context.Background(), &style.Streams{In: inR, Out: outW, Err: d.talk}, style.JSON, o)
		_ = outW.CloseWithError(io.EOF)
		_ = inR.CloseWithError(io.EOF)
		d.ended <- err
	}()
	return d
}

// ask sends a command and reads its answer into v.
func (d *dialogue) ask(v any, command string, args ...any) {
	d.t.Helper()
	_, err := fmt.Fprintf(d.in, command+"\n", args...)
	require.NoError(d.t, err, d.talk)
	require.True(d.t, d.out.Scan(), "no answer to %s: %s", command, d.talk)
	require.NotContains(d.t, d.out.Text(), `"error":`, command)
	require.NoError(d.t, json.Unmarshal(d.out.Bytes(), v), "%s: %s", command, d.out.Text())
}

func (d *dialogue) put(key, value string) {
	d.t.Helper()
	var answer struct{ Version uint64 }
	d.ask(&answer, "PUT %s %s", key, value)
	require.Positive(d.t, answer.Version)
}

func (d *dialogue) get(key string) (value string, found bool) {
	d.t.Helper()
	var answer struct {
		Value string
		Found bool
	}
	d.ask(&answer, "GET %s", key)
	return answer.Value, answer.Found
}

func (d *dialogue) holds(key, value string) {
	d.t.Helper()
	got, found := d.get(key)
	require.True(d.t, found)
	require.Equal(d.t, value, got)
}

// await asks for the nodes until they are as wanted.
func (d *dialogue) await(wanted func([]nodeRow) bool) []nodeRow {
	d.t.Helper()
	for {
		var rows []nodeRow
		d.ask(&rows, "NODES")
		if wanted(rows) {
			return rows
		}
	}
}

// together: all nodes run, follow one leader and have applied the same.
func together(rows []nodeRow) bool {
	for _, r := range rows {
		if r.State != "up" || r.Leader == 0 || r.Leader != rows[0].Leader || r.Applied != rows[0].Applied || r.Term != rows[0].Term {
			return false
		}
	}
	return true
}

func (d *dialogue) leave() {
	d.t.Helper()
	_, err := io.WriteString(d.in, "EXIT\n")
	require.NoError(d.t, err)
	require.NoError(d.t, <-d.ended, d.talk)
}

func testOptions(t *testing.T) options {
	return options{nodes: 3, port: freePorts(t, 3), data: t.TempDir(), logLevel: "info", timeout: 30 * time.Second}
}

// Goal: the classic dialogue works, goes on when the leader is killed, and the killed node catches up when it is
// started again; the data is there in the next run. Method: a scripted dialogue over real nodes, which polls with NODES.
func TestDialogueSurvivesTheLeader(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	d := converse(t, o)
	d.put("user1", "john")
	d.holds("user1", "john")
	var erased struct{ Found bool }
	d.ask(&erased, "ERASE user1")
	require.True(t, erased.Found)
	_, found := d.get("user1")
	require.False(t, found)

	d.put("user1", "jane")
	var killed nodeRow
	d.ask(&killed, "KILL LEADER")
	require.Equal(t, "killed", killed.State)
	d.holds("user1", "jane")
	d.put("user1", "june")
	var started nodeRow
	d.ask(&started, "START %d", killed.Node)
	require.Equal(t, "up", started.State)
	d.await(together)
	d.ask(&started, "RESTART %d", killed.Node)
	d.holds("user1", "june")
	d.leave()
	require.Contains(t, d.talk.String(), "Holdfast is up:")

	d = converse(t, o)
	d.holds("user1", "june")
	d.leave()
}

// Goal: DEV-2, a leader that is cut off loses its office, the others go on, and healing brings all together.
// Method: cut the leader off, write, heal, and poll with NODES.
func TestPartitionDeposesTheLeaderAndHealingReunites(t *testing.T) {
	t.Parallel()
	d := converse(t, testOptions(t))
	d.put("k", "1")
	old := d.await(together)[0].Leader
	var sides struct{ Sides [][]env.NodeID }
	d.ask(&sides, "PARTITION %d", old)
	require.Equal(t, []env.NodeID{env.NodeID(old)}, sides.Sides[0])
	require.Len(t, sides.Sides[1], 2)
	rows := d.await(func(rows []nodeRow) bool {
		for _, r := range rows {
			if r.Node != env.NodeID(old) && (r.Leader == 0 || r.Leader == old) {
				return false
			}
		}
		return rows[old-1].Role != "leader"
	})
	require.NotEqual(t, rows[old-1].Side, rows[old%3].Side)
	d.put("k", "2")
	d.holds("k", "2")
	d.ask(&sides, "HEAL")
	d.await(together)
	d.holds("k", "2")
	d.leave()
}

// Goal: TRANSFER moves the leadership to the node that is named, or to another one, at the cost of one term; a node that does not
// run cannot be named. Method: a dialogue that polls with NODES.
func TestTransferMovesTheLeadership(t *testing.T) {
	t.Parallel()
	d := converse(t, testOptions(t))
	d.put("k", "1")
	before := d.await(together)[0]
	to := before.Leader%3 + 1
	var leads nodeRow
	d.ask(&leads, "TRANSFER %d", to)
	require.Equal(t, env.NodeID(to), leads.Node)
	after := d.await(together)[0]
	require.Equal(t, to, after.Leader)
	require.Equal(t, before.Term+1, after.Term)
	d.ask(&leads, "TRANSFER")
	require.NotEqual(t, env.NodeID(to), leads.Node)
	d.put("k", "2")
	d.leave()
}

// Goal: mistakes about nodes are explained, and do not end the dialogue. Method: a text script.
func TestMistakesAboutNodesAreExplained(t *testing.T) {
	t.Parallel()
	var out, talk safeBuffer
	script := "START 1\nSTOP 2\nSTOP 2\nTRANSFER 2\nKILL 9\nPARTITION 1 2 3\nPARTITION 1 | 1 2\nPARTITION 1|2 3\nNODES\nHEAL\n"
	o := testOptions(t)
	err := run(context.Background(), &style.Streams{In: strings.NewReader(script), Out: &out, Err: &talk}, style.Text, o)
	require.Equal(t, exit.Usage, exit.Code(err), talk.String())
	for _, reason := range []string{
		"node 1 runs already", "node 2 does not run\nnext: START 2", "there is no node 9", "at least two sides", "node 1 is on two sides",
	} {
		require.Contains(t, talk.String(), reason)
	}
	require.Contains(t, out.String(), "Node 2 stopped\nNetwork cut: 1 | 2 3 (")
	require.Regexp(t, `(?m)^2     \S+  stopped  -         -     -       -       -        B$`, out.String())
	require.Contains(t, out.String(), "Network whole\n")
}

// Goal: a taken port, and a directory of a cluster of another size, are refused with the way out, and nothing is
// left behind. Method: both.
func TestStartIsRefusedWithTheWayOut(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	log := slog.New(slog.DiscardHandler)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.port+2))
	require.NoError(t, err)
	_, err = Start(o.data, Shape{Nodes: 3}, o.port, log)
	require.Equal(t, exit.Failure, exit.Code(err))
	require.Contains(t, exit.Text(err), "the port is in use")
	require.Contains(t, exit.Text(err), "--port")
	require.NoError(t, l.Close())

	c, err := Start(o.data, Shape{Nodes: 3}, o.port, log)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = Start(o.data, Shape{Nodes: 1}, o.port, log)
	require.Equal(t, exit.Usage, exit.Code(err))
	require.Contains(t, exit.Text(err), "--nodes 3")
	require.NoError(t, os.RemoveAll(o.data+"/node-2"))
	_, err = Start(o.data, Shape{Nodes: 3}, o.port, log)
	require.ErrorContains(t, err, "cannot start node 2", "DEV-3")
}
