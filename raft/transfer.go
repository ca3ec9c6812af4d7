package raft

import (
	"errors"
	"time"
)

// What Transfer can answer, beside ErrNotLeader.
var (
	// ErrTransferring: nothing was appended, or no transfer begun: the leadership is being handed to
	// another replica.
	ErrTransferring = errors.New("raft: the leadership is being handed over; nothing was done, try again shortly")
	// ErrBadTransfer: no transfer was begun.
	ErrBadTransfer = errors.New("raft: the leadership can only go to another voter that was heard lately; nothing was done, choose one")
)

// transfer is a leadership on its way to another replica (dissertation §3.10).
type transfer struct {
	// to is the target, 0 if there is no transfer; until is when the leader gives it up.
	to    ReplicaID
	until time.Duration
	// told is the timed round in which the target was last told to campaign.
	told uint64
}

// Transfer hands the leadership to another voter; 0 means the best one: heard within
// the last ElectionTimeout, of the highest priority (confchange.Member.Priority), with the longest
// log. The leader takes no proposals until the target has its whole log and is told to
// campaign, and for one ElectionTimeout at most: then it goes on as before. Nothing is
// promised but to try; who leads is told by Leader. It returns ErrNotLeader, ErrTransferring if a
// transfer to another replica is under way, or ErrBadTransfer.
func (r *Raft) Transfer(now time.Duration, to ReplicaID) error {
	r.advance(now)
	r.stir()
	if r.role != Leader {
		return ErrNotLeader
	}
	if busy := r.leading.transfer.to; busy != 0 {
		if busy == to {
			return nil
		}
		return ErrTransferring
	}
	if to == 0 {
		to = r.bestTarget()
	}
	if to == r.id || r.peer(to) == nil || !r.mayTakeOver(to) {
		return ErrBadTransfer
	}
	r.leading.transfer = transfer{to: to, until: r.now + r.cfg.ElectionTimeout}
	return nil
}

// Transferring returns the replica that this leader hands its leadership to, 0 if it
// does not.
func (r *Raft) Transferring() ReplicaID { return r.leading.transfer.to }

// bestTarget returns the voter that should lead next, 0 if none was heard lately.
func (r *Raft) bestTarget() ReplicaID {
	var best *peer
	for i := range r.peers {
		p := &r.peers[i]
		if !r.mayTakeOver(p.id) || r.now-p.heard >= r.cfg.ElectionTimeout {
			continue
		}
		if best == nil || r.better(p, best) {
			best = p
		}
	}
	if best == nil {
		return 0
	}
	return best.id
}

func (r *Raft) better(p, than *peer) bool {
	if a, b := r.priority(p.id), r.priority(than.id); a != b {
		return a > b
	}
	return p.progress.Match() > than.progress.Match()
}

// mayTakeOver tells whether the replica is a voter of the configuration that is to stay.
func (r *Raft) mayTakeOver(id ReplicaID) bool {
	m, _ := r.latest().config.Member(uint64(id))
	return m.Voter
}

// priority is how much the replica is wanted as leader.
func (r *Raft) priority(id ReplicaID) uint8 {
	m, _ := r.latest().config.Member(uint64(id))
	return m.Priority
}

// handOver begins the end of the leadership of a replica that is no voter any more by a committed
// configuration (dissertation §4.2.2): another one is to take over, so that the group does not
// wait for a timeout. The leader goes when that one has, when the transfer has failed, or at once if
// nobody can take over.
func (r *Raft) handOver() {
	if r.leading.transfer.to != 0 {
		return
	}
	to := r.bestTarget()
	if to == 0 {
		r.becomeFollower(r.term)
		return
	}
	r.leading.transfer = transfer{to: to, until: r.now + r.cfg.ElectionTimeout}
}

// mustGo tells whether this leader is only there to hand over.
func (r *Raft) mustGo() bool {
	c := r.latest()
	return c.index <= r.commit && !c.config.Joint() && !r.config.Contains(uint64(r.id))
}

// pursueTransfer tells the target to campaign as soon as it has the whole log, and
// once more with each timed round, for the word may get lost. From the first time on this
// leader has no lease: the target's voters do not wait for it (LEASE-03), and the word may arrive
// after the transfer was given up (LEASE-04).
func (r *Raft) pursueTransfer() {
	t := &r.leading.transfer
	if t.to == 0 {
		return
	}
	p := r.peer(t.to)
	if p == nil || !r.mayTakeOver(t.to) {
		// A configuration without it came into effect meanwhile.
		r.endTransfer()
		if r.mustGo() {
			r.handOver()
		}
		return
	}
	if p.progress.Match() != r.log.last || t.told == r.leading.timed {
		return
	}
	t.told = r.leading.timed
	r.leading.abdicated = true
	r.send(Message{Type: MsgTimeoutNow, To: t.to})
}

// tickTransfer gives up a transfer that takes too long, or proposals would be refused for
// ever (LIVE-01).
func (r *Raft) tickTransfer() {
	if t := &r.leading.transfer; t.to == 0 || r.now < t.until {
		return
	}
	r.endTransfer()
	if r.mustGo() {
		r.becomeFollower(r.term)
	}
}

func (r *Raft) endTransfer() { r.leading.transfer = transfer{} }

// onTimeoutNow campaigns at once, without asking for pre-votes, at the word of the leader
// of this term. A replica that is no voter any more by its own latest configuration has nothing to campaign for
// (ELEC-21).
func (r *Raft) onTimeoutNow(m *Message) {
	if m.From != r.leader || !r.promotable() || !r.config.Contains(uint64(r.id)) || r.diskHangs() {
		return
	}
	r.becomeCandidate()
	r.election.transfer = true
}
