package serve

import (
	"bytes"
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/server"
)

// told is a node that says of itself what the test wants.
type told struct {
	kvpb.UnimplementedClusterServer
	status *kvpb.NodeStatus
	// placement is nil if it does not know any.
	placement *kvpb.PlacementResponse
}

func (n told) Status(context.Context, *kvpb.StatusRequest) (*kvpb.NodeStatus, error) {
	return n.status, nil
}

func (n told) Placement(context.Context, *kvpb.PlacementRequest) (*kvpb.PlacementResponse, error) {
	if n.placement == nil {
		return &kvpb.PlacementResponse{Code: kvpb.Code_UNAVAILABLE}, nil
	}
	return n.placement, nil
}

// telling is the address of such a node.
func telling(t *testing.T, status *kvpb.NodeStatus) string {
	t.Helper()
	return answering(t, told{status: status})
}

func answering(t *testing.T, n told) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer()
	kvpb.RegisterClusterServer(s, n)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		require.NoError(t, <-served)
	})
	return l.Addr().String()
}

// working is what a member of cluster c says, whose members are nodes 1 and 2 and those given.
func working(more ...uint64) *kvpb.NodeStatus {
	group := &kvpb.GroupStatus{Group: 1, Term: 2, Commit: 9}
	for _, id := range append([]uint64{1, 2}, more...) {
		group.Configuration = append(group.Configuration, &kvpb.GroupMember{Node: id})
	}
	return &kvpb.NodeStatus{
		Node: 1, Cluster: server.ClusterID("c"), ClusterName: "c", Groups: []*kvpb.GroupStatus{group},
		Members: []*kvpb.Member{{Node: 1}, {Node: 2, PeerAddress: "127.0.0.1:2"}},
	}
}

// joining are the options of node 7 with an empty directory, told to join.
func joining(t *testing.T, at ...string) options {
	o := node(t)
	o.id, o.peers, o.join = 7, nil, at
	return o
}

// Goal: SERVE-3, a node joins only a cluster of its name that answers and does not count it as a member, and --rejoin is for one
// that it does; all others are refused with the way out, and nothing is created. Method: a table of answers.
func TestJoiningIsRefusedWhereItCannotGoWell(t *testing.T) {
	other := working()
	other.Cluster, other.ClusterName = server.ClusterID("theirs"), "theirs"
	waiting := &kvpb.NodeStatus{Node: 5, Cluster: server.ClusterID("c"), ClusterName: "c"}
	twin := working()
	twin.Node = 7
	for name, test := range map[string]struct {
		status    *kvpb.NodeStatus
		rejoin    bool
		say, next string
	}{
		"another cluster":     {other, false, `is of cluster "theirs", this node is of cluster "c"`, "--cluster"},
		"a member already":    {working(7), false, "node 7 is a member already", "--rejoin"},
		"itself":              {twin, false, "is node 7 itself", "--id"},
		"no cluster yet":      {waiting, false, "none of the nodes at --join is a member", "--join"},
		"rejoin, a stranger":  {working(), true, "node 7 is no member", "holdfast cluster add"},
		"rejoin, other names": {other, true, `is of cluster "theirs"`, "--cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			o := joining(t, telling(t, test.status))
			o.rejoin = test.rejoin
			err := run(t.Context(), streams(&bytes.Buffer{}), o)
			require.ErrorContains(t, err, test.say)
			require.Contains(t, exit.Text(err), test.next)
			require.Equal(t, exit.Failure, exit.Code(err))
			require.NoDirExists(t, o.data)
		})
	}
	o := joining(t, "127.0.0.1:1")
	err := run(t.Context(), streams(&bytes.Buffer{}), o)
	require.ErrorContains(t, err, "no node answers at --join (127.0.0.1:1: ")
	require.Equal(t, exit.NotApplied, exit.Code(err))
}

// Goal: a node that joins learns the members' addresses, also of those that the configuration has none of, and starts; it
// starts again though nobody answers. Method: a node that waits, in a context that has ended.
func TestJoiningNodeLearnsTheAddresses(t *testing.T) {
	at := telling(t, working())
	o := joining(t, "127.0.0.1:1", at)
	cfg, err := o.serverConfig(streams(&bytes.Buffer{}))
	require.NoError(t, err)
	require.NoError(t, o.askCluster(t.Context(), &cfg))
	require.True(t, cfg.Join)
	require.Equal(t, map[env.NodeID]string{1: at, 2: "127.0.0.1:2", 7: o.listen}, cfg.Members)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg.New, cfg.Logger = false, nil
	s, err := server.Start(cfg)
	require.NoError(t, err)
	require.NoError(t, stop(s))
	o.join = []string{"127.0.0.1:1"}
	require.NoError(t, run(ctx, streams(&bytes.Buffer{}), o))
	o.join = nil
	require.NoError(t, run(ctx, streams(&bytes.Buffer{}), o), "neither --peers nor --join is needed any more")
}

// Goal: flags that contradict each other, or cannot be, are usage errors that name the way out. Method: a table.
func TestMistakesOfJoiningNodesAreUsageErrors(t *testing.T) {
	for want, spoil := range map[string]func(*options){
		"--new and --join":              func(o *options) { o.fresh = freshYes },
		"--join: ":                      func(o *options) { o.join = []string{"nowhere"} },
		"cannot call back at 0.0.0.0:7": func(o *options) { o.listen = "0.0.0.0:7" },
		"cannot call back at [::]:7":    func(o *options) { o.listen = "[::]:7" },
		"there is no --listen":          func(o *options) { o.listen = "" },
		"no other node is known to ask": func(o *options) { o.join, o.rejoin = nil, true },
		"--compact-size 1KiB":           func(o *options) { o.compact = "1KiB" },
		`--compact-size "much"`:         func(o *options) { o.compact = "much" },
		"--max-clock-drift is -1":       func(o *options) { o.drift = -1 },
		"--max-clock-drift is 500001":   func(o *options) { o.drift = 500_001 },
	} {
		o := joining(t, "127.0.0.1:1")
		spoil(&o)
		_, err := o.serverConfig(streams(&bytes.Buffer{}))
		require.ErrorContains(t, err, want)
		require.Equal(t, exit.Usage, exit.Code(err), want)
		require.Contains(t, exit.Text(err), "next: ")
	}
	o := joining(t, "127.0.0.1:1")
	o.compact, o.lease, o.drift = "8MiB", true, 300
	cfg, err := o.serverConfig(streams(&bytes.Buffer{}))
	require.NoError(t, err)
	require.Equal(t, 8<<20, cfg.CompactBytes)
	require.True(t, cfg.LeaseReads)
	require.Equal(t, 300, cfg.MaxClockDrift)
}
