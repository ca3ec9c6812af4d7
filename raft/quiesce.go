package raft

import (
	"time"

	"github.com/holdfastdb/holdfast/raft/progress"
)

// A group in which nothing happens goes to sleep: no heartbeats, no timers. CockroachDB calls that quiescence, TiKV
// hibernation. Safety does not rest on it: a sleeping replica is one that is slow, as any may be, and a leader
// is no less bound to ask a quorum when it is woken. What heartbeats are for, that is to notice that a leader or
// its quorum is gone, is the shell's while the group sleeps (Wake).
//
// The leader decides, at the time of a round, and says so in place of the heartbeat. A follower that agrees sleeps and says nothing; one
// that does not answers as always, and the answer wakes the leader. If the word is lost, the follower's timer fires, and its
// request wakes the leader, whose heartbeats it then follows. Whatever else concerns the group wakes, too, on
// any replica, and one follower that wakes calls its leader: so a group sleeps as a whole or, but for a message's time, not
// at all.
//
// While a follower sleeps its leader counts as alive, and when it wakes as heard just then. So, with check-quorum, nobody can be
// elected with the votes of those who slept, before the leader had an election timeout in which to be heard: a replica that is cut off
// disrupts a sleeping group no more than one that is awake. That clock starts once, at the end of a sleep, and only the leader can
// begin another sleep: if it is gone its followers' timers fire, and what they refused at first they grant then.

// sleepState is whether this replica sleeps, and what that depends on.
type sleepState struct {
	// asleep: it waits for input only, and sends nothing.
	asleep bool
	// calling: it has to call its leader.
	calling bool
	// busy is when something was last wanted of this replica, or heard but for answers to heartbeats.
	busy time.Duration
	// count is how often it fell asleep.
	count uint64
}

// Quiescent tells whether this replica sleeps: Deadline is Never, and once the Output of the input that
// sent it to sleep was taken, it sends nothing.
func (r *Raft) Quiescent() bool { return r.sleep.asleep }

// Wake ends this replica's sleep; it does nothing if there is none. A leader sends heartbeats at once; a follower waits for
// a leader as if it had heard its own just now, and calls it.
//
// The shell owes a sleeping follower a Wake when the node of its leader (Leader) was silent for an
// ElectionTimeout, restarted, or runs the leader's replica no longer; and a sleeping leader one when that holds for any other
// member. Silence counts from the last word of any kind, that which brought sleep included, and it must
// be found however long it lasts already: a word that was late may send a follower to sleep whose leader has been
// gone for a while. A follower that was removed in its sleep, and lost all that it was told of it, finds out only by
// asking: a shell that does not learn of removals otherwise should wake sleeping followers now and then, once an hour, say.
func (r *Raft) Wake(now time.Duration) {
	r.advance(now)
	if r.sleep.asleep {
		r.wake()
	}
}

func (r *Raft) wake() {
	r.sleep.asleep, r.sleep.calling, r.sleep.busy = false, false, r.now
	// Nobody looked at the disk: its patience starts anew.
	for i := range r.log.handOffs {
		r.log.handOffs[i].at = r.now
	}
	if r.role != Leader {
		r.sleep.calling = true
		r.election.heard = r.now
		r.pushElection()
		return
	}
	r.beginRound()
	r.leading.woken = r.leading.round
	r.leading.quorum = r.now + r.cfg.ElectionTimeout
	for i := range r.peers {
		r.peers[i].heard = r.now
	}
}

// stir notes that something is wanted of this replica.
func (r *Raft) stir() {
	r.sleep.busy = r.now
	if r.sleep.asleep || r.leader == 0 {
		r.rouse()
	}
}

// rouse wakes this replica. One that may not campaign, and so has no timer, calls for a leader if it knows none: a learner that
// restarted while the group slept would not be told. It tells whether there is a leader, as far as is known here.
func (r *Raft) rouse() bool {
	if r.sleep.asleep {
		r.wake()
		return true
	}
	r.sleep.calling = r.cfg.QuiesceAfter > 0 && !r.promotable()
	return false
}

