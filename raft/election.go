package raft

import (
	"time"

	"github.com/holdfastdb/holdfast/raft/quorum"
)

// electionState belongs to replicas that do not lead.
type electionState struct {
	// deadline is when the replica campaigns unless a leader or a granted vote pushes it on.
	deadline time.Duration
	// heard is when a leader was last heard, of whatever term; it starts with the start of the
	// replica, which may have forgotten what it heard.
	heard time.Duration
	// attempt numbers the pre-vote rounds of this Raft value.
	attempt uint64
	// solicited: this candidacy is durable and its votes were asked for.
	solicited bool
	// transfer: the leader of the term before asked for this candidacy.
	transfer bool
}

// pushElection starts a new wait of a random length in [1,2) times ElectionTimeout (§5.2).
func (r *Raft) pushElection() {
	// SplitMix64: a stream of this replica's own, from Config.Seed.
	r.random += 0x9e3779b97f4a7c15
	timeout := uint64(r.cfg.ElectionTimeout)
	r.election.deadline = r.now + time.Duration(timeout+mix(r.random)%timeout)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// hearsLeader tells whether there is a leader that this replica believes alive:
// itself, or one heard within the least election timeout. It is what makes
// leaders sticky; without check-quorum it would let a leader without a quorum
// silence its followers for ever, so the two go together. With leases it counts
// when a leader was heard, not whether it is still known (lease.go).
func (r *Raft) hearsLeader() bool {
	if !r.cfg.CheckQuorum || r.leader == 0 {
		return r.bound()
	}
	return r.role == Leader || r.now-r.election.heard < r.cfg.ElectionTimeout
}

// becomeFollower ends whatever the replica was and enters the term, if it is
// newer, with no vote and no leader. The wait for the next election goes on as
// it was: a term alone is no sign of a leader.
func (r *Raft) becomeFollower(term uint64) {
	if term > r.term {
		r.term, r.vote = term, 0
		r.following = followerState{}
		r.promises = promises{}
	}
	if r.role == Leader {
		r.stepDown()
		r.pushElection()
	}
	r.dropReads()
	r.role, r.leader = Follower, 0
}

// campaign starts an election (§5.2), or first asks whether one could be won.
func (r *Raft) campaign() {
	if r.bound() {
		r.election.deadline = r.election.heard + r.cfg.ElectionTimeout
		return
	}
	if r.diskHangs() {
		r.becomeFollower(r.term)
		r.pushElection()
		return
	}
	if r.cfg.PreVote {
		r.becomePreCandidate()
		return
	}
	r.becomeCandidate()
}

// becomeCandidate enters a new term with a vote for itself. Neither the vote
// counts nor are others asked before it is durable: after a crash this replica
// might vote for someone else in the same term.
func (r *Raft) becomeCandidate() {
	r.becomeFollower(r.term + 1)
	r.role, r.vote = Candidate, r.id
	r.resetVotes()
	r.election.transfer = false
	r.election.solicited = false
	r.pushElection()
}

func (r *Raft) resetVotes() {
	r.selfVote = quorum.Unknown
	for i := range r.peers {
		r.peers[i].vote = quorum.Unknown
	}
}

func (r *Raft) voteOf(id uint64) quorum.Vote {
	if ReplicaID(id) == r.id {
		return r.selfVote
	}
	return r.peer(ReplicaID(id)).vote
}

// solicit asks for votes once the candidacy is durable.
func (r *Raft) solicit() {
	r.election.solicited = true
	r.selfVote = quorum.Granted
	for i := range r.peers {
		if !r.peers[i].voter {
			continue
		}
		r.send(Message{
			Type: MsgVote, To: r.peers[i].id, LogIndex: r.log.last, LogTerm: r.log.lastTerm(), Transfer: r.election.transfer,
		})
	}
	r.countVotes()
}

func (r *Raft) countVotes() {
	switch r.config.VoteResult(r.voteOf) {
	case quorum.Won:
		r.becomeLeader()
	case quorum.Lost:
		r.becomeFollower(r.term)
	case quorum.Pending:
	}
}

// mayVote tells whether a vote for the candidate in this term would be allowed
// (Figure 2, RequestVote): at most one candidate per term, but that one again
// and again, for its answer may have been lost; and only one whose log is
// up-to-date (§5.4.1).
func (r *Raft) mayVote(candidate ReplicaID, term, lastIndex, lastTerm uint64) bool {
	free := term > r.term || r.vote == candidate || (r.vote == 0 && r.leader == 0)
	return free && r.log.upToDate(lastIndex, lastTerm)
}

// onVote answers a vote request of the replica's own term. The grant leaves
// when it is durable.
func (r *Raft) onVote(m *Message) {
	if !r.mayVote(m.From, m.Term, m.LogIndex, m.LogTerm) {
		r.send(Message{Type: MsgVoteResp, To: m.From, Reject: true})
		return
	}
	if r.leader == 0 {
		r.becomeFollower(r.term)
		r.pushElection()
	}
	r.vote = m.From
	r.promises.vote = true
	r.keepPromises()
}

// onVoteResp counts a vote of this very candidacy, once per voter.
func (r *Raft) onVoteResp(m *Message) {
	if m.Reject {
		r.peer(m.From).vote = quorum.Refused
	} else {
		r.peer(m.From).vote = quorum.Granted
	}
	r.countVotes()
}
