package run

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

var messageNames = map[raft.MessageType]string{
	raft.MsgPreVote: "pre-vote?", raft.MsgPreVoteResp: "pre-vote",
	raft.MsgVote: "vote?", raft.MsgVoteResp: "vote",
	raft.MsgAppend: "append", raft.MsgAppendResp: "appended",
	raft.MsgHeartbeat: "heartbeat", raft.MsgHeartbeatResp: "alive",
}

// Describe is one line of a trace, with what a raft message says.
func Describe(e netsim.Event) string { return e.String() + describe(e) }

func describe(e netsim.Event) string {
	if e.Payload == nil || e.From >= netsim.FirstClient || e.To >= netsim.FirstClient {
		return ""
	}
	m, ok := node.PeekRaft(e.Payload)
	if !ok {
		return ""
	}
	s := fmt.Sprintf("  %s term=%d", messageNames[m.Type], m.Term)
	if m.LogIndex > 0 || m.Type == raft.MsgAppend {
		s += fmt.Sprintf(" at=%d/%d", m.LogIndex, m.LogTerm)
	}
	if n := len(m.Entries); n > 0 {
		s += fmt.Sprintf(" entries=%d..%d", m.Entries[0].Index, m.Entries[n-1].Index)
	}
	if m.Commit > 0 {
		s += fmt.Sprintf(" commit=%d", m.Commit)
	}
	if m.Reject {
		s += fmt.Sprintf(" REJECT hint=%d/%d", m.HintIndex, m.HintTerm)
	}
	return s
}
