package replica

import (
	"math"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// LagUnknown is the lag of a replica that has not known itself up to date since it started.
const LagUnknown time.Duration = math.MaxInt64

// freshness follows how recently a follower had applied all that its leader had
// committed. It watches one message of the leader at a time: once what that one
// told of is applied, the replica was up to date when it came.
type freshness struct {
	// heard is the highest commit index any leader told of.
	heard uint64
	// watched is the commit index of the message that is watched, 0 if none is; it is
	// of this term and came at this time.
	watched   uint64
	term      uint64
	watchedAt env.Instant
	// upToDate counts only if known.
	upToDate env.Instant
	known    bool
}

// hear takes in a message of the current leader. One without a commit index, or with
// less than is known to be committed, says nothing of the leader's: it was overtaken.
func (f *freshness) hear(now env.Instant, m *raft.Message) {
	if m.Commit < f.heard {
		return
	}
	f.heard = m.Commit
	if f.watched == 0 {
		f.watched, f.term, f.watchedAt = m.Commit, m.Term, now
	}
}

// catchUp looks whether what is watched for has been applied.
func (r *Replica) catchUp() {
	f := &r.fresh
	if f.watched == 0 || r.applied < f.watched {
		return
	}
	// A leader whose commit index is of an earlier term may not know yet what its
	// predecessor committed (§5.4.2), so it proves nothing.
	if term, ok := r.raft.TermAt(f.watched); ok && term == f.term {
		f.upToDate, f.known = f.watchedAt, true
	}
	f.watched = 0
}

// Lag is the time since the replica last knew itself up to date: since a message
// of the leader came, all of whose committed entries are applied here by now. It
// is 0 on a leader and LagUnknown where there was no such message.
func (r *Replica) Lag(now env.Instant) time.Duration {
	switch {
	case r.raft.Role() == raft.Leader:
		return 0
	case !r.fresh.known:
		return LagUnknown
	default:
		return now.Sub(r.fresh.upToDate)
	}
}
