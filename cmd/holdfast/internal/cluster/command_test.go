package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Goal: CLUS-1, each command asks for what it says, again until it is done, and once more changes nothing: a repetition is
// done at once. Method: a leader that needs three questions, behind an endpoint that does not lead.
func TestCommandsRepeatUntilDone(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ line, request, done string }{
		{"remove 3", `{"remove":{"node":"3"}}`, "Node 3 is removed.\n"},
		{"promote 4", `{"promote":{"node":"4"}}`, "Node 4 is a voter now.\n"},
		{"demote 2", `{"demote":{"node":"2"}}`, "Node 2 is a learner now.\n"},
		{"priority 1 10", `{"setPriority":{"node":"1","priority":10}}`, "Node 1 has priority 10 now.\n"},
		{"priority 1 0", `{"setPriority":{"node":"1"}}`, "Node 1 has priority 0 now.\n"},
	} {
		c := newFakeCluster(t, 2)
		c.answer = func(n int) *kvpb.ChangeMembersResponse {
			return &kvpb.ChangeMembersResponse{Code: kvpb.Code_OK, Done: n >= 3}
		}
		code, out, talk := c.run(patient(t), c.addresses(2), strings.Fields(x.line)...)
		require.Zero(t, code, talk)
		require.Equal(t, x.done, out)
		require.Contains(t, talk, ": under way\n")
		require.Equal(t, 1, strings.Count(talk, "\n"), "said once: %s", talk)
		require.Equal(t, 3, c.counted())
		got, err := protojson.Marshal(c.changes[0])
		require.NoError(t, err)
		require.JSONEq(t, x.request, string(got))

		code, out, talk = c.run(patient(t), c.addresses(1), append([]string{"json"}, strings.Fields(x.line)...)...)
		require.Zero(t, code, talk)
		require.JSONEq(t, `{"done":true}`, out)
		require.Empty(t, talk)
		require.Equal(t, 4, c.counted(), "done at once")
	}
}

// Goal: CLUS-3, a node is added with the number of the log that it named itself. Method: add a node as voter and as learner, and
// again.
func TestAddTakesTheStoreFromTheNode(t *testing.T) {
	c := newFakeCluster(t, 3)
	joining := c.start(4)
	for _, flags := range [][]string{{"--priority", "9"}, {"--learner"}} {
		c.changes, c.asks = nil, 0
		arg := "4=" + joining.address
		code, out, talk := c.run(patient(t), c.addresses(1, 2, 3), append([]string{"add", arg}, flags...)...)
		require.Zero(t, code, talk)
		add := c.changes[0].GetAdd()
		require.Equal(t, uint64(4), add.Node)
		require.Equal(t, joining.address, add.Address)
		require.Equal(t, uint64(104), add.Store)
		require.Equal(t, flags[0] == "--learner", add.AsLearner)
		if add.AsLearner {
			require.Equal(t, "Node 4 is a learner now.\n", out)
		} else {
			require.Equal(t, uint32(9), add.Priority)
			require.Equal(t, "Node 4 is a voter now.\n", out)
		}
		code, _, talk = c.run(patient(t), c.addresses(1), append([]string{"add", arg}, flags...)...)
		require.Zero(t, code, talk)
		require.Equal(t, 2, c.counted())
	}
}

// Goal: CLUS-3, a node that does not answer, is another one, of another cluster or without a log is not added: nothing is asked
// of the cluster. Method: one of each.
func TestAddRefusesWhatDoesNotAnswerForItself(t *testing.T) {
	c := newFakeCluster(t, 1)
	joining := c.start(4)
	status := func(s *kvpb.NodeStatus) func() *kvpb.NodeStatus { return func() *kvpb.NodeStatus { return s } }
	arg := "4=" + joining.address
	for _, x := range []struct {
		arg       string
		status    func() *kvpb.NodeStatus
		endpoints []string
		code      int
		text      string
	}{
		{"4=" + closedPort(t), nil, c.addresses(1), exit.NotApplied, "does not answer"},
		{arg, status(&kvpb.NodeStatus{Node: 5, Cluster: 7, Store: 1}), c.addresses(1), exit.Denied, "node 5 answers at " + joining.address},
		{arg, status(&kvpb.NodeStatus{Node: 4, Cluster: 8, ClusterName: "other", Store: 1}), c.addresses(1), exit.Denied, `is of cluster "other", the nodes at --endpoints of cluster "mine"`},
		{arg, status(&kvpb.NodeStatus{Node: 4, Cluster: 7}), c.addresses(1), exit.Denied, "the number of its log"},
		{arg, nil, []string{closedPort(t)}, exit.NotApplied, "none of the endpoints"},
	} {
		joining.status = x.status
		code, out, talk := c.run(patient(t), x.endpoints, "add", x.arg)
		require.Equal(t, x.code, code, talk)
		require.Contains(t, talk, x.text)
		require.Empty(t, out)
		require.Zero(t, c.counted())
	}
}

