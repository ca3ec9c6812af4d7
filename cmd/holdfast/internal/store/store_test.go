package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/client"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
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
	read, err := s.GetMany(context.Background(), [][]byte{[]byte("a"), []byte("b")}, Anywhere)
	require.ErrorAs(t, err, &e)
	require.Equal(t, NotApplied, e.Ending)
	require.Len(t, read, 2)
	require.ErrorAs(t, read[1].Err, &e)
	require.Equal(t, NotApplied, e.Ending)
	written, err := s.PutMany(context.Background(), []Pair{{Key: []byte("a")}, {Key: []byte("b"), Value: make([]byte, 2<<20)}})
	require.ErrorAs(t, err, &e)
	require.Equal(t, Denied, e.Ending)
	require.Len(t, written, 2)
	require.ErrorAs(t, written[0].Err, &e)
	require.Equal(t, Denied, e.Ending, "none of it was tried")
	_, err = s.Scan(context.Background(), nil, []byte("no cursor"), 0, Stale)
	require.ErrorAs(t, err, &e)
	require.Equal(t, Denied, e.Ending)
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

// Goal: a node with many groups is one line, which sums them up, and JSON has all of them. Method: golden, of nodes in each state.
func TestStatusOfNodesWithPartitionsIsALineEach(t *testing.T) {
	node := func(id uint64, change func(*kvpb.NodeStatus)) NodeReport {
		s := &kvpb.NodeStatus{Node: id, Sharded: true, TableVersion: 41, UptimeMs: 61_500, Groups: []*kvpb.GroupStatus{
			{Group: 1, Role: "leader"}, {Group: 2, Role: "follower"}, {Group: 7, Role: "leader"}, {Group: placement.MetaGroup, Role: "follower"},
		}}
		change(s)
		return NodeReport{Endpoint: fmt.Sprintf("n%d:1", id), Status: s}
	}
	reports := []NodeReport{
		node(1, func(*kvpb.NodeStatus) {}),
		node(2, func(s *kvpb.NodeStatus) { s.Groups = s.Groups[:2]; s.Failure = "no space left on device" }),
		node(3, func(s *kvpb.NodeStatus) { s.Groups = nil; s.TableVersion = 0 }),
		node(4, func(s *kvpb.NodeStatus) { s.Groups = nil; s.Refused = "refused: node 4 was removed" }),
		node(5, func(s *kvpb.NodeStatus) {
			s.Groups = nil
			s.Health, s.HealthReason = kvpb.Health_REJOINING, "the log is damaged"
		}),
		{Endpoint: "n6:1", Err: errors.New("connection refused")},
	}
	var out strings.Builder
	require.NoError(t, PrintStatus(&out, reports))
	require.Equal(t, ""+
		"NODE  ENDPOINT  STATE      PARTITIONS    METADATA  TABLE  UPTIME\n"+
		"1     n1:1      up         leads 2 of 3  follower  41     1m1s\n"+
		"2     n2:1      failed     leads 1 of 2  -         41     1m1s  no space left on device\n"+
		"3     n3:1      joining    leads 0 of 0  -         none   1m1s  waits to hear from the other nodes of its cluster\n"+
		"4     n4:1      refused    leads 0 of 0  -         41     1m1s  node 4 was removed\n"+
		"5     n5:1      rejoining  leads 0 of 0  -         41     1m1s  the log is damaged\n"+
		"-     n6:1      no answer  -             -         -      -     connection refused\n", out.String())
	data, err := json.Marshal(reports[0].Summary())
	require.NoError(t, err)
	require.Contains(t, string(data), `"sharded":true,"table_version":41,"groups":[{"group":1,"role":"leader",`)
	require.Contains(t, string(data), `{"group":4294967296,"metadata":true,"role":"follower"`)
}

// Goal: a pair is a line, whatever it holds, and is cut only on a terminal. Method: a table.
func TestPairsAreLines(t *testing.T) {
	for want, p := range map[string]Pair{
		"a\tb": {Key: []byte("a"), Value: []byte("b")}, "a\t": {Key: []byte("a")}, `"a\tb"` + "\t" + `"c\nd"`: {Key: []byte("a\tb"), Value: []byte("c\nd")},
		`"\xff"` + "\tü": {Key: []byte("\xff"), Value: []byte("ü")},
	} {
		require.Equal(t, want, p.Line(false))
		require.Equal(t, want, p.Line(true))
	}
	long := Pair{Key: []byte("k"), Value: []byte(strings.Repeat("x", 4096))}
	require.Equal(t, "k\t"+strings.Repeat("x", 4096), long.Line(false))
	require.Equal(t, "k\t"+strings.Repeat("x", 200)+"... (4,096 bytes)", long.Line(true))
}
