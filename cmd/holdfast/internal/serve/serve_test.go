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

// Goal: SERVE-2, a member's answer speaks against an empty directory exactly when this node may have taken part.
// Method: statuses of young and old clusters.
func TestEvidenceThatANodeIsNotNew(t *testing.T) {
	status := func(term, commit, match uint64) *kvpb.NodeStatus {
		return &kvpb.NodeStatus{Node: 1, Groups: []*kvpb.GroupStatus{{
			Term: term, Commit: commit, Peers: []*kvpb.PeerProgress{{Node: 2, Match: 50}, {Node: 3, Match: match}},
		}}}
	}
	require.Empty(t, evidenceIn(status(0, 0, 0), 3))
	require.Empty(t, evidenceIn(status(5, 0, 0), 3), "elections before anything was committed")
	require.Empty(t, evidenceIn(status(1, 100, 0), 3), "the first leader never heard of it")
	require.NotEmpty(t, evidenceIn(status(1, 100, 1), 3), "it acknowledged")
	require.NotEmpty(t, evidenceIn(status(2, 100, 0), 3), "it may have been the leader")
}

// node is the options of a cluster of one node on a free port.
func node(t *testing.T) options {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	return options{
		id: 1, listen: address, data: filepath.Join(t.TempDir(), "d"), cluster: "c", fresh: freshAuto,
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
// empty directory where it may not be, a directory in use by another node or cluster, or with other members.
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
	err = run(ctx, streams(&talk), other)
	require.ErrorIs(t, err, osio.ErrDirOtherMembers)
	require.Equal(t, exit.Failure, exit.Code(err))
	require.Contains(t, exit.Text(err), "--peers")
	require.NoError(t, run(ctx, streams(&talk), o))

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