// listen takes note of a message.
func (r *Raft) listen(m *Message) {
	if m.Type != MsgHeartbeatResp {
		r.sleep.busy = r.now
	}
	if r.sleep.asleep {
		r.wakeFor(m)
	}
}

// wakeFor wakes this replica for a message. A leader sleeps through answers that were on their way when it fell asleep, for they are
// not to the word that the group sleeps. Round 0 answers no round: that is a follower's call.
func (r *Raft) wakeFor(m *Message) {
	if r.role == Leader && m.Type == MsgHeartbeatResp && m.Term == r.term && m.Round > 0 && m.Round < r.leading.round {
		return
	}
	r.wake()
	// Who spoke needs no call.
	r.sleep.calling = r.sleep.calling && m.From != r.leader
}

// callLeader tells a leader that may sleep that this replica does not any more: whatever woke it may ask for the leader's
// place, and only the leader's heartbeats can tell that this is not needed. One that does not know its leader calls everybody,
// unless it has a timer that will.
func (r *Raft) callLeader() {
	r.sleep.calling = false
	if r.leader == 0 && r.promotable() {
		return
	}
	for i := range r.peers {
		if to := r.peers[i].id; r.leader == 0 || r.leader == to {
			r.send(Message{Type: MsgHeartbeatResp, To: to, LogIndex: r.following.matched})
		}
	}
}

// idle tells whether this leader can send its group to sleep: all members are known to hold durably what
// it has, all of that is committed and applied, and nobody waits for anything. So the configuration is committed and one that
// is to stay, or the leader would have work to do with it (settleConfig).
func (r *Raft) idle() bool {
	if r.now-r.sleep.busy < r.cfg.QuiesceAfter {
		return false
	}
	if !r.committedOwn() || r.applied != r.log.last || r.leading.transfer.to != 0 || !r.settled() {
		return false
	}
	for i := range r.peers {
		p := &r.peers[i]
		if p.progress.State() != progress.Replicate || p.progress.Match() != r.log.last || p.progress.Fetching() != 0 {
			return false
		}
		// What is known from before the last sleep says nothing of now.
		if r.now-p.heard >= r.cfg.ElectionTimeout || p.round < r.leading.woken {
			return false
		}
	}
	return true
}

// settled tells whether nothing waits for the disk, and so nobody for an answer that must, and no read for its grant.
func (r *Raft) settled() bool {
	s := &r.reads
	return !r.mustPersist() && len(r.log.handOffs) == 0 && s.pending()+len(s.remote)+len(s.confirmingRemote) == 0
}

// quiesce sends the leader to sleep; the round that just began tells the others. No lease outlives
// that: there is no round left to count one from.
func (r *Raft) quiesce() {
	r.fallAsleep()
	r.leading.starts = roundStarts{}
}

// bedtime is when a leader without peers, which has nobody to keep awake for, looks whether it can sleep.
func (r *Raft) bedtime() time.Duration {
	if r.cfg.QuiesceAfter == 0 {
		return Never
	}
	return max(r.leading.heartbeat, r.sleep.busy+r.cfg.QuiesceAfter)
}

// followToSleep sends this follower to sleep at the word of its leader, if it has all that its leader has and
// nothing to do. It must have followed that leader before: one that gave its leader up, or forgot it, is about to look for
// another one, and no word that was late keeps it from that. A replica that may not sleep by its own Config stays
// awake, whatever its leader says: its shell does not know that it must wake it.
func (r *Raft) followToSleep(m *Message) bool {
	if r.cfg.QuiesceAfter == 0 || r.log.last != m.LogIndex || r.log.lastTerm() != m.LogTerm || r.commit != m.Commit || !r.settled() {
		return false
	}
	r.fallAsleep()
	return true
}

func (r *Raft) fallAsleep() {
	r.sleep.asleep = true
	r.sleep.count++
}