// Goal: a request that breaks a rule ends at once with the rule and exit code 6. Method: a leader that calls it invalid.
func TestInvalidRequestsAreDenied(t *testing.T) {
	c := newFakeCluster(t, 1)
	c.answer = func(int) *kvpb.ChangeMembersResponse {
		return &kvpb.ChangeMembersResponse{Code: kvpb.Code_INVALID, Message: "node 9 is no member"}
	}
	code, _, talk := c.run(patient(t), c.addresses(1), "remove", "9")
	require.Equal(t, exit.Denied, code)
	require.Contains(t, talk, "cannot remove node 9: node 9 is no member\nnext: change the request")
	require.Equal(t, 1, c.counted())
	c.transfer = func(uint64) *kvpb.TransferLeaderResponse {
		return &kvpb.TransferLeaderResponse{Code: kvpb.Code_INVALID, Message: "node 9 is no voter"}
	}
	code, _, talk = c.run(patient(t), c.addresses(1), "transfer-leader", "9")
	require.Equal(t, exit.Denied, code)
	require.Contains(t, talk, "cannot hand over the leadership: node 9 is no voter")
}

// Goal: CLUS-2, when --wait is over, and when the user interrupts, the exit code is 5 and the message says what to do. Method: a
// leader that never finishes.
func TestTimeIsUp(t *testing.T) {
	c := newFakeCluster(t, 1)
	c.answer = func(int) *kvpb.ChangeMembersResponse {
		return &kvpb.ChangeMembersResponse{Code: kvpb.Code_OK, Message: "waiting until node 4 has caught up"}
	}
	code, out, talk := c.run(patient(t), c.addresses(1), "promote", "4", "--wait", "300ms")
	require.Equal(t, exit.Unknown, code)
	require.Empty(t, out)
	require.Contains(t, talk, "promote node 4: waiting until node 4 has caught up\n")
	require.Contains(t, talk, "the same command again")
	require.Contains(t, talk, "`holdfast cluster status`")
	ctx, cancel := context.WithCancel(patient(t))
	c.answer = func(int) *kvpb.ChangeMembersResponse {
		cancel()
		return &kvpb.ChangeMembersResponse{Code: kvpb.Code_OK}
	}
	code, _, talk = c.run(ctx, c.addresses(1), "promote", "4")
	require.Equal(t, exit.Unknown, code)
	require.Contains(t, talk, "before it was interrupted")
}

// Goal: the leadership goes to the node that was named, or to any other; a transfer that was given up is tried again; without a
// leader nothing is done. Method: each of these.
func TestTransferLeader(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 3)
	code, out, talk := c.run(patient(t), c.addresses(2), "transfer-leader", "2")
	require.Zero(t, code, talk)
	require.Equal(t, "Node 2 leads now.\n", out)
	require.Equal(t, 1, c.counted())
	code, out, talk = c.run(patient(t), c.addresses(2), "json", "transfer-leader", "2")
	require.Zero(t, code, talk)
	require.JSONEq(t, `{"leader":2}`, out)
	require.Equal(t, 1, c.counted(), "it leads already")
	code, out, talk = c.run(patient(t), c.addresses(1, 2, 3), "transfer-leader")
	require.Zero(t, code, talk)
	require.Equal(t, "Node 3 leads now.\n", out)

	c.transfer = func(to uint64) *kvpb.TransferLeaderResponse {
		c.transfer = nil
		return &kvpb.TransferLeaderResponse{Code: kvpb.Code_UNAVAILABLE, Message: fmt.Sprintf("node %d did not take over", to)}
	}
	code, out, talk = c.run(patient(t), c.addresses(3), "transfer-leader", "1")
	require.Zero(t, code, talk)
	require.Equal(t, "Node 1 leads now.\n", out)

	c.leader = 0
	code, _, talk = c.run(patient(t), c.addresses(1, 2, 3), "transfer-leader")
	require.Equal(t, exit.NotApplied, code)
	require.Contains(t, talk, "no node leads")
}

// Goal: mistakes on the command line are usage errors before anything is sent. Method: a table.
func TestMistakesAreUsageErrors(t *testing.T) {
	c := newFakeCluster(t, 1)
	for line, text := range map[string]string{
		"add 4":                                 "NODE=HOST:PORT",
		"add 4=nowhere":                         "NODE=HOST:PORT",
		"add 0=a:1":                             "NODE=HOST:PORT",
		"add":                                   "1 argument",
		"remove x":                              `"x" is not the id of a node`,
		"remove 4294967296":                     "is not the id of a node",
		"promote":                               "1 argument",
		"priority 1 256":                        "0 to 255",
		"priority 1":                            "2 arguments",
		"remove 1 --wait 0s":                    "must be more than 0",
		"remove 1 --endpoints nowhere":          `endpoint "nowhere"`,
		"status --timeout 0s":                   "must be more than 0",
		"status --endpoints nowhere":            `endpoint "nowhere"`,
		"transfer-leader none":                  "is not the id of a node",
		"transfer-leader 1 --endpoints nowhere": `endpoint "nowhere"`,
	} {
		code, _, talk := c.run(patient(t), c.addresses(1), strings.Fields(line)...)
		require.Equal(t, exit.Usage, code, "%s: %s", line, talk)
		require.Contains(t, talk, text, line)
	}
	require.Zero(t, c.counted())
}
