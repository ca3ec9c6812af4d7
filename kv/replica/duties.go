package replica

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// duties are what a leader does by itself about who takes part. They rest on the configuration
// alone, so that a new leader goes on where the old one stopped.
type duties struct {
	next env.Instant
	// transfer is when leadership may be offered to a preferred voter again.
	transfer env.Instant
}

// transferPause times ElectionTimeout lies between two offers of leadership.
const transferPause = 20

// perform does what is due: a learner that is to become a voter and has caught up is
// promoted; a voter with a higher priority gets the leadership.
func (r *Replica) perform(now env.Instant) {
	if r.raft.Role() != raft.Leader || now < r.duties.next {
		return
	}
	r.duties.next = now.Add(r.cfg.Raft.ElectionTimeout / 2)
	config := r.raft.Configuration()
	if config.Joint() || r.raft.ConfigIndex() > r.raft.Commit() || r.raft.Transferring() != 0 {
		return
	}
	for i := range config.Members {
		m := &config.Members[i]
		if m.Learner && m.Promote && r.raft.CaughtUp(raft.ReplicaID(m.ID)) {
			change := confchange.Change{Kind: confchange.Promote, Member: confchange.Member{ID: m.ID}}
			// What is refused is tried again in the next round, and keeps nothing else from being done.
			if _, _, err := r.raft.ProposeChange(time.Duration(now), []confchange.Change{change}); err == nil {
				return
			}
		}
	}
	r.offerLeadership(now, &config)
}

// offerLeadership hands over to a voter of higher priority that has kept up.
func (r *Replica) offerLeadership(now env.Instant, config *confchange.Config) {
	own, ok := config.Member(uint64(r.ID()))
	if !ok || now < r.duties.transfer {
		return
	}
	best, highest := raft.ReplicaID(0), own.Priority
	for _, p := range r.raft.Status().Peers {
		m, ok := config.Member(uint64(p.ID))
		if ok && m.Voter && m.Priority > highest && p.SinceHeard < r.cfg.Raft.ElectionTimeout && p.Match >= r.raft.Commit() {
			best, highest = p.ID, m.Priority
		}
	}
	if best == 0 {
		return
	}
	r.duties.transfer = now.Add(transferPause * r.cfg.Raft.ElectionTimeout)
	_ = r.raft.Transfer(time.Duration(now), best) // refused: tried again after the pause
}

// HandOver gives the leadership to the best of the other voters, if this replica leads. It
// tells whether there is something to wait for.
func (r *Replica) HandOver(now env.Instant) bool {
	if r.stopped || r.raft.Role() != raft.Leader {
		return false
	}
	return r.raft.Transferring() != 0 || r.raft.Transfer(time.Duration(now), 0) == nil
}
