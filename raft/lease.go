package raft

import (
	"math/bits"
	"time"
)

// Lease reads (dissertation §6.4.1). A leader that knows that a quorum heard it when, by its
// own clock, it began a round at time s, grants reads at its commit index without
// asking anybody until
//
//	s + ElectionTimeout * (1-d)/(1+d), with d = MaxClockDrift/1e6.
//
// Why no other leader can commit anything before that. A replica that hears a leader at true
// time t promises to have no part in an election until its clock has gone on by
// ElectionTimeout; that clock runs at most 1+d times as fast as true time, so the promise
// lasts at least to t + ElectionTimeout/(1+d). The leader's clock runs at least 1-d times as
// fast, so the lease ends, in true time, at most ElectionTimeout/(1+d) after s, and s is not
// later than t. Any quorum that could elect has a voter in common with the quorum that
// heard the round: of the same configuration, or of one next to it, as only this leader can add a
// configuration, one at a time, each next to the one before (§6, CONF-5). The quorum
// is counted in the configuration in effect when the read is granted, joint ones in both halves,
// learners and removed replicas not at all (LEASE-06).
//
// That voter can break its promise in no way:
//   - it answers no vote and no pre-vote, whoever asks in whatever term, while it is bound,
//     also if it has since learned a higher term and so forgot who leads (hearsLeader, LEASE-05);
//   - it does not campaign: every wait for an election is at least ElectionTimeout from the last
//     word of a leader, and campaign looks once more, whoever shortened the wait, with
//     pre-vote or without;
//   - a restart forgets what was heard, so a replica that starts behaves as if it had just heard a
//     leader. That holds for a fresh one too: a heartbeat is answered before its term is
//     durable;
//   - a follower that sleeps counts its leader as alive, and as heard when it wakes (quiesce.go): the promise
//     only gets longer. The leader's lease ends where its sleep begins, and no round from before the sleep brings
//     one back;
//   - a vote given before the round came means a higher term, and then the round is refused; a
//     pre-vote given before it promises nothing, and the vote itself is asked again;
//   - the one exception is a vote request with Transfer, from a candidate that was told by the
//     leader of the term before; that leader had no lease when it told it, nor has it one later in its
//     term, however the transfer ends and whenever the word arrives (LEASE-03, LEASE-04). A
//     candidate keeps Transfer for one candidacy, so it cannot reach a later leader's voters: in the
//     very term of the candidacy they have a leader, and refuse;
//   - learners, replicas promoted or restored from a snapshot, and replicas unfit to lead keep the
//     same rules; a replica that lost its disk comes back under a new id, and not as this voter.
//
// The leader itself is bound by its role: a lease ends with the leadership. A new leader grants
// nothing before it committed an entry of its term (LEASE-09).
//
// What the shell owes: all replicas of a group have the same LeaseReads, MaxClockDrift and ElectionTimeout. The
// clock never stands still, also not while the machine sleeps. `now` is read after the input it comes with was
// taken in: a leader that was paused between the two would grant a read that was asked when its lease was over (LEASE-08),
// and a follower would believe that it heard its leader earlier than it did.

// leaseRounds is how many rounds' beginnings a leader remembers: a quorum that takes longer
// than so many heartbeat intervals to answer gives no lease.
const leaseRounds = 32

// roundStarts remembers when the newest timed rounds began. Rounds that reads began in
// between count as the timed one before them, which is never too late.
type roundStarts struct {
	starts [leaseRounds]roundStart
	count  int
}

type roundStart struct {
	round uint64
	at    time.Duration
}

func (s *roundStarts) add(round uint64, at time.Duration) {
	s.starts[s.count%leaseRounds] = roundStart{round: round, at: at}
	s.count++
}

// of returns when the newest remembered round that is not after this one began.
func (s *roundStarts) of(round uint64) (time.Duration, bool) {
	for i := s.count - 1; i >= max(0, s.count-leaseRounds); i-- {
		if start := s.starts[i%leaseRounds]; start.round <= round {
			return start.at, true
		}
	}
	return 0, false
}

// leaseLength is how long a lease lasts from the beginning of the round that a quorum echoed.
func (c *Config) leaseLength() time.Duration {
	const million = 1_000_000
	hi, lo := bits.Mul64(uint64(c.ElectionTimeout), uint64(million-c.MaxClockDrift))
	length, _ := bits.Div64(hi, lo, uint64(million+c.MaxClockDrift))
	return time.Duration(length)
}

// holdsLease tells whether this leader may take it for sure that there is no other.
func (r *Raft) holdsLease() bool {
	if !r.cfg.LeaseReads || r.role != Leader || r.leading.abdicated {
		return false
	}
	at, ok := r.leading.starts.of(r.config.CommittedIndex(r.roundOf))
	return ok && r.now < at+r.cfg.leaseLength()
}

// bound tells whether this replica may have promised a leader's lease to have no part in an
// election yet.
func (r *Raft) bound() bool {
	return r.cfg.LeaseReads && r.now-r.election.heard < r.cfg.ElectionTimeout
}
