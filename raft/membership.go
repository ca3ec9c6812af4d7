package raft

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/raft/progress"
)

// What ProposeChange can answer, beside ErrNotLeader and ErrTransferring.
var (
	// ErrChangePending: nothing was appended; one change at a time, and none before this leader
	// has committed an entry of its term.
	ErrChangePending = errors.New(
		"raft: another change of the configuration is not complete, or the leader is new; nothing was appended, try again shortly")
	// ErrNotCaughtUp: nothing was appended; as a voter the learner would hold up the group.
	ErrNotCaughtUp = errors.New("raft: the learner has not caught up with the log; nothing was appended, try again later")
	// ErrBadChange: nothing was appended; what it wraps says what cannot be.
	ErrBadChange = errors.New("raft: the configuration cannot be changed so; nothing was appended")
)

// configEntry is a configuration in the log, and the index of its entry.
type configEntry struct {
	index  uint64
	data   []byte
	config confchange.Config
}

// restoreConfigs returns the configurations of a restored log: first the one that held where the log
// starts, then those of its entries.
func restoreConfigs(cfg *Config, s *Restored) ([]configEntry, error) {
	base := configEntry{index: s.SnapIndex}
	if s.SnapIndex == 0 {
		if base.config = cfg.initial(); len(cfg.Voters) > 0 {
			base.data = base.config.Append(nil)
		}
	} else if err := base.decode(s.SnapConfig); err != nil {
		return nil, fmt.Errorf("raft: restored: the configuration at index %d, where the log starts: %w", s.SnapIndex, err)
	}
	configs := []configEntry{base}
	for _, e := range s.Configs {
		next := configEntry{index: e.Index}
		if e.Index <= configs[len(configs)-1].index || e.Index > s.LastIndex {
			return nil, fmt.Errorf("raft: restored: a configuration at index %d of a log (%d, %d], after one at %d",
				e.Index, s.SnapIndex, s.LastIndex, configs[len(configs)-1].index)
		}
		if err := next.decode(e.Data); err != nil {
			return nil, fmt.Errorf("raft: restored: the configuration of entry %d: %w", e.Index, err)
		}
		configs = append(configs, next)
	}
	return configs, s.validateConfigs()
}

// validateConfigs compares the configurations with the entries at hand.
func (s *Restored) validateConfigs() error {
	for i := range s.Tail {
		e := &s.Tail[i]
		if e.Kind == EntryConfig && !slices.ContainsFunc(s.Configs, func(c ConfigEntry) bool {
			return c.Index == e.Index && bytes.Equal(c.Data, e.Data)
		}) {
			return fmt.Errorf("raft: restored: entry %d is a configuration that is not among the ones of the log", e.Index)
		}
	}
	return nil
}

func (c *configEntry) decode(data []byte) (err error) {
	c.data = data
	c.config, err = confchange.Decode(data)
	return err
}

// latest is the configuration in effect: the newest one in the log, committed or not (§6).
func (r *Raft) latest() *configEntry { return &r.configs[len(r.configs)-1] }

// configAt is the configuration that is in effect at an index of the log.
func (r *Raft) configAt(index uint64) *configEntry {
	i := len(r.configs) - 1
	for i > 0 && r.configs[i].index > index {
		i--
	}
	return &r.configs[i]
}

// Configuration returns the configuration in effect: the newest one in the log, committed or not
// (§6). It is empty on a replica that was added later and knows of nobody yet.
func (r *Raft) Configuration() confchange.Config { return r.latest().config }

// ConfigIndex returns the index of the entry that brought the configuration in effect, 0 for the
// initial one. Of an entry that the log no longer holds it is where the log now starts
// (FirstIndex - 1).
func (r *Raft) ConfigIndex() uint64 { return r.latest().index }

// CommittedConfiguration returns the newest committed configuration.
func (r *Raft) CommittedConfiguration() confchange.Config { return r.configAt(r.commit).config }

// mayLead tells whether this replica is a voter of the newest committed configuration or of one after
// it. One that only lost its vote in a configuration that is not committed yet may be
// the only one that can be elected, with the others' votes, because it alone holds that
// configuration (dissertation §4.2.2).
func (r *Raft) mayLead() bool {
	if r.config.Contains(uint64(r.id)) {
		return true
	}
	for i := len(r.configs) - 1; i >= 0; i-- {
		if r.configs[i].config.IsVoter(uint64(r.id)) {
			return true
		}
		if r.configs[i].index <= r.commit {
			break
		}
	}
	return false
}

// ProposeChange has the leader append what the changes make of the configuration; it is in effect at
// once. If the voters change, that is a joint configuration, which the leader leaves by
// itself when it is committed. The change is complete when a configuration that is not joint is
// committed at or after index, and lost if another entry is.
//
// It returns ErrNotLeader, ErrTransferring, ErrChangePending, ErrNotCaughtUp for a learner that
// cannot be promoted yet (CaughtUp), or ErrBadChange.
func (r *Raft) ProposeChange(now time.Duration, changes []confchange.Change) (index, term uint64, err error) {
	r.advance(now)
	r.stir()
	switch {
	case r.role != Leader:
		return 0, 0, ErrNotLeader
	case r.leading.transfer.to != 0:
		return 0, 0, ErrTransferring
	case !r.committedOwn() || r.ConfigIndex() > r.commit || r.latest().config.Joint():
		return 0, 0, ErrChangePending
	}
	next, err := r.latest().config.Apply(changes)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %w", ErrBadChange, err)
	}
	for _, c := range changes {
		if c.Kind == confchange.Promote && !r.CaughtUp(ReplicaID(c.Member.ID)) {
			return 0, 0, fmt.Errorf("%w: replica %d", ErrNotCaughtUp, c.Member.ID)
		}
	}
	return r.appendConfig(next), r.term, nil
}

