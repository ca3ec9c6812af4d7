package rafttest

import (
	"math"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/raft"
)

// up returns the named replicas that are up, all of them if none is named.
func (c *Cluster) up(ids []raft.ReplicaID) []*replica {
	var up []*replica
	for _, p := range c.replicas {
		if p.core != nil && (len(ids) == 0 || slices.Contains(ids, p.id)) {
			up = append(up, p)
		}
	}
	return up
}

// TickTo lets time pass up to a point, and the named replicas (all, if none is named)
// act on it whenever they are due. The others are late: they notice with their
// next input.
func (c *Cluster) TickTo(to time.Duration, ids ...raft.ReplicaID) {
	defer func() { c.now = max(c.now, to) }()
	for range maxRounds {
		var next *replica
		for _, p := range c.up(ids) {
			if p.core.Deadline() <= to && (next == nil || p.core.Deadline() < next.core.Deadline()) {
				next = p
			}
		}
		if next == nil || c.err != nil {
			return
		}
		c.now = max(c.now, next.core.Deadline())
		next.core.Tick(c.now)
		c.settle(next)
	}
	c.violate("replicas want a tick for ever at %v", c.now)
}

// Tick lets time pass up to the deadline of one replica, which alone acts on it.
func (c *Cluster) Tick(id raft.ReplicaID) {
	p := c.running(id)
	c.now = max(c.now, p.core.Deadline())
	p.core.Tick(c.now)
	c.settle(p)
}

// Propose has the replica append payloads. It returns the index of the first.
func (c *Cluster) Propose(id raft.ReplicaID, payloads ...string) (uint64, error) {
	p := c.running(id)
	data := make([][]byte, len(payloads))
	for i, s := range payloads {
		data[i] = []byte(s)
	}
	first, _, err := p.core.Propose(c.now, data)
	if err != nil {
		return 0, err
	}
	c.settle(p)
	return first, nil
}

// Read asks the replica for grants, all at once.
func (c *Cluster) Read(id raft.ReplicaID, reads ...uint64) {
	p := c.running(id)
	for _, read := range reads {
		c.auditRead(read)
		p.core.Read(c.now, read)
	}
	c.settle(p)
}

// Transfer asks a leader to hand its leadership to another replica, the best one if to is 0.
func (c *Cluster) Transfer(id, to raft.ReplicaID) error {
	p := c.running(id)
	err := p.core.Transfer(c.now, to)
	c.settle(p)
	return err
}

// Wake ends the replica's sleep, as the shell does when a node it goes by is gone.
func (c *Cluster) Wake(id raft.ReplicaID) {
	p := c.running(id)
	p.core.Wake(c.now)
	c.settle(p)
}

// SetDisk says how the replica's disk completes hand-offs: at once, or only when
// Persist says so.
func (c *Cluster) SetDisk(manual bool, ids ...raft.ReplicaID) {
	for _, p := range c.replicas {
		if len(ids) == 0 || slices.Contains(ids, p.id) {
			p.manual = manual
		}
	}
}

// Persist completes the replica's hand-offs up to seq, all of them if seq is 0. It tells whether
// there were any.
func (c *Cluster) Persist(id raft.ReplicaID, seq uint64) bool {
	p := c.running(id)
	n := 0
	for n < len(p.pending) && (seq == 0 || p.pending[n].Seq <= seq) {
		n++
	}
	if n == 0 {
		return false
	}
	seq = p.pending[n-1].Seq
	c.say("%v completes #%d", name(id), seq)
	c.complete(p, seq)
	c.settle(p)
	return true
}

// Crash stops a replica. Hand-offs that are not complete are lost; what was applied
// counts as durable in the state machine; mail on its way to it stays on its way.
func (c *Cluster) Crash(id raft.ReplicaID) {
	p := c.running(id)
	p.disk.Applied = p.core.Applied()
	p.core, p.pending, p.fetches, p.sendings = nil, nil, nil, nil
}

// Restart starts a replica from its disk, with at most tail entries in memory.
func (c *Cluster) Restart(id raft.ReplicaID, tail int) error {
	return c.start(c.replica(id), tail)
}

// Reset replaces the replica's disk and starts it anew. It is for stories that begin in the
// middle; what the replica had promised before is void.
func (c *Cluster) Reset(id raft.ReplicaID, d Disk) error {
	p := c.replica(id)
	p.disk = d
	return c.start(p, math.MaxInt)
}

// Fetch answers the replica's oldest request for entries from its disk, or fails it. It tells whether
// there was one.
func (c *Cluster) Fetch(id raft.ReplicaID, fail bool) bool {
	p := c.running(id)
	if len(p.fetches) == 0 {
		return false
	}
	f := p.fetches[0]
	p.fetches = p.fetches[1:]
	var entries []raft.Entry
	if d := &p.disk; !fail && f.Lo > d.Mark.Index && f.Hi <= d.last() {
		size := 0
		for _, e := range d.Entries[f.Lo-1-d.Mark.Index : f.Hi-d.Mark.Index] {
			size += e.Size()
			if len(entries) > 0 && size > f.MaxBytes {
				break
			}
			entries = append(entries, e)
		}
	}
	c.say("%v fetched %d entries from %d for %v", name(id), len(entries), f.Lo, name(f.Peer))
	p.core.Fetched(f.Peer, f.Lo, entries)
	c.settle(p)
	return true
}
