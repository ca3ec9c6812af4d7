package raft

import "github.com/holdfastdb/holdfast/raft/quorum"

// becomePreCandidate asks whether an election could be won (dissertation §9.6).
// Nothing about it is durable and the term stays.
func (r *Raft) becomePreCandidate() {
	r.becomeFollower(r.term)
	r.role = PreCandidate
	r.resetVotes()
	r.election.attempt++
	r.pushElection()
	r.selfVote = quorum.Granted
	for i := range r.peers {
		if !r.peers[i].voter {
			continue
		}
		r.send(Message{
			Type: MsgPreVote, To: r.peers[i].id, Term: r.term + 1, Round: r.election.attempt,
			LogIndex: r.log.last, LogTerm: r.log.lastTerm(),
		})
	}
	r.countPreVotes()
}

// onPreVote answers whether a vote would be granted. It changes nothing: not the
// term, not the vote, and above all not the wait for the next election, or
// replicas that cannot win could keep the one that can from trying.
func (r *Raft) onPreVote(m *Message) {
	grant := r.mayVote(m.From, m.Term, m.LogIndex, m.LogTerm)
	term := r.term
	if grant {
		term = m.Term
	}
	r.send(Message{Type: MsgPreVoteResp, To: m.From, Term: term, Reject: !grant, Round: m.Round})
}

// onPreVoteResp counts the answers to the current attempt only.
func (r *Raft) onPreVoteResp(m *Message) {
	if m.Round != r.election.attempt || (!m.Reject && m.Term != r.term+1) {
		return
	}
	if m.Reject {
		r.peer(m.From).vote = quorum.Refused
	} else {
		r.peer(m.From).vote = quorum.Granted
	}
	r.countPreVotes()
}

func (r *Raft) countPreVotes() {
	switch r.config.VoteResult(r.voteOf) {
	case quorum.Won:
		r.becomeCandidate()
	case quorum.Lost:
		r.becomeFollower(r.term)
	case quorum.Pending:
	}
}
