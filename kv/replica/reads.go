package replica

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// readState follows reads from arrival to the state machine: fresh (this turn),
// asked (waiting for the core's grant), granted (waiting for the state machine).
type readState struct {
	fresh  []Reader
	nextID uint64
	// asked holds one batch for each turn that had reads, ascending in id.
	asked fifo[readBatch]
	// granted is ascending in index, as the core's grants are.
	granted fifo[readBatch]
	// stale reads need no grant.
	stale []Reader
	// waiting counts the readers in all of the above.
	waiting int
}

type readBatch struct {
	id    uint64
	index uint64
	// until is how long a follower waits for the entries that it was granted the read at.
	until   env.Instant
	readers []Reader
}

// grantPatience times ElectionTimeout is how long a read that a follower was granted waits for the entries up to
// its index. They may never come: the follower may have been cut off or removed meanwhile.
const grantPatience = 5

// expireGranted ends the reads of a follower that have waited too long for their entries.
func (r *Replica) expireGranted(now env.Instant) {
	if r.raft.Role() == raft.Leader {
		return // it has all that it grants
	}
	rs := &r.reads
	for rs.granted.len() > 0 && rs.granted.front().until <= now {
		rs.drop(rs.granted.pop().readers, NotLeader)
	}
}

// grantDeadline is when expireGranted has something to do.
func (r *Replica) grantDeadline() env.Instant {
	if r.reads.granted.len() == 0 || r.raft.Role() == raft.Leader {
		return env.Never
	}
	return r.reads.granted.front().until
}

// Read serves a linearizable read on the leader, through the core's read index (REP-5).
func (r *Replica) Read(rd Reader) {
	if !r.stopped && r.raft.Role() != raft.Leader {
		rd.ReadDropped(NotLeader)
		return
	}
	r.ReadHere(rd)
}

// ReadHere serves a linearizable read on this replica, whether it leads or not: a follower asks
// its leader for the read index (READ-10).
func (r *Replica) ReadHere(rd Reader) {
	if r.admit(rd) {
		r.reads.fresh = append(r.reads.fresh, rd)
	}
}

// ReadStale serves a read from whatever this replica has applied.
func (r *Replica) ReadStale(rd Reader) {
	if r.admit(rd) {
		r.reads.stale = append(r.reads.stale, rd)
	}
}

// admit counts a read in, or ends it if there is no place for it.
func (r *Replica) admit(rd Reader) bool {
	switch {
	case r.stopped:
		rd.ReadDropped(Stopped)
	case r.reads.waiting >= r.cfg.MaxWaitingReads:
		rd.ReadDropped(Overloaded)
	default:
		r.reads.waiting++
		return true
	}
	return false
}

// askReads asks one grant for all reads of this turn.
func (r *Replica) askReads(now env.Instant) {
	if len(r.reads.fresh) == 0 {
		return
	}
	r.reads.nextID++
	r.reads.asked.push(readBatch{id: r.reads.nextID, readers: r.reads.fresh})
	r.reads.fresh = nil
	r.raft.Read(time.Duration(now), r.reads.nextID)
}

// settleReads takes in the core's answers. Both lists are ascending in id and
// together cover a prefix of what was asked.
func (r *Replica) settleReads(out *raft.Output) {
	rs := &r.reads
	grants, drops := out.Reads, out.DroppedReads
	for rs.asked.len() > 0 && (len(grants) > 0 || len(drops) > 0) {
		b := rs.asked.front()
		switch {
		case len(grants) > 0 && grants[0].ID == b.id:
			granted := rs.asked.pop()
			granted.index = grants[0].Index
			granted.until = r.now.Add(grantPatience * r.cfg.Raft.ElectionTimeout)
			if n := rs.granted.len(); n > 0 && rs.granted.items[len(rs.granted.items)-1].index > granted.index {
				panic("replica: read grants went back")
			}
			rs.granted.push(granted)
			grants = grants[1:]
		case len(drops) > 0 && drops[0] == b.id:
			batch := rs.asked.pop()
			rs.drop(batch.readers, NotLeader)
			drops = drops[1:]
		default:
			panic("replica: the core answered reads out of order")
		}
	}
}

func (rs *readState) drop(readers []Reader, why Drop) {
	rs.waiting -= len(readers)
	for _, rd := range readers {
		rd.ReadDropped(why)
	}
}

// ready takes the reads that a state machine at index can serve.
func (rs *readState) ready(index uint64, into []Reader) []Reader {
	into = append(into, rs.stale...)
	clear(rs.stale)
	rs.stale = rs.stale[:0]
	for rs.granted.len() > 0 && rs.granted.front().index <= index {
		into = append(into, rs.granted.pop().readers...)
	}
	return into
}

func (r *Replica) dropReads(why Drop) {
	rs := &r.reads
	rs.drop(rs.fresh, why)
	rs.drop(rs.stale, why)
	rs.fresh, rs.stale = nil, nil
	for rs.asked.len() > 0 {
		rs.drop(rs.asked.pop().readers, why)
	}
	for rs.granted.len() > 0 {
		rs.drop(rs.granted.pop().readers, why)
	}
}
