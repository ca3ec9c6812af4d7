package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/osio"
	"github.com/holdfastdb/holdfast/kv/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Goal: peers are read, and each mistake is named. Method: a table.
func TestPeersAreRead(t *testing.T) {
	got, err := parsePeers([]string{"1=a:1", " 2=[::1]:2"})
	require.NoError(t, err)
	require.Equal(t, map[env.NodeID]string{1: "a:1", 2: "[::1]:2"}, got)
	for pair, reason := range map[string]string{
		"a:1": "ID=HOST:PORT", "0=a:1": "id from 1 on", "x=a:1": "ID=HOST:PORT", "3=a": "HOST:PORT",
		"3=a:0": "port from 1", "3=:5": "a host", "1=b:2": "node 1 is given twice", "3=a:1": "the same address",
	} {
		_, err := parsePeers([]string{"1=a:1", pair})
		require.ErrorContains(t, err, reason, pair)
		require.Equal(t, exit.Usage, exit.Code(err))
	}
}

// Goal: sizes are read with their units. Method: a table.
func TestSizesAreRead(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "512": 512, "1KiB": 1024, "2 GiB": 2 << 30} {
		got, err := parseSize(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "2GB", "-1", "1e9", "99999999999TiB"} {
		_, err := parseSize(text)
		require.Error(t, err, text)
	}
}

// Goal: SERVE-2, a member's answer speaks against an empty directory exactly when this node may have taken part, or is none of
// the first members. Method: statuses of young and old clusters.
func TestEvidenceThatANodeIsNotNew(t *testing.T) {
	status := func(term, commit, match uint64, members ...*kvpb.GroupMember) *kvpb.NodeStatus {
		return &kvpb.NodeStatus{Node: 1, Groups: []*kvpb.GroupStatus{{
			Term: term, Commit: commit, Peers: []*kvpb.PeerProgress{{Node: 2, Match: 50}, {Node: 3, Match: match}}, Configuration: members,
		}}}
	}
	none := func(s *kvpb.NodeStatus, why string) {
		evidence, next := evidenceIn(&testimony{status: s}, 3, true)
		require.Empty(t, evidence, why)
		require.Empty(t, next)
	}
	some := func(s *kvpb.NodeStatus, say, doNext string) {
		evidence, next := evidenceIn(&testimony{status: s}, 3, true)
		require.Contains(t, evidence, say)
		require.Contains(t, next, doNext)
	}
	none(status(0, 0, 0), "nothing happened")
	none(status(5, 0, 0), "elections before anything was committed")
	none(status(2, 100, 0), "the first leader never heard of it")
	none(status(2, 100, 0, &kvpb.GroupMember{Node: 1}, &kvpb.GroupMember{Node: 3}), "it is a member from the beginning on")
	some(status(2, 100, 1), "acknowledge entries up to 1", "--rejoin")
	some(status(3, 100, 0), "in term 3 with 100 entries", "--rejoin")
	some(status(2, 9, 0, &kvpb.GroupMember{Node: 3, Generation: 2}), "added in generation 2", "--rejoin")
	some(status(2, 9, 0, &kvpb.GroupMember{Node: 1}), "no member", "--join")
}

// node is the options of a cluster of one node on a free port.
func node(t *testing.T) options {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	return options{
		id: 1, listen: address, peers: []string{"1=" + address}, compact: "0", data: filepath.Join(t.TempDir(), "d"), cluster: "c", fresh: freshAuto,
		logLevel: "error", logFormat: "text", gcPercent: 100, memory: "0",
	}
}

func streams(talk *bytes.Buffer) *style.Streams { return &style.Streams{Out: talk, Err: talk} }

// Goal: SERVE-1, the end of the context (SIGTERM) ends a node in order with success, and it starts again on its
// data. Method: contexts that have ended already.
func TestSignalEndsANodeInOrder(t *testing.T) {
	o := node(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var talk bytes.Buffer
	require.NoError(t, run(ctx, streams(&talk), o), talk.String())
	o.fresh = freshNo
	require.NoError(t, run(ctx, streams(&talk), o), talk.String())
	names, err := os.ReadDir(o.data)
	require.NoError(t, err)
	require.NotEmpty(t, names)
}

// Goal: what keeps a node from starting is said with the next step, and costs nothing. Method: a taken port, an
// empty directory where it may not be, a directory in use by another node or cluster; other peers are none of it.
func TestStartFailuresAreExplained(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var talk bytes.Buffer
	o := node(t)
	l, err := net.Listen("tcp", o.listen)
	require.NoError(t, err)
	err = run(ctx, streams(&talk), o)
	require.ErrorIs(t, err, server.ErrAddressInUse)
	require.Equal(t, exit.Failure, exit.Code(err))
	require.NoError(t, l.Close())

	o.fresh = freshNo
	err = run(ctx, streams(&talk), o)
	require.ErrorIs(t, err, osio.ErrDirEmpty)
	require.Contains(t, exit.Text(err), "--new")
	require.Contains(t, exit.Text(err), "--rejoin")

	alone := o
	alone.fresh, alone.peers = freshAuto, nil
	err = run(ctx, streams(&talk), alone)
	require.ErrorContains(t, err, "nothing says which cluster the node is of", "a member without its disk must not begin a cluster of its own")
	for _, way := range []string{"--peers", "--join", "--rejoin", "--new"} {
		require.Contains(t, exit.Text(err), way)
	}
	require.NoDirExists(t, o.data)

	o.fresh = freshYes
	require.NoError(t, run(ctx, streams(&talk), o))
	other := o
	other.cluster = "other"
	require.ErrorIs(t, run(ctx, streams(&talk), other), osio.ErrDirOtherCluster)
	other = o
	other.id = 2
	require.ErrorIs(t, run(ctx, streams(&talk), other), osio.ErrDirOtherNode)
	other = o
	other.peers = []string{"2=127.0.0.1:1"}
	require.NoError(t, run(ctx, streams(&talk), other), "--peers only helps to find the others")
	require.NoError(t, run(ctx, streams(&talk), o))
	alone.peers = nil
	require.NoError(t, run(ctx, streams(&talk), alone), "its data says who the members are")

	o.fresh = "perhaps"
	require.Equal(t, exit.Usage, exit.Code(run(ctx, streams(&talk), o)))
}

// Goal: the hint for a taken port is given, and other errors keep their text. Method: both.
func TestExplainAddsTheHintOfTheCaller(t *testing.T) {
	err := Explain(fmt.Errorf("node 1: %w", &server.ListenError{Address: "a:1", Reason: server.ErrAddressInUse}), "use --port")
	require.Contains(t, exit.Text(err), "next: use --port")
	require.NotContains(t, exit.Text(Explain(errors.New("odd"), "use --port")), "use --port")
	require.NoError(t, Explain(nil, ""))
}
