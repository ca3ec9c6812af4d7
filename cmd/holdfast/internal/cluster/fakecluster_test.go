package cluster

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCluster is what the fake nodes of a test share.
type fakeCluster struct {
	t    *testing.T
	stop context.Context

	mu     sync.Mutex
	nodes  map[uint64]*fakeNode
	leader uint64
	term   uint64
	// asks counts what the leader is asked; changes are the requests for changes, as they came.
	asks    int
	changes []*kvpb.ChangeMembersRequest
	// answer is what the leader says to the nth question, from 1 on; nil is done at once.
	answer func(n int) *kvpb.ChangeMembersResponse
	// transfer is what the leader does when asked to hand over; nil obeys.
	transfer func(to uint64) *kvpb.TransferLeaderResponse
	// shards are the partitions, nil in a cluster of one group.
	shards *fakeShards
}

// fakeNode is a kvpb Cluster server. An own status goes before the usual one.
type fakeNode struct {
	kvpb.UnimplementedClusterServer
	c       *fakeCluster
	id      uint64
	address string
	status  func() *kvpb.NodeStatus
	// placement goes before the usual answer.
	placement *kvpb.PlacementResponse
	// hint is the leader that it names instead of the true one.
	hint uint64
	// silent: it never answers requests for changes.
	silent bool
}

// newFakeCluster starts nodes 1 to n; node 1 leads in term 3.
func newFakeCluster(t *testing.T, n uint64) *fakeCluster {
	stop, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	c := &fakeCluster{t: t, stop: stop, nodes: map[uint64]*fakeNode{}, leader: 1, term: 3}
	for id := uint64(1); id <= n; id++ {
		c.start(id)
	}
	return c
}

func (c *fakeCluster) start(id uint64) *fakeNode {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(c.t, err)
	n := &fakeNode{c: c, id: id, address: lis.Addr().String()}
	c.nodes[id] = n
	server := grpc.NewServer(grpcio.ServerOptions()...)
	kvpb.RegisterClusterServer(server, n)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(lis)
	}()
	c.t.Cleanup(func() {
		server.Stop()
		<-served
	})
	return n
}

// addresses are those of some nodes.
func (c *fakeCluster) addresses(ids ...uint64) (out []string) {
	for _, id := range ids {
		out = append(out, c.nodes[id].address)
	}
	return out
}

func (c *fakeCluster) counted() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asks
}

func (n *fakeNode) Status(context.Context, *kvpb.StatusRequest) (*kvpb.NodeStatus, error) {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if n.status != nil {
		return n.status(), nil
	}
	if n.c.shards != nil {
		return &kvpb.NodeStatus{Node: n.id, Cluster: 7, ClusterName: "mine", Store: 100 + n.id, Sharded: true, TableVersion: n.c.shards.version}, nil
	}
	role := "follower"
	if n.c.leader == n.id {
		role = "leader"
	}
	return &kvpb.NodeStatus{
		Node: n.id, Cluster: 7, ClusterName: "mine", Store: 100 + n.id,
		Groups: []*kvpb.GroupStatus{{Group: 1, Role: role, Term: n.c.term, LeaderNode: n.c.leader}},
	}, nil
}

// where tells where the leader is, if this node is not it.
func (n *fakeNode) where() (node uint64, address string, elsewhere bool) {
	leader := n.c.leader
	if n.hint != 0 {
		leader = n.hint
	}
	if leader == n.id {
		return 0, "", false
	}
	if l := n.c.nodes[leader]; l != nil {
		address = l.address
	}
	return leader, address, true
}

func (n *fakeNode) ChangeMembers(ctx context.Context, req *kvpb.ChangeMembersRequest) (*kvpb.ChangeMembersResponse, error) {
	if n.silent {
		select {
		case <-ctx.Done():
		case <-n.c.stop.Done():
		}
		return nil, ctx.Err()
	}
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if node, address, elsewhere := n.where(); elsewhere {
		return &kvpb.ChangeMembersResponse{Code: kvpb.Code_NOT_LEADER, LeaderNode: node, LeaderAddress: address}, nil
	}
	n.c.asks++
	n.c.changes = append(n.c.changes, req)
	if n.c.answer == nil {
		return &kvpb.ChangeMembersResponse{Code: kvpb.Code_OK, Done: true}, nil
	}
	return n.c.answer(n.c.asks), nil
}

func (n *fakeNode) TransferLeader(_ context.Context, req *kvpb.TransferLeaderRequest) (*kvpb.TransferLeaderResponse, error) {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if node, address, elsewhere := n.where(); elsewhere {
		return &kvpb.TransferLeaderResponse{Code: kvpb.Code_NOT_LEADER, LeaderNode: node, LeaderAddress: address}, nil
	}
	n.c.asks++
	if n.c.transfer != nil {
		return n.c.transfer(req.ToNode), nil
	}
	if n.c.leader = req.ToNode; n.c.leader == 0 {
		n.c.leader = n.id%uint64(len(n.c.nodes)) + 1
	}
	n.c.term++
	return &kvpb.TransferLeaderResponse{Code: kvpb.Code_OK, LeaderNode: n.c.leader}, nil
}

// run executes one command line, `cluster` and the endpoints left out.
func (c *fakeCluster) run(ctx context.Context, endpoints []string, args ...string) (code int, out, talk string) {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	format := style.Text
	if args[0] == "json" {
		format, args = style.JSON, args[1:]
	}
	cmd := (&commands{streams: &style.Streams{Out: &stdout, Err: &stderr}, format: &format, pause: time.Millisecond}).command(endpoints)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(ctx)
	if err != nil {
		stderr.WriteString(exit.Text(err))
	}
	return exit.Code(err), stdout.String(), stderr.String()
}

// quick is an operator that does not waste a test's time.
func quick(endpoints ...string) *operator {
	o := newOperator(endpoints)
	o.callTime, o.pause = 200*time.Millisecond, time.Millisecond
	return o
}

// deaf is an address at which connections are accepted by nobody.
func deaf(t *testing.T) string {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lis.Close()) })
	return lis.Addr().String()
}

// closedPort is an address at which connections are refused.
func closedPort(t *testing.T) string {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, lis.Close())
	return lis.Addr().String()
}
