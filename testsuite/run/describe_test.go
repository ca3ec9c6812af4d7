package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

// Goal: traces name every type of message. Method: look each up.
func TestEveryMessageTypeHasAName(t *testing.T) {
	seen := make(map[string]bool)
	for m := raft.MsgPreVote; m <= raft.MsgRemoved; m++ {
		require.NotEmpty(t, messageNames[m], "type %d", m)
		seen[messageNames[m]] = true
	}
	require.Len(t, seen, int(raft.MsgRemoved))
}

// Goal: a line of a trace says which replicas talk and which entries are configurations, and
// nothing of messages that are not raft's. Method: one line each.
func TestLinesOfATrace(t *testing.T) {
	later := raft.MakeReplicaID(2, 3)
	require.Empty(t, replicas(&raft.Message{From: 1, To: 2}))
	require.Equal(t, " replicas=1.0>2.3", replicas(&raft.Message{From: 1, To: later}))
	require.Equal(t, " config@8", configs([]raft.Entry{{Index: 7}, {Index: 8, Kind: raft.EntryConfig}}))
	require.Empty(t, describe(netsim.Event{From: 1, To: 2, Payload: []byte("no message")}))
	require.Empty(t, describe(netsim.Event{From: netsim.FirstClient, To: 2, Payload: []byte("request")}))
}
