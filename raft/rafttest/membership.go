package rafttest

import (
	"errors"
	"math"
	"slices"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// Change has the replica propose changes of the configuration.
func (c *Cluster) Change(id raft.ReplicaID, changes ...confchange.Change) error {
	p := c.running(id)
	_, _, err := p.core.ProposeChange(c.now, changes)
	c.settle(p)
	return err
}

// join creates the replica that a message to a learner is for; nil if the message does not allow it. Whose store that
// is, is for the shells of production to know.
func (c *Cluster) join(m *raft.Message) *replica {
	if m.Join == 0 {
		return nil
	}
	cfg := c.replicas[0].cfg
	cfg.ID, cfg.Voters, cfg.Seed = m.To, nil, cfg.Seed+uint64(m.To.Node())
	p := &replica{id: m.To, cfg: cfg}
	if err := c.start(p, math.MaxInt); err != nil {
		c.violate("%v cannot start: %w", name(m.To), err)
		return nil
	}
	c.replicas = append(c.replicas, p)
	c.say("%v is created in store %d", name(m.To), m.Join)
	return p
}

// Compact forgets the replica's log up to an index, which its state machine holds durably.
func (c *Cluster) Compact(id raft.ReplicaID, index uint64) {
	p := c.running(id)
	p.disk.Applied = p.core.Applied()
	p.core.Compact(index)
	c.settle(p)
}

// Snapshot brings the state machine of one replica, as it is now, to another one that waits for it, or fails
// to. It tells whether there was one to be sent.
func (c *Cluster) Snapshot(from, to raft.ReplicaID, fail bool) bool {
	p, q := c.running(from), c.find(to)
	if !slices.Contains(p.sendings, to) {
		return false
	}
	p.sendings = slices.DeleteFunc(p.sendings, func(id raft.ReplicaID) bool { return id == to })
	m, known := p.core.MarkAt(p.core.Applied())
	ok := known && !fail && q != nil && q.core != nil && !p.cut && !q.cut && q.core.Role() != raft.Leader
	if ok {
		c.say("%v sends %v a snapshot at %d@%d", name(from), name(to), m.Index, m.Term)
		ok = c.install(q, m)
	} else {
		c.say("%v cannot send %v a snapshot", name(from), name(to))
	}
	if slices.Contains(p.sendings, to) {
		c.violate("%v asks twice for a snapshot to %v", name(from), name(to))
	}
	p.core.SnapshotEnded(to, ok)
	c.settle(p)
	return true
}

// install has a replica take a snapshot over: first its state machine, durably, then its log.
func (c *Cluster) install(p *replica, m raft.Mark) bool {
	if m.Index <= p.core.Applied() {
		return true
	}
	p.disk.Installed, p.disk.Applied = m, m.Index
	if err := p.core.Restore(c.now, m); err != nil {
		c.violate("%v: %w", name(p.id), err)
		return false
	}
	c.settle(p)
	return true
}

func change(s *Script, a *args) error {
	id := a.one(s.cluster)
	if s.cluster.Raft(id) == nil {
		return errDown
	}
	store, wish := a.number("store", 1), a.flag("auto")
	var changes []confchange.Change
	for _, option := range []struct {
		name string
		kind confchange.Kind
	}{
		{"learner", confchange.AddLearner},
		{"promote", confchange.Promote},
		{"demote", confchange.Demote},
		{"remove", confchange.Remove},
	} {
		for _, id := range a.members(option.name) {
			m := confchange.Member{ID: uint64(id)}
			if option.kind == confchange.AddLearner {
				m.Store, m.Promote = store, wish
			}
			changes = append(changes, confchange.Change{Kind: option.kind, Member: m})
		}
	}
	if len(changes) == 0 {
		return errNothing
	}
	if err := s.cluster.Change(id, changes...); err != nil {
		s.cluster.say("  %v refuses: %v", name(id), err)
	}
	return nil
}

func compact(s *Script, a *args) error {
	id := a.one(s.cluster)
	r := s.cluster.Raft(id)
	if r == nil {
		return errDown
	}
	to := a.number("to", r.Applied())
	if to > r.Applied() || to < r.FirstIndex() {
		return errNothing
	}
	s.cluster.Compact(id, to)
	return nil
}

func snapshot(s *Script, a *args) error {
	from, to := a.one(s.cluster), a.replica("to")
	if s.cluster.Raft(from) == nil {
		return errDown
	}
	if s.cluster.find(to) == nil {
		return errors.New("say to whom: to=r3")
	}
	if !s.cluster.Snapshot(from, to, a.flag("fail")) {
		return errNothing
	}
	return nil
}
