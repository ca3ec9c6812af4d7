package raft

import (
	"time"

	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/raft/progress"
)

// Status is a picture of a replica for people and tests.
type Status struct {
	Group  GroupID
	ID     ReplicaID
	Role   Role
	Term   uint64
	Vote   ReplicaID
	Leader ReplicaID

	SnapIndex uint64
	Applied   uint64
	Commit    uint64
	Durable   uint64
	LastIndex uint64
	LastTerm  uint64

	// CacheBytes and UncommittedBytes are what Config bounds; PendingReads wait for a grant.
	CacheBytes       int
	UncommittedBytes int
	PendingReads     int
	// Lease: this leader grants reads without asking a quorum. Transferring is whom it hands its
	// leadership to, 0 for nobody. Removed: this replica was told that it is out of the group
	// for good; it never campaigns again.
	Lease        bool
	Transferring ReplicaID
	Removed      bool
	// Quiescent: this replica sleeps.
	Quiescent bool
	// Dropped counts the messages that no correct peer can have sent.
	Dropped uint64
	// Configuration is the one in effect, ConfigIndex the index of its entry (ConfigIndex).
	Configuration confchange.Config
	ConfigIndex   uint64
	// Peers is filled on a leader only, ascending by id.
	Peers []PeerStatus
}

// PeerStatus is a follower as its leader sees it.
type PeerStatus struct {
	ID            ReplicaID
	State         progress.State
	Match, Next   uint64
	Paused        bool
	Fetching      bool
	Inflight      int
	InflightBytes int
	// SinceHeard is the time since its last response.
	SinceHeard time.Duration
	// NeedsSnapshot: it lacks entries that the log no longer holds.
	NeedsSnapshot bool
	// Learner: it counts for nothing yet; CaughtUp: it may become a voter.
	Learner, CaughtUp bool
}

// Status returns a picture of the replica as of its last input.
func (r *Raft) Status() Status {
	s := Status{
		Group: r.cfg.Group, ID: r.id, Role: r.role, Term: r.term, Vote: r.vote, Leader: r.leader,
		SnapIndex: r.log.snapIndex, Applied: r.applied, Commit: r.commit, Durable: r.log.durable,
		LastIndex: r.log.last, LastTerm: r.log.lastTerm(), CacheBytes: r.log.cache.bytes,
		UncommittedBytes: r.leading.uncommitted.bytes,
		PendingReads:     r.reads.pending(), Dropped: r.dropped,
		Configuration: r.Configuration(), ConfigIndex: r.ConfigIndex(),
		Lease: r.holdsLease(), Transferring: r.leading.transfer.to, Removed: r.removed,
		Quiescent: r.Quiescent(),
	}
	if r.role != Leader {
		return s
	}
	for i := range r.peers {
		p := &r.peers[i]
		appends, bytes := p.progress.Inflight()
		s.Peers = append(s.Peers, PeerStatus{
			ID: p.id, State: p.progress.State(), Match: p.progress.Match(), Next: p.progress.Next(),
			Paused: p.progress.Paused(), Fetching: p.progress.Fetching() != 0, Inflight: appends, InflightBytes: bytes,
			SinceHeard: r.now - p.heard, NeedsSnapshot: p.progress.State() == progress.Snapshot,
			Learner: !p.voter, CaughtUp: r.CaughtUp(p.id),
		})
	}
	return s
}

// ID returns the replica's own id.
func (r *Raft) ID() ReplicaID { return r.id }

// Term returns the current term, 0 before the first election.
func (r *Raft) Term() uint64 { return r.term }

// Vote returns whom this replica voted for in the current term, 0 for nobody.
func (r *Raft) Vote() ReplicaID { return r.vote }

// Role returns what the replica is now.
func (r *Raft) Role() Role { return r.role }

// Leader returns the leader of the current term, 0 if it is not known.
func (r *Raft) Leader() ReplicaID { return r.leader }

// Commit returns the commit index.
func (r *Raft) Commit() uint64 { return r.commit }

// Durable returns the index up to which the log is known to be on disk.
func (r *Raft) Durable() uint64 { return r.log.durable }

// Applied returns what SetApplied reported last.
func (r *Raft) Applied() uint64 { return r.applied }

// LastIndex returns the index of the last entry, durable or not.
func (r *Raft) LastIndex() uint64 { return r.log.last }

// TermAt returns the term of the entry at index; false if it is not in the log, the
// snapshot's last entry included.
func (r *Raft) TermAt(index uint64) (uint64, bool) { return r.log.termAt(index) }

// Voters returns the voters of the configuration in effect, of a joint one those of both halves, ascending.
func (r *Raft) Voters() []ReplicaID {
	ids := r.config.Voters()
	voters := make([]ReplicaID, len(ids))
	for i, id := range ids {
		voters[i] = ReplicaID(id)
	}
	return voters
}

// PeerMatch returns the last index that the peer is known to hold durably, as seen by this
// leader; 0 on other replicas and for strangers.
func (r *Raft) PeerMatch(id ReplicaID) uint64 {
	p := r.peer(id)
	if r.role != Leader || p == nil {
		return 0
	}
	return p.progress.Match()
}
