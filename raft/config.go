package raft

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/raft/progress"
)

// Never is a time that is not reached: the Deadline of a core that waits for
// nothing but input.
const Never time.Duration = math.MaxInt64

// maxNumber bounds terms and indexes, on the wire as in a restored state, so
// that counting on from them cannot overflow.
const maxNumber = 1 << 62

// MaxEntryBytes bounds the payload of one entry, 64 MiB.
const MaxEntryBytes = 64 << 20

// What Propose can answer.
var (
	// ErrNotLeader: nothing was appended; Leader may know where to go.
	ErrNotLeader = errors.New("raft: not the leader of this group; nothing was appended, ask the leader")
	// ErrOverloaded: nothing was appended; too many bytes wait for their commit.
	ErrOverloaded = errors.New("raft: too many bytes wait to be committed; nothing was appended, try again later")
	// ErrBadProposal: nothing was appended: the batch is empty or a payload exceeds MaxEntryBytes.
	ErrBadProposal = errors.New("raft: a proposal needs at least one payload, none above MaxEntryBytes; nothing was appended")
)

// validate returns what is wrong with the configuration, and what it should be.
func (c *Config) validate() error {
	if c.Group == 0 {
		return errors.New("raft: config: Group is 0, which is reserved")
	}
	if c.ID == 0 {
		return errors.New("raft: config: ID is 0, which means no replica")
	}
	seen := map[ReplicaID]bool{}
	for _, v := range c.Voters {
		if v == 0 || seen[v] {
			return fmt.Errorf("raft: config: Voters %v must be distinct and not 0", c.Voters)
		}
		seen[v] = true
	}
	if len(c.Voters) > 0 && !seen[c.ID] {
		return fmt.Errorf("raft: config: replica %d is not among Voters %v", c.ID, c.Voters)
	}
	if initial := c.initial(); len(c.Voters) > 0 {
		if err := initial.Validate(); err != nil {
			return fmt.Errorf("raft: config: Voters %v: %w", c.Voters, err)
		}
	}
	if c.HeartbeatInterval <= 0 {
		return fmt.Errorf("raft: config: HeartbeatInterval is %v, must be positive", c.HeartbeatInterval)
	}
	if c.ElectionTimeout < 2*c.HeartbeatInterval || c.ElectionTimeout > 24*time.Hour {
		return fmt.Errorf("raft: config: ElectionTimeout is %v, must be at least twice HeartbeatInterval (%v) and at most a day",
			c.ElectionTimeout, c.HeartbeatInterval)
	}
	if c.QuiesceAfter < 0 || c.QuiesceAfter > 24*time.Hour {
		return fmt.Errorf("raft: config: QuiesceAfter is %v, must be 0 (never) to a day", c.QuiesceAfter)
	}
	if c.LeaseReads && !c.CheckQuorum {
		return errors.New("raft: config: LeaseReads needs CheckQuorum: without it followers do not protect their leader")
	}
	if c.MaxClockDrift < 0 || c.MaxClockDrift > 500_000 {
		return fmt.Errorf("raft: config: MaxClockDrift is %d parts per million, must be 0 to 500000", c.MaxClockDrift)
	}
	for _, l := range []struct {
		name  string
		value int
	}{
		{"MaxAppendBytes", c.MaxAppendBytes},
		{"MaxInflightAppends", c.MaxInflightAppends},
		{"MaxInflightBytes", c.MaxInflightBytes},
		{"MaxUncommittedBytes", c.MaxUncommittedBytes},
		{"MaxCacheBytes", c.MaxCacheBytes},
		{"MaxPendingReads", c.MaxPendingReads},
	} {
		if l.value < 1 {
			return fmt.Errorf("raft: config: %s is %d, must be at least 1", l.name, l.value)
		}
	}
	return nil
}

// initial is the configuration that the group starts with; that of a replica which is added later knows
// of nobody.
func (c *Config) initial() confchange.Config {
	ids := make([]uint64, len(c.Voters))
	for i, v := range c.Voters {
		ids[i] = uint64(v)
	}
	return confchange.Initial(ids)
}

func (c *Config) limits() progress.Limits {
	return progress.Limits{MaxAppends: c.MaxInflightAppends, MaxBytes: c.MaxInflightBytes}
}

// validate returns what is wrong with a restored state. A replica must not start
// from one that contradicts itself: it may have forgotten promises.
func (s *Restored) validate() error {
	hs := s.HardState
	switch {
	case hs.Term >= maxNumber || s.LastIndex >= maxNumber:
		return fmt.Errorf("raft: restored: term %d or last index %d is out of range", hs.Term, s.LastIndex)
	case hs.Term == 0 && hs.Vote != 0:
		return fmt.Errorf("raft: restored: a vote for %d in term 0", hs.Vote)
	case s.LastIndex < s.SnapIndex:
		return fmt.Errorf("raft: restored: last index %d is below the snapshot's %d", s.LastIndex, s.SnapIndex)
	case (s.SnapIndex == 0) != (s.SnapTerm == 0):
		return fmt.Errorf("raft: restored: snapshot index %d with term %d", s.SnapIndex, s.SnapTerm)
	case s.Applied < s.SnapIndex || s.Applied > s.LastIndex:
		return fmt.Errorf("raft: restored: applied index %d is outside the log (%d, %d]: the log lost entries that were applied",
			s.Applied, s.SnapIndex, s.LastIndex)
	}
	if err := s.validateRuns(); err != nil {
		return err
	}
	return s.validateTail()
}

func (s *Restored) validateRuns() error {
	first, term := s.SnapIndex, s.SnapTerm
	for i, run := range s.Runs {
		if (i == 0 && run.First != s.SnapIndex+1) || (i > 0 && run.First <= first) || run.First > s.LastIndex {
			return fmt.Errorf("raft: restored: term runs %v do not cover (%d, %d]", s.Runs, s.SnapIndex, s.LastIndex)
		}
		if run.Term < max(1, term) || (i > 0 && run.Term == term) {
			return fmt.Errorf("raft: restored: term runs %v after snapshot term %d do not ascend", s.Runs, s.SnapTerm)
		}
		first, term = run.First, run.Term
	}
	if len(s.Runs) == 0 && s.LastIndex > s.SnapIndex {
		return fmt.Errorf("raft: restored: no term runs for (%d, %d]", s.SnapIndex, s.LastIndex)
	}
	if term > s.HardState.Term {
		return fmt.Errorf("raft: restored: the log reaches term %d but the hard state only %d: the hard state is lost or older",
			term, s.HardState.Term)
	}
	return nil
}

func (s *Restored) validateTail() error {
	if len(s.Tail) == 0 {
		return nil
	}
	if first := s.LastIndex - uint64(len(s.Tail)) + 1; uint64(len(s.Tail)) > s.LastIndex-s.SnapIndex || s.Tail[0].Index != first {
		return fmt.Errorf("raft: restored: a tail of %d entries from %d does not end at the last index %d",
			len(s.Tail), s.Tail[0].Index, s.LastIndex)
	}
	run := 0
	for i := range s.Tail {
		e := &s.Tail[i]
		for run+1 < len(s.Runs) && s.Runs[run+1].First <= e.Index {
			run++
		}
		if e.Index != s.Tail[0].Index+uint64(i) || e.Term != s.Runs[run].Term {
			return fmt.Errorf("raft: restored: tail entry %d of term %d contradicts its neighbours or the term runs", e.Index, e.Term)
		}
	}
	return nil
}
