package cluster

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

var removal = changing(&kvpb.ChangeMembersRequest{Change: &kvpb.ChangeMembersRequest_Remove{Remove: &kvpb.RemoveMember{Node: 3}}})

// patient is a context that only ends if the test hangs.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// Goal: an endpoint that is silent, in each of the ways it can be, or refuses connections does not keep the request from
// the leader. Method: such endpoints before the leader's; the request must get through.
func TestSilentEndpointsDoNotBlock(t *testing.T) {
	t.Parallel()
	c := newFakeCluster(t, 2)
	c.nodes[2].silent = true
	for name, address := range map[string]string{
		"never answers": c.nodes[2].address, "never accepts": deaf(t), "refuses": closedPort(t),
	} {
		a, err := quick(address, c.nodes[1].address).run(patient(t), "x", removal)
		require.NoError(t, err, name)
		require.True(t, a.done, name)
	}
}

// Goal: hints are followed, also to a leader that is not among the endpoints, and two nodes that name each other do not
// make a storm. Method: follower only; then wrong hints until the pause has come twice, then the truth.
func TestHintsAreFollowed(t *testing.T) {
	c := newFakeCluster(t, 3)
	_, err := quick(c.nodes[2].address).run(patient(t), "x", removal)
	require.NoError(t, err)
	require.Equal(t, 1, c.counted())

	c.nodes[2].hint, c.nodes[3].hint = 3, 2
	seen := 0
	o := quick(c.nodes[2].address)
	o.progress = func(a answer) {
		require.Equal(t, kvpb.Code_NOT_LEADER, a.code)
		if seen++; seen == 5 {
			c.mu.Lock()
			c.nodes[3].hint = 0
			c.mu.Unlock()
		}
	}
	_, err = o.run(patient(t), "x", removal)
	require.NoError(t, err)
	require.Equal(t, 2, c.counted())
	o = quick(c.nodes[2].address)
	hint := o.learn("a", answer{code: kvpb.Code_NOT_LEADER, leader: "b"})
	require.Equal(t, "b", hint)
	require.True(t, o.redirected, "at once")
	hint = o.learn("b", answer{code: kvpb.Code_NOT_LEADER, leader: "a"})
	require.Equal(t, "a", hint)
	require.False(t, o.redirected, "after a pause")
}

// Goal: CLUS-2, a request that ends without success says whether anything may have begun: not if no node took it, else it
// is not known. Method: time is up, or the user interrupts, after each kind of answer.
func TestEndWithoutSuccessTellsWhatIsKnown(t *testing.T) {
	c := newFakeCluster(t, 2)
	ask := func(endpoint string, canceled bool) error {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if canceled {
			ctx, cancel = context.WithCancel(t.Context())
			defer time.AfterFunc(100*time.Millisecond, cancel).Stop()
		}
		o := quick(endpoint)
		o.progress = func(answer) { // the end comes between two calls
			if canceled {
				cancel()
			}
			<-ctx.Done()
		}
		_, err := o.run(ctx, "remove node 3", removal)
		return err
	}
	c.nodes[2].silent = true
	for name, x := range map[string]struct {
		endpoint string
		answer   *kvpb.ChangeMembersResponse
		code     int
		text     string
	}{
		"refused":       {closedPort(t), nil, exit.NotApplied, "connection refused"},
		"never accepts": {deaf(t), nil, exit.NotApplied, "it does not answer"},
		"never answers": {c.nodes[2].address, nil, exit.Unknown, "it does not answer"},
		"under way":     {c.nodes[1].address, &kvpb.ChangeMembersResponse{Code: kvpb.Code_OK, Message: "joint"}, exit.Unknown, "the last word was: joint"},
		"in doubt":      {c.nodes[1].address, &kvpb.ChangeMembersResponse{Code: kvpb.Code_OUTCOME_UNKNOWN}, exit.Unknown, "OUTCOME_UNKNOWN"},
		"from a later version": {
			c.nodes[1].address, &kvpb.ChangeMembersResponse{Code: 99}, exit.Unknown, "99",
		},
		"another change": {
			c.nodes[1].address, &kvpb.ChangeMembersResponse{Code: kvpb.Code_OVERLOADED, Message: "another change"}, exit.NotApplied, "the last word was: another change",
		},
		"no leader": {c.nodes[1].address, &kvpb.ChangeMembersResponse{Code: kvpb.Code_UNAVAILABLE}, exit.NotApplied, "UNAVAILABLE"},
	} {
		c.answer = func(int) *kvpb.ChangeMembersResponse { return x.answer }
		for _, canceled := range []bool{false, true} {
			err := ask(x.endpoint, canceled)
			require.Equal(t, x.code, exit.Code(err), "%s: %v", name, err)
			text := exit.Text(err)
			require.Contains(t, text, "remove node 3", name)
			require.Contains(t, text, x.text, name)
			require.Contains(t, text, "\nnext: ", name)
			if canceled {
				require.Contains(t, text, "before it was interrupted")
			}
			if x.code == exit.Unknown {
				require.Contains(t, text, "goes on by itself")
			} else {
				require.Contains(t, text, "nothing was changed")
			}
		}
	}
}

// Goal: what was once in doubt stays so. Method: a lost answer, then refusals until time is up.
func TestDoubtStays(t *testing.T) {
	c := newFakeCluster(t, 1)
	c.answer = func(n int) *kvpb.ChangeMembersResponse {
		if n == 1 {
			return &kvpb.ChangeMembersResponse{Code: kvpb.Code_OUTCOME_UNKNOWN}
		}
		return &kvpb.ChangeMembersResponse{Code: kvpb.Code_OVERLOADED, Message: "another change is under way"}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	o := quick(c.nodes[1].address)
	o.progress = func(a answer) {
		if a.code == kvpb.Code_OVERLOADED {
			<-ctx.Done()
		}
	}
	_, err := o.run(ctx, "x", removal)
	require.Equal(t, exit.Unknown, exit.Code(err))
	require.Greater(t, c.counted(), 1)
}

// Goal: what is said of a leader counts only if it says so itself. Method: a node that takes the target for the leader, and
// one that leads in the term in which the command began.
func TestOnlyANodeThatLeadsEndsATransfer(t *testing.T) {
	c := newFakeCluster(t, 3)
	c.nodes[3].status = func() *kvpb.NodeStatus {
		return &kvpb.NodeStatus{Node: 3, Groups: []*kvpb.GroupStatus{{Role: "follower", Term: 2, LeaderNode: 2}}}
	}
	a, err := quick(c.nodes[3].address).run(patient(t), "x", handingOver(2, 0))
	require.NoError(t, err)
	require.Equal(t, 1, c.counted(), "the leader was asked")
	require.Equal(t, uint64(2), a.leads)
	a, err = quick(c.nodes[2].address).run(patient(t), "x", handingOver(2, 0))
	require.NoError(t, err)
	require.Equal(t, uint64(2), a.leads)
	require.Equal(t, 1, c.counted(), "nothing was left to do")
	a, err = quick(c.nodes[2].address).run(patient(t), "x", handingOver(0, c.term))
	require.NoError(t, err)
	require.Equal(t, uint64(3), a.leads)
	require.Equal(t, 2, c.counted())
}
