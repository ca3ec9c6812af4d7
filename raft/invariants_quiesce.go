package raft

import (
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/raft/progress"
)

// checkSleep: who sleeps has nothing to do, knows of nobody who has, and does not change.
func (r *Raft) checkSleep() error {
	if r.role == Leader && r.leading.woken > 0 {
		if _, ok := r.leading.starts.of(r.leading.woken - 1); ok {
			return fmt.Errorf("RAFT-18: remembers when a round before %d began, which ended its sleep", r.leading.woken)
		}
	}
	if !r.sleep.asleep {
		return nil
	}
	switch {
	case r.cfg.QuiesceAfter == 0:
		return errors.New("RAFT-17: sleeps though its configuration says never")
	case r.role != Leader && (r.role != Follower || r.leader == 0):
		return errors.New("RAFT-17: sleeps without a leader")
	case r.commit != r.log.last || max(r.log.durable, r.log.snapIndex) != r.log.last:
		return fmt.Errorf("RAFT-17: sleeps with commit %d and durable %d of %d", r.commit, r.log.durable, r.log.last)
	case r.durableState.Term != r.term || r.durableState.Vote != r.vote:
		return fmt.Errorf("RAFT-17: sleeps while term %d and vote %d are not durable", r.term, r.vote)
	case r.promises.vote || r.promises.ack != 0:
		return errors.New("RAFT-17: sleeps and owes an answer")
	case r.reads.pending()+len(r.reads.remote)+len(r.reads.confirmingRemote) > 0:
		return errors.New("RAFT-17: sleeps while reads wait")
	case r.Deadline() != Never:
		return fmt.Errorf("RAFT-17: sleeps and wants a tick at %v", r.Deadline())
	}
	if err := r.checkSleepingLeader(); err != nil {
		return err
	}
	c := r.checkpoint
	if c != nil && c.asleep && c.sleeps == r.sleep.count && (c.term != r.term || c.last != r.log.last || c.commit != r.commit || c.leader != r.leader) {
		return fmt.Errorf("RAFT-17: changed in its sleep: from term %d, leader %d, last %d, commit %d to %d, %d, %d, %d",
			c.term, c.leader, c.last, c.commit, r.term, r.leader, r.log.last, r.commit)
	}
	return nil
}

func (r *Raft) checkSleepingLeader() error {
	if r.role != Leader {
		return nil
	}
	switch {
	case !r.committedOwn() || r.transient || r.leading.transfer.to != 0:
		return errors.New("RAFT-17: sleeps with a leader's work to do")
	case r.leading.starts.count > 0 || r.holdsLease():
		return errors.New("RAFT-18: sleeps with a lease, or what one can be made of")
	}
	for i := range r.peers {
		p := &r.peers[i].progress
		if p.State() != progress.Replicate || p.Match() != r.log.last {
			return fmt.Errorf("RAFT-17: sleeps while peer %d has not all up to %d: %v", r.peers[i].id, r.log.last, p)
		}
	}
	return nil
}
