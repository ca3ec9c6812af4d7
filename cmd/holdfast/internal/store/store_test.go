package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/client"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Goal: STORE-1, the client's errors keep their ending. Method: a real client without a cluster, and a request that
// breaks a limit.
func TestEndingsOfTheClientAreKept(t *testing.T) {
	s, err := Dial(Options{Endpoints: []string{"127.0.0.1:1"}, Timeout: 50 * time.Millisecond})
	require.NoError(t, err)
	var e *Error
	_, err = s.Put(context.Background(), []byte("k"), []byte("v"))
	require.ErrorAs(t, err, &e)
	require.Equal(t, NotApplied, e.Ending, "nothing was ever sent")
	_, err = s.Put(context.Background(), []byte("k"), make([]byte, 2<<20))
	require.ErrorAs(t, err, &e)
	require.Equal(t, Denied, e.Ending)
	require.ErrorContains(t, err, "2097152 bytes")
	reports, err := s.Status(context.Background())
	require.NoError(t, err)
	require.Len(t, reports, 1)
	require.Nil(t, reports[0].Status)
	require.EqualError(t, reports[0].Err, "connection refused")
	require.NoError(t, s.Close())

	require.ErrorAs(t, ended(&client.Error{Outcome: client.Unknown, Cause: errors.New("lost")}), &e)
	require.Equal(t, Unknown, e.Ending)
	require.ErrorAs(t, ended(errors.New("who knows")), &e)
	require.Equal(t, Unknown, e.Ending, "what is not understood is not claimed to be harmless")
}

// Goal: each ending has its exit code and a text that says what is known. Method: a table.
func TestExplainSaysWhatIsKnown(t *testing.T) {
	require.NoError(t, Explain(nil, "x"))
	for ending, want := range map[Ending]struct {
		code int
		text string
	}{
		NotApplied: {exit.NotApplied, "cannot put k: why (nothing was changed)\nnext: trying again is safe"},
		Denied:     {exit.Denied, "cannot put k: why (nothing was changed)\nnext: change the request"},
		Unknown:    {exit.Unknown, "the outcome of this is unknown: put k: why\nnext: it may have been applied"},
	} {
		err := Explain(&Error{Ending: ending, Err: errors.New("why")}, "put k")
		require.Equal(t, want.code, exit.Code(err))
		require.Contains(t, exit.Text(err), want.text)
	}
	require.Equal(t, exit.Failure, exit.Code(Explain(errors.New("odd"), "put k")))
}

// Goal: a node that is reached under two names is shown once. Method: twins among the reports.
func TestNodesAreShownOnce(t *testing.T) {
	node := func(id uint64, endpoint string) NodeReport {
		return NodeReport{Endpoint: endpoint, Status: &kvpb.NodeStatus{Node: id}}
	}
	down := NodeReport{Endpoint: "d", Err: errors.New("down")}
	got := dropTwins([]NodeReport{node(1, "a"), node(1, "b"), node(2, "c"), down, down})
	require.Equal(t, []NodeReport{node(1, "a"), node(2, "c"), down, down}, got)
}

// Goal: addresses are checked before anything is sent. Method: a table.
func TestAddressesAreChecked(t *testing.T) {
	for _, good := range []string{"a:1", "127.0.0.1:65535", "[::1]:7"} {
		require.NoError(t, CheckAddress(good))
	}
	for _, bad := range []string{"", "a", "a:", ":1", "a:0", "a:65536", "a:b", "::1:7"} {
		require.Error(t, CheckAddress(bad), bad)
	}
}
