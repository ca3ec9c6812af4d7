package raft

import (
	"fmt"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

// handler reacts to a message of the replica's own term.
type handler func(*Raft, *Message)

// handlers is the whole protocol: what each role does with each message, once
// terms are settled (settleTerm). Pre-vote requests come with any term not below
// the replica's own, pre-vote responses and the word that it is removed with any term at all.
var handlers = [...][lastMessage + 1]handler{
	Follower: {
		MsgPreVote:       (*Raft).onPreVote,
		MsgPreVoteResp:   ignore, // that attempt is over
		MsgVote:          (*Raft).onVote,
		MsgVoteResp:      ignore, // that candidacy is over
		MsgAppend:        (*Raft).onAppend,
		MsgAppendResp:    ignore, // this leader stepped down within its term (check-quorum)
		MsgHeartbeat:     (*Raft).onHeartbeat,
		MsgHeartbeatResp: ignore, // likewise
		MsgTimeoutNow:    (*Raft).onTimeoutNow,
		MsgReadIndex:     (*Raft).refuseRead, // it led this term, and stepped down
		MsgReadIndexResp: (*Raft).onReadIndexResp,
		MsgRemoved:       (*Raft).onRemoved,
	},
	PreCandidate: {
		MsgPreVote:       (*Raft).onPreVote,
		MsgPreVoteResp:   (*Raft).onPreVoteResp,
		MsgVote:          (*Raft).onVote,
		MsgVoteResp:      ignore, // of its own candidacy that timed out
		MsgAppend:        (*Raft).onAppend,
		MsgAppendResp:    ignore, // as in Follower
		MsgHeartbeat:     (*Raft).onHeartbeat,
		MsgHeartbeatResp: ignore, // as in Follower
		MsgTimeoutNow:    ignore, // it is told again once it follows again
		MsgReadIndex:     (*Raft).refuseRead,
		MsgReadIndexResp: ignore, // the reads were given up with the leader
		MsgRemoved:       (*Raft).onRemoved,
	},
	Candidate: {
		MsgPreVote:       (*Raft).onPreVote,
		MsgPreVoteResp:   ignore, // late answers to the attempt that led here
		MsgVote:          (*Raft).onVote,
		MsgVoteResp:      (*Raft).onVoteResp,
		MsgAppend:        (*Raft).onAppend, // another candidate won
		MsgAppendResp:    ignore,           // an append of its earlier leadership, refused by one that has its vote request
		MsgHeartbeat:     (*Raft).onHeartbeat,
		MsgHeartbeatResp: ignore,             // likewise
		MsgTimeoutNow:    ignore,             // another candidate won, as its appends will tell
		MsgReadIndex:     (*Raft).refuseRead, // nobody can take it for the leader, but a no is safe
		MsgReadIndexResp: forbidden,          // in a term it can only ask before it is a candidate
		MsgRemoved:       (*Raft).onRemoved,
	},
	Leader: {
		MsgPreVote:       (*Raft).onPreVote,
		MsgPreVoteResp:   ignore, // late answers
		MsgVote:          (*Raft).onVote,
		MsgVoteResp:      ignore, // votes beyond the quorum
		MsgAppend:        secondLeader,
		MsgAppendResp:    (*Raft).onAppendResp,
		MsgHeartbeat:     secondLeader,
		MsgHeartbeatResp: (*Raft).onHeartbeatResp,
		MsgTimeoutNow:    secondLeader,
		MsgReadIndex:     (*Raft).onReadIndex,
		MsgReadIndexResp: forbidden,
		MsgRemoved:       (*Raft).onRemoved, // it leads on until it has handed over
	},
}

func (r *Raft) dispatch(m *Message) { handlers[r.role][m.Type](r, m) }

// ignore is for messages that are late but harmless.
func ignore(*Raft, *Message) {}

// forbidden is for messages that no correct peer can have sent to this role in this
// term. They are counted, not trusted, and not worth dying for.
func forbidden(r *Raft, _ *Message) { r.dropped++ }

// secondLeader stops a replica that meets another leader in its own term: election
// safety (§5.2) is broken, and going on would spread the damage.
func secondLeader(r *Raft, m *Message) {
	panic(fmt.Sprintf("raft: group %d: replicas %d and %d both lead term %d", r.cfg.Group, r.leader, m.From, r.term))
}

// settleTerm compares the message's term with the replica's own (§5.1) and tells
// whether the message goes on to its handler.
func (r *Raft) settleTerm(m *Message) bool {
	if r.tellRemoved(m) {
		return false
	}
	switch m.Type {
	case MsgPreVoteResp, MsgVoteResp, MsgAppendResp, MsgHeartbeatResp:
		if r.peer(m.From) == nil {
			// Only members' answers count (dissertation §4.1); it may have been one.
			return false
		}
	case MsgRemoved:
		// It holds in every term.
		return true
	}
	if m.Type == MsgPreVoteResp {
		// Its Round says what it answers. A refused pre-candidate adopts the term, or
		// a long log in a low term and a short log in a high term would refuse each
		// other for ever.
		if m.Reject && m.Term > r.term {
			r.becomeFollower(m.Term)
		}
		return true
	}
	if m.Term < r.term {
		r.refuseOldTerm(m)
		return false
	}
	if (m.Type == MsgVote || m.Type == MsgPreVote) && !m.Transfer && r.hearsLeader() {
		// A replica that hears its leader takes no part in deposing it, and does not
		// even look at the term (dissertation §6.4.1, §4.2.3); unless the leader wants it.
		return false
	}
	if m.Term > r.term && m.Type != MsgPreVote {
		r.becomeFollower(m.Term)
	}
	return true
}

// refuseOldTerm answers a request of an older term with the replica's own term, so that
// its sender catches up. Responses of older terms say nothing about this term.
func (r *Raft) refuseOldTerm(m *Message) {
	switch m.Type {
	case MsgPreVote:
		r.send(Message{Type: MsgPreVoteResp, To: m.From, Reject: true, Round: m.Round})
	case MsgVote:
		r.send(Message{Type: MsgVoteResp, To: m.From, Reject: true})
	case MsgAppend:
		r.send(Message{Type: MsgAppendResp, To: m.From, Reject: true, LogIndex: m.LogIndex})
	case MsgHeartbeat:
		r.send(Message{Type: MsgHeartbeatResp, To: m.From})
	case MsgReadIndex:
		r.refuseRead(m)
	case MsgTimeoutNow:
		// That leadership is over, and its wish with it.
	case MsgPreVoteResp, MsgVoteResp, MsgAppendResp, MsgHeartbeatResp, MsgReadIndexResp, MsgRemoved:
	}
}

// valid tells whether a correct peer of this group can have sent the message to
// this replica.
func (r *Raft) valid(m *Message) bool {
	if m.Group != r.cfg.Group || m.To != r.id || m.From == 0 || m.From == r.id {
		return false
	}
	if m.Type < firstMessage || m.Type > lastMessage || m.Term == 0 || m.Term >= maxNumber {
		return false
	}
	if m.Quiesce && (m.Type != MsgHeartbeat || m.LogIndex != m.Commit || m.LogTerm != m.Term) {
		return false
	}
	if (m.Transfer && m.Type != MsgVote) || (m.Type == MsgReadIndexResp && !m.Reject && m.LogIndex == 0) {
		return false
	}
	if m.LogIndex >= maxNumber || m.LogTerm > m.Term || m.HintIndex >= maxNumber {
		return false
	}
	if len(m.Entries) > 0 && m.Type != MsgAppend {
		return false
	}
	term := m.LogTerm
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Index != m.LogIndex+1+uint64(i) || e.Term < max(1, term) || e.Term > m.Term || e.Kind > EntryConfig {
			return false
		}
		if e.Kind == EntryConfig {
			if _, err := confchange.Decode(e.Data); err != nil {
				return false
			}
		}
		term = e.Term
	}
	return true
}
