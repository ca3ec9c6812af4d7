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
	raft.MsgTimeoutNow: "campaign-now", raft.MsgRemoved: "you-are-removed",
	raft.MsgReadIndex: "read-index?", raft.MsgReadIndexResp: "read-index",
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
	name := messageNames[m.Type]
	if name == "" {
		name = fmt.Sprintf("message-%d", m.Type)
	}
	s := fmt.Sprintf("  %s term=%d", name, m.Term) + replicas(&m)
	if m.LogIndex > 0 || m.Type == raft.MsgAppend {
		s += fmt.Sprintf(" at=%d/%d", m.LogIndex, m.LogTerm)
	}
	if n := len(m.Entries); n > 0 {
		s += fmt.Sprintf(" entries=%d..%d", m.Entries[0].Index, m.Entries[n-1].Index)
	}
	if m.Commit > 0 {
		s += fmt.Sprintf(" commit=%d", m.Commit)
	}
	if m.Transfer {
		s += " TRANSFER"
	}
	if m.Join != 0 {
		s += fmt.Sprintf(" join=%x", m.Join)
	}
	if m.Reject {
		s += fmt.Sprintf(" REJECT hint=%d/%d", m.HintIndex, m.HintTerm)
	}
	return s + configs(m.Entries)
}

// replicas names the generations of sender and receiver, unless both are of the first.
func replicas(m *raft.Message) string {
	if m.From.Generation() == 0 && m.To.Generation() == 0 {
		return ""
	}
	return fmt.Sprintf(" replicas=%d.%d>%d.%d", m.From.Node(), m.From.Generation(), m.To.Node(), m.To.Generation())
}

// configs names the entries that carry a configuration.
func configs(entries []raft.Entry) string {
	s := ""
	for i := range entries {
		if entries[i].Kind == raft.EntryConfig {
			s += fmt.Sprintf(" config@%d", entries[i].Index)
		}
	}
	return s
}
