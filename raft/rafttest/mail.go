package rafttest

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/raft"
)

// Selection picks messages of the pool, oldest first. Zero fields pick any.
type Selection struct {
	From, To raft.ReplicaID
	Type     raft.MessageType
	Term     uint64
	// Skip leaves that many out; Count is the most that are picked, 0 for all.
	Skip, Count int
	// Keep leaves a copy in the pool: the network duplicates.
	Keep bool
}

func (s *Selection) picks(m *raft.Message) bool {
	return (s.From == 0 || s.From == m.From) && (s.To == 0 || s.To == m.To) &&
		(s.Type == 0 || s.Type == m.Type) && (s.Term == 0 || s.Term == m.Term)
}

// post puts a message into the pool. It goes through the codec, as in
// production, so that replicas share no memory.
func (c *Cluster) post(p *replica, m *raft.Message) {
	c.auditMessage(p, m)
	if to := c.find(m.To); p.cut || (to != nil && to.cut) {
		c.say("  %s (lost)", messageText(m))
		return
	}
	c.say("  %s", messageText(m))
	sent, err := raft.DecodeMessage(raft.AppendMessage(nil, m))
	if err != nil {
		panic(fmt.Sprintf("rafttest: the codec refuses its own message %s: %v", messageText(m), err))
	}
	c.mail = append(c.mail, sent)
}

// pick takes messages and, unless they are to be kept, removes them from the pool.
func (c *Cluster) pick(s Selection) []raft.Message {
	var picked, rest []raft.Message
	skip := s.Skip
	for _, m := range c.mail {
		wanted := s.picks(&m) && (s.Count == 0 || len(picked) < s.Count)
		if wanted && skip > 0 {
			skip--
			wanted = false
		}
		if wanted {
			picked = append(picked, m)
		}
		if !wanted || s.Keep {
			rest = append(rest, m)
		}
	}
	c.mail = rest
	return picked
}

// Mail returns the messages on their way, oldest first.
func (c *Cluster) Mail(s Selection) []raft.Message {
	s.Keep = true
	return c.pick(s)
}

// Deliver delivers the picked messages, not those that they lead to, and returns how many there were. Those to
// a replica that is down are lost.
func (c *Cluster) Deliver(s Selection) int {
	picked := c.pick(s)
	for _, m := range picked {
		c.Receive(m)
	}
	return len(picked)
}

// Receive delivers a message that need not come from the pool.
func (c *Cluster) Receive(m raft.Message) {
	p := c.find(m.To)
	if p == nil {
		p = c.join(&m)
	}
	if p == nil {
		c.say("%s (lost, there is no %v)", messageText(&m), name(m.To))
		return
	}
	if p.core == nil {
		c.say("%s (lost, %v is down)", messageText(&m), name(m.To))
		return
	}
	// The core keeps what it receives; a second copy must not share it.
	m.Entries = slices.Clone(m.Entries)
	c.say("%s arrives", messageText(&m))
	p.core.Receive(c.now, m)
	c.settle(p)
}

// Drop loses the picked messages and returns how many there were.
func (c *Cluster) Drop(s Selection) int {
	picked := c.pick(s)
	for i := range picked {
		c.say("%s (lost)", messageText(&picked[i]))
	}
	return len(picked)
}

// Isolate loses all that the replicas send, and what is sent to them, from now on.
func (c *Cluster) Isolate(ids ...raft.ReplicaID) {
	for _, id := range ids {
		c.replica(id).cut = true
	}
}

// Heal ends all isolation.
func (c *Cluster) Heal() {
	for _, p := range c.replicas {
		p.cut = false
	}
}

// Stabilize delivers the mail between the named replicas (all, if none is named), completes
// their writes, answers their fetches and sends their snapshots until there is none left. No time passes.
func (c *Cluster) Stabilize(ids ...raft.ReplicaID) {
	for range maxRounds {
		if !c.stabilizeOnce(ids) || c.err != nil {
			return
		}
	}
	c.violate("the replicas talk for ever")
}

func (c *Cluster) stabilizeOnce(ids []raft.ReplicaID) bool {
	busy := false
	within := func(id raft.ReplicaID) bool { return len(ids) == 0 || slices.Contains(ids, id) }
	for _, p := range c.up(ids) {
		busy = c.Persist(p.id, 0) || busy
		busy = c.Fetch(p.id, false) || busy
		for _, to := range p.sendings {
			if within(to) && c.Snapshot(p.id, to, false) {
				busy = true
				break
			}
		}
	}
	var batch, rest []raft.Message
	for _, m := range c.mail {
		if within(m.From) && within(m.To) {
			batch = append(batch, m)
		} else {
			rest = append(rest, m)
		}
	}
	c.mail = rest
	for _, m := range batch {
		c.Receive(m)
	}
	return busy || len(batch) > 0
}

// Run lets time pass up to a point: the named replicas (all, if none is named) act when
// they are due, and all mail between them arrives at once.
func (c *Cluster) Run(to time.Duration, ids ...raft.ReplicaID) {
	for range maxRounds {
		next := raft.Never
		for _, p := range c.up(ids) {
			next = min(next, p.core.Deadline())
		}
		c.TickTo(min(next, to), ids...)
		c.Stabilize(ids...)
		if next > to || c.err != nil {
			return
		}
	}
	c.violate("replicas want a tick for ever at %v", c.now)
}