// appendConfig appends a configuration to the leader's log. With another quorum what is known
// may suffice to commit entries and to grant reads (LIVE-08).
func (r *Raft) appendConfig(c confchange.Config) uint64 {
	e := Entry{Index: r.log.last + 1, Term: r.term, Kind: EntryConfig, Data: c.Append(nil)}
	r.appendOwn([]Entry{e})
	r.configs = append(r.configs, configEntry{index: e.Index, data: e.Data, config: c})
	r.configure()
	r.maybeCommit()
	if r.role == Leader {
		r.confirmReads()
	}
	return e.Index
}

// pushConfigs takes over the configurations among appended entries. It tells whether there were any.
func (r *Raft) pushConfigs(entries []Entry) bool {
	pushed := false
	for i := range entries {
		if e := &entries[i]; e.Kind == EntryConfig {
			c := configEntry{index: e.Index}
			if err := c.decode(e.Data); err != nil {
				panic(fmt.Sprintf("raft: group %d: configuration entry %d, which was valid when it came: %v", r.cfg.Group, e.Index, err))
			}
			r.configs = append(r.configs, c)
			pushed = true
		}
	}
	return pushed
}

// popConfigs forgets the configurations of the entries from index on, however many. It tells whether there
// were any.
func (r *Raft) popConfigs(index uint64) bool {
	n := len(r.configs)
	for n > 1 && r.configs[n-1].index >= index {
		n--
	}
	popped := n < len(r.configs)
	clear(r.configs[n:])
	r.configs = r.configs[:n]
	return popped
}

// rebaseConfigs forgets the configurations before the one at index, where the log now starts.
func (r *Raft) rebaseConfigs(index uint64, base configEntry) {
	n := 0
	for n < len(r.configs) && r.configs[n].index <= index {
		n++
	}
	r.configs = slices.Insert(slices.Delete(r.configs, 0, n), 0, base)
}

// configure puts the newest configuration of the log into effect. What is known of the members that
// stay, stays.
func (r *Raft) configure() {
	c := r.latest().config
	peers := make([]peer, 0, len(c.Members))
	for i := range c.Members {
		m := &c.Members[i]
		if ReplicaID(m.ID) == r.id {
			continue
		}
		p := r.freshPeer(ReplicaID(m.ID))
		if known := r.peer(p.id); known != nil {
			p = *known
		}
		p.voter, p.join = m.Voter || m.Outgoing, 0
		if m.Learner {
			p.join = m.Store
		}
		peers = append(peers, p)
	}
	for i := range r.peers {
		if _, stays := c.Member(uint64(r.peers[i].id)); !stays {
			r.cancelSnapshot(&r.peers[i])
		}
	}
	r.peers = peers
	r.config = c.Quorum()
	r.transient = c.Joint() || !r.config.Contains(uint64(r.id))
	r.configChanged = true
}

// freshPeer is what a new leader, or one with a new member, knows of a peer (§5.3).
func (r *Raft) freshPeer(id ReplicaID) peer {
	return peer{
		id: id, heard: r.now, stall: stall{timed: r.leading.timed},
		progress: progress.New(r.log.last+1, r.cfg.limits()), catchUp: catchUp{target: r.log.last, began: r.now},
	}
}

// settleConfig does what a leader owes to a configuration that is committed: it leaves a joint one, also
// one of an earlier leader, and not before it is committed (§6, MEMB-08); and it goes if it is
// no voter any more (§6, dissertation §4.2.2). Until then it leads on without counting itself.
func (r *Raft) settleConfig() {
	c := r.latest()
	if !r.transient || c.index > r.commit || !r.committedOwn() {
		return
	}
	switch {
	case c.config.Joint():
		r.appendConfig(c.config.Leave())
	case !r.config.Contains(uint64(r.id)):
		r.handOver()
	}
}

// catchUp measures whether a learner keeps pace with the log, in rounds (dissertation §4.2.1): a round
// replicates what the log held when it began.
type catchUp struct {
	// target ends the current round, 0 if there is nothing to replicate; began is when it began.
	target uint64
	began  time.Duration
	// fast: the newest complete round took less than an election timeout.
	fast bool
}

// observe looks where the learner is now.
func (c *catchUp) observe(match, last uint64, now, limit time.Duration) {
	if match < c.target {
		return
	}
	switch {
	case c.target != 0:
		c.fast = now-c.began < limit
	case match == last:
		// A round that has nothing to replicate.
		c.fast = true
	}
	c.target, c.began = 0, now
	if match < last {
		c.target = last
	}
}

// CaughtUp tells whether a learner may become a voter, as this leader sees it: its last round of
// catching up took less than an ElectionTimeout, the current one has not taken longer yet, and it was
// heard within one (dissertation §4.2.1).
func (r *Raft) CaughtUp(id ReplicaID) bool {
	p := r.peer(id)
	if r.role != Leader || p == nil || p.voter {
		return false
	}
	limit := r.cfg.ElectionTimeout
	return p.catchUp.fast && r.now-p.heard < limit && (p.catchUp.target == 0 || r.now-p.catchUp.began < limit)
}
