package invariant

import "github.com/holdfastdb/holdfast/checker/verdict"

// Recovery: what a message has promised to other nodes is there after a
// restart (Figure 2: "persistent state, updated on stable storage before
// responding to RPCs").
//
// Three things are promised: a term, by every message but a pre-vote; a vote in
// that term, by a candidate's request and by a granted vote; and log entries, by
// a follower's acknowledgement and by a leader counting itself.
type Recovery struct {
	promises map[Replica]*promise
}

type promise struct {
	term, vote uint64
	// index and entryTerm are the last entry promised to the leader of a term.
	index, entryTerm, leaderTerm uint64
}

// Recovered is what a replica found on its disk when it started.
type Recovered struct {
	// Term and Vote are the hard state; Vote is 0 for none.
	Term, Vote uint64
	// Log is the recovered log.
	Log View
}

// NewRecovery returns an oracle that has seen nothing.
func NewRecovery() *Recovery { return &Recovery{promises: make(map[Replica]*promise)} }

func (o *Recovery) of(r Replica) *promise {
	p := o.promises[r]
	if p == nil {
		p = &promise{}
		o.promises[r] = p
	}
	return p
}

// PromiseTerm is told that a message with a term, and a vote in it or 0, has
// left the replica. It fires when a second vote in one term is promised.
func (o *Recovery) PromiseTerm(r Replica, term, vote uint64) *verdict.Violation {
	p := o.of(r)
	switch {
	case term < p.term:
		return nil // an old message on its way out
	case term > p.term:
		p.term, p.vote = term, vote
	case p.vote == 0:
		p.vote = vote
	case vote != 0 && vote != p.vote:
		return verdict.Violationf(OracleRecovery, "two-votes",
			"node %d of group %d voted for node %d and then for node %d in term %d",
			r.Node, r.Group, p.vote, vote, term).On(r.Group, r.Node)
	}
	return nil
}

// PromiseEntries is told that an acknowledgement has left the replica, to the
// leader of a term, for all entries up to an index, whose entry has a term.
func (o *Recovery) PromiseEntries(r Replica, leaderTerm, index, entryTerm uint64) {
	p := o.of(r)
	if leaderTerm > p.leaderTerm || (leaderTerm == p.leaderTerm && index > p.index) {
		p.leaderTerm, p.index, p.entryTerm = leaderTerm, index, entryTerm
	}
}

// ObserveTruncate is told that a replica drops its entries from an index on
// because the leader of a term has others there; prevTerm is the term of the
// entry before that index. A later leader releases the replica from what
// it promised to an earlier one; within one term nothing promised may be dropped.
func (o *Recovery) ObserveTruncate(r Replica, leaderTerm, from, prevTerm uint64) *verdict.Violation {
	p := o.of(r)
	if from > p.index {
		return nil
	}
	if leaderTerm <= p.leaderTerm {
		return verdict.Violationf(OracleRecovery, "dropped-promised",
			"node %d of group %d dropped entries from %d on in term %d, but had acknowledged up to %d in term %d",
			r.Node, r.Group, from, leaderTerm, p.index, p.leaderTerm).On(r.Group, r.Node)
	}
	// What stays has passed this leader's consistency check, so it is promised to
	// it; acknowledgements to earlier leaders that leave late count no more.
	p.leaderTerm, p.index, p.entryTerm = leaderTerm, from-1, prevTerm
	return nil
}

// ObserveRestart is told what a replica has recovered.
func (o *Recovery) ObserveRestart(r Replica, now Recovered) *verdict.Violation {
	p := o.of(r)
	if now.Term < p.term {
		return verdict.Violationf(OracleRecovery, "term",
			"node %d of group %d restarted in term %d, but had promised term %d", r.Node, r.Group, now.Term, p.term).
			On(r.Group, r.Node)
	}
	if now.Term == p.term && p.vote != 0 && now.Vote != p.vote {
		return verdict.Violationf(OracleRecovery, "vote",
			"node %d of group %d restarted with vote %d in term %d, but had voted for node %d",
			r.Node, r.Group, now.Vote, now.Term, p.vote).On(r.Group, r.Node)
	}
	if p.index == 0 {
		return nil
	}
	switch term, holding := now.Log(p.index); {
	case holding == Absent:
		return verdict.Violationf(OracleRecovery, "log-shorter",
			"node %d of group %d restarted without entry %d, which it had acknowledged in term %d",
			r.Node, r.Group, p.index, p.leaderTerm).On(r.Group, r.Node)
	case holding == Present && term != p.entryTerm:
		return verdict.Violationf(OracleRecovery, "log-differs",
			"node %d of group %d restarted with an entry of term %d at index %d, but had acknowledged one of term %d",
			r.Node, r.Group, term, p.index, p.entryTerm).On(r.Group, r.Node)
	}
	return nil
}

// Forget drops a replica that was destroyed, or whose disk was lost on purpose.
func (o *Recovery) Forget(r Replica) { delete(o.promises, r) }
