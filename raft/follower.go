package raft

import "fmt"

// followerState belongs to one term: what the replica knows of its leader's log.
type followerState struct {
	// matched is the last index up to which the log is known to equal the
	// leader's. It says nothing about the disk.
	matched uint64
	// restored: a snapshot moved this replica on, which need not be known to the leader of this
	// term, if that is an old one.
	restored bool
}

// follow notes that the leader of this term was heard; it alone, besides a
// granted vote, pushes the election on.
func (r *Raft) follow(leader ReplicaID) {
	if r.leader != 0 && r.leader != leader {
		secondLeader(r, &r.in)
	}
	if r.role != Follower {
		r.becomeFollower(r.term)
	}
	r.leader = leader
	r.election.heard = r.now
	r.pushElection()
}

// onAppend handles AppendEntries (Figure 2, steps 2 to 5).
func (r *Raft) onAppend(m *Message) {
	r.follow(m.From)
	last := m.LogIndex + uint64(len(m.Entries))
	if m.LogIndex < r.log.snapIndex {
		// What the snapshot covers is committed, and so it is in the leader's log too.
		gap := r.log.snapIndex - m.LogIndex
		skip := min(gap, uint64(len(m.Entries)))
		if skip == gap && m.Entries[skip-1].Term != r.log.snapTerm {
			r.contradiction(m.Entries[skip-1].Index)
			return
		}
		m.Entries = m.Entries[skip:]
		last = max(last, r.log.snapIndex)
	} else if !r.log.matches(m.LogIndex, m.LogTerm) {
		hint, hintTerm := r.log.notAbove(m.LogIndex, m.LogTerm)
		r.send(Message{
			Type: MsgAppendResp, To: m.From, Reject: true, LogIndex: m.LogIndex,
			HintIndex: hint, HintTerm: hintTerm, Round: m.Round,
		})
		return
	}
	if !r.merge(m.Entries) {
		return
	}
	r.following.matched = max(r.following.matched, last)
	r.learnCommit(m.Commit)
	r.promises.ack = m.From
	r.promises.round = max(r.promises.round, m.Round)
	if r.following.matched <= r.log.durable {
		r.keepPromises()
	}
}

// merge adds the entries that the log lacks. Only a real conflict removes
// anything, and only from there on: a late append must not undo newer ones (§5.3). The configuration
// follows the log, whichever way it goes (§6). It tells whether the entries are those of the log now.
func (r *Raft) merge(entries []Entry) bool {
	entries = entries[r.log.firstNew(entries):]
	if len(entries) == 0 {
		return true
	}
	changed := false
	if from := entries[0].Index; from <= r.log.last {
		if from <= r.commit {
			r.contradiction(from)
			return false
		}
		r.log.truncateFrom(from)
		changed = r.popConfigs(from)
	}
	r.log.append(entries)
	if r.pushConfigs(entries) || changed {
		r.configure()
	}
	return true
}

// contradiction meets a leader that wants to replace what is committed. One that was deposed
// long ago may do so if a snapshot, and not a message of a newer term, told this replica what
// is committed: it is ignored, as it would be if its term were known to be over.
func (r *Raft) contradiction(index uint64) {
	if !r.following.restored {
		panic(fmt.Sprintf("raft: RAFT-9: group %d: leader %d of term %d wants to replace entry %d, but %d is committed",
			r.cfg.Group, r.leader, r.term, index, r.commit))
	}
}

// learnCommit takes over the leader's commit index, as far as the logs are known
// to be equal.
func (r *Raft) learnCommit(leaderCommit uint64) {
	r.commit = max(r.commit, min(leaderCommit, r.following.matched))
}

// onHeartbeat answers at once, without waiting for the disk: the answer promises
// nothing but that this replica followed the leader now. That is safe though the
// term may not be durable here: a leader of a newer term, elected before the
// heartbeat's round began, has durable votes of a quorum, and one of those would
// have to echo an older term.
func (r *Raft) onHeartbeat(m *Message) {
	follows := r.leader == m.From
	r.follow(m.From)
	r.learnCommit(m.Commit)
	if m.Quiesce && follows && r.followToSleep(m) {
		return
	}
	r.send(Message{Type: MsgHeartbeatResp, To: m.From, LogIndex: r.following.matched, Round: m.Round})
}
