package rafttest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

var typeNames = [...]string{
	raft.MsgPreVote: "prevote", raft.MsgPreVoteResp: "prevote-resp", raft.MsgVote: "vote", raft.MsgVoteResp: "vote-resp",
	raft.MsgAppend: "append", raft.MsgAppendResp: "append-resp",
	raft.MsgHeartbeat: "heartbeat", raft.MsgHeartbeatResp: "heartbeat-resp",
	raft.MsgTimeoutNow: "timeout-now", raft.MsgReadIndex: "read-index", raft.MsgReadIndexResp: "read-index-resp",
	raft.MsgRemoved: "removed",
}

func name(id raft.ReplicaID) string {
	if id == 0 {
		return "none"
	}
	if g := id.Generation(); g > 0 {
		return fmt.Sprintf("r%d.%d", id.Node(), g)
	}
	return fmt.Sprintf("r%d", id)
}

// entryText shows an entry as index@term:payload, "-" for a no-op, and the configuration it holds.
func entryText(e *raft.Entry) string {
	switch e.Kind {
	case raft.EntryNoOp:
		return fmt.Sprintf("%d@%d:-", e.Index, e.Term)
	case raft.EntryConfig:
		c, err := confchange.Decode(e.Data)
		if err != nil {
			return fmt.Sprintf("%d@%d:%v", e.Index, e.Term, err)
		}
		return fmt.Sprintf("%d@%d:%v", e.Index, e.Term, c)
	case raft.EntryNormal:
	}
	return fmt.Sprintf("%d@%d:%s", e.Index, e.Term, e.Data)
}

func entriesText(entries []raft.Entry) string {
	words := make([]string, len(entries))
	for i := range entries {
		words[i] = entryText(&entries[i])
	}
	return strings.Join(words, " ")
}

func answer(reject bool) string {
	if reject {
		return "refused"
	}
	return "granted"
}

func messageText(m *raft.Message) string {
	head := fmt.Sprintf("%v->%v %s term=%d", name(m.From), name(m.To), typeNames[m.Type], m.Term)
	if m.Join > 0 {
		head += fmt.Sprintf(" join=%d", m.Join)
	}
	switch m.Type {
	case raft.MsgPreVote:
		return fmt.Sprintf("%s last=%d@%d round=%d", head, m.LogIndex, m.LogTerm, m.Round)
	case raft.MsgPreVoteResp:
		return fmt.Sprintf("%s %s round=%d", head, answer(m.Reject), m.Round)
	case raft.MsgVote:
		if m.Transfer {
			head += " transfer"
		}
		return fmt.Sprintf("%s last=%d@%d", head, m.LogIndex, m.LogTerm)
	case raft.MsgVoteResp:
		return fmt.Sprintf("%s %s", head, answer(m.Reject))
	case raft.MsgAppend:
		return fmt.Sprintf("%s prev=%d@%d entries=[%s] commit=%d round=%d",
			head, m.LogIndex, m.LogTerm, entriesText(m.Entries), m.Commit, m.Round)
	case raft.MsgAppendResp:
		if m.Reject {
			return fmt.Sprintf("%s refused prev=%d hint=%d@%d round=%d", head, m.LogIndex, m.HintIndex, m.HintTerm, m.Round)
		}
		if m.LogTerm > 0 {
			return fmt.Sprintf("%s holds=%d@%d round=%d", head, m.LogIndex, m.LogTerm, m.Round)
		}
		return fmt.Sprintf("%s holds=%d round=%d", head, m.LogIndex, m.Round)
	case raft.MsgHeartbeat:
		if m.Quiesce {
			return fmt.Sprintf("%s quiesce last=%d@%d commit=%d round=%d", head, m.LogIndex, m.LogTerm, m.Commit, m.Round)
		}
		return fmt.Sprintf("%s commit=%d round=%d", head, m.Commit, m.Round)
	case raft.MsgTimeoutNow, raft.MsgReadIndex:
		// A nonce says nothing to people.
		return head
	case raft.MsgReadIndexResp:
		if m.Reject {
			return head + " refused"
		}
		return fmt.Sprintf("%s index=%d", head, m.LogIndex)
	case raft.MsgRemoved:
		return fmt.Sprintf("%s config=%d", head, m.LogIndex)
	default:
		return fmt.Sprintf("%s matched=%d round=%d", head, m.LogIndex, m.Round)
	}
}

func persistText(p *raft.Persist) string {
	s := fmt.Sprintf("#%d term=%d vote=%s commit=%d", p.Seq, p.State.Term, name(p.State.Vote), p.State.Commit)
	if p.Mark.Index > 0 {
		s += fmt.Sprintf(" mark=%d@%d", p.Mark.Index, p.Mark.Term)
	}
	if len(p.Entries) > 0 {
		s += fmt.Sprintf(" entries=[%s]", entriesText(p.Entries))
	}
	return s
}

// showChanges says how the replica changed since it was last shown.
func (c *Cluster) showChanges(p *replica) {
	r, was := p.core, p.shown
	is := shown{role: r.Role(), term: r.Term(), commit: r.Commit(), leader: r.Leader(), config: r.Configuration().String(), asleep: r.Quiescent()}
	if is.role != was.role || is.term != was.term {
		c.say("  %v becomes %v of term %d", name(p.id), is.role, is.term)
	}
	if is.leader != was.leader && is.leader != 0 && is.leader != p.id {
		c.say("  %v follows %v", name(p.id), name(is.leader))
	}
	if is.config != was.config {
		c.say("  %v goes by %s", name(p.id), is.config)
	}
	if is.commit != was.commit {
		c.say("  %v commits up to %d", name(p.id), is.commit)
	}
	if is.asleep != was.asleep {
		c.say("  %v %s", name(p.id), map[bool]string{true: "falls asleep", false: "wakes"}[is.asleep])
	}
	p.shown = is
}

// Status shows the named replicas, all if none is named, and how a leader sees its followers.
func (c *Cluster) Status(ids ...raft.ReplicaID) string {
	var b strings.Builder
	for _, p := range c.replicas {
		if len(ids) > 0 && !slices.Contains(ids, p.id) {
			continue
		}
		if p.core == nil {
			fmt.Fprintf(&b, "%v is down\n", name(p.id))
			continue
		}
		s := p.core.Status()
		fmt.Fprintf(&b, "%v %v term=%d vote=%s leader=%s last=%d@%d durable=%d commit=%d applied=%d%s\n", name(p.id), s.Role, s.Term,
			name(s.Vote), name(s.Leader), s.LastIndex, s.LastTerm, s.Durable, s.Commit, s.Applied, map[bool]string{true: " asleep"}[s.Quiescent])
		for _, q := range s.Peers {
			fmt.Fprintf(&b, "  %v %v match=%d next=%d inflight=%d paused=%t fetching=%t\n",
				name(q.ID), q.State, q.Match, q.Next, q.Inflight, q.Paused, q.Fetching)
		}
	}
	return b.String()
}

// logText shows a log and where it is durable and committed.
func (c *Cluster) logText(id raft.ReplicaID) string {
	p := c.replica(id)
	s := fmt.Sprintf("%v: ", name(id))
	if entries := c.Log(id); len(entries) > 0 && entries[0].Index > 1 {
		s += fmt.Sprintf("(from %d) %s", entries[0].Index, entriesText(entries))
	} else {
		s += entriesText(entries)
	}
	if p.core == nil {
		return s + " (down)"
	}
	return fmt.Sprintf("%s (durable=%d commit=%d)", s, p.core.Durable(), p.core.Commit())
}
