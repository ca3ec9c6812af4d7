package rafttest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/raft"
)

// maxRounds bounds how long a cluster may take to come to rest: beyond it the
// core talks to itself.
const maxRounds = 10_000

// Cluster is a group of replicas with the mail between them, their disks and
// their clock, all as data. Nothing happens in it but by a call. It is not safe
// for concurrent use. Make it with New.
type Cluster struct {
	now      time.Duration
	replicas []*replica
	mail     []raft.Message
	trace    strings.Builder
	audit    audit
	err      error
}

type replica struct {
	id  raft.ReplicaID
	cfg raft.Config
	// core is nil while the replica is down.
	core    *raft.Raft
	disk    Disk
	pending []raft.Persist
	manual  bool
	cut     bool
	fetches []raft.Fetch
	// sendings are the followers that wait for a snapshot from this replica.
	sendings []raft.ReplicaID
	shown    shown
}

// shown is what the trace last said of a replica.
type shown struct {
	role         raft.Role
	term, commit uint64
	leader       raft.ReplicaID
	config       string
	asleep       bool
}

// DefaultConfig is a configuration for n replicas with all that production
// switches on, generous limits, and round timeouts.
func DefaultConfig(n int) raft.Config {
	c := raft.Config{
		Group: 1, Seed: 1, HeartbeatInterval: 20 * time.Millisecond, ElectionTimeout: 100 * time.Millisecond,
		PreVote: true, CheckQuorum: true, MaxAppendBytes: 1 << 20, MaxInflightAppends: 64, MaxInflightBytes: 1 << 20,
		MaxUncommittedBytes: 1 << 20, MaxCacheBytes: 1 << 20, MaxPendingReads: 100,
	}
	for i := range n {
		c.Voters = append(c.Voters, raft.ReplicaID(i+1))
	}
	return c
}

// New starts one replica with an empty disk for each voter of the configuration. They
// differ in ID and Seed, which New sets.
func New(cfg raft.Config) (*Cluster, error) {
	c := &Cluster{}
	for _, id := range cfg.Voters {
		own := cfg
		own.ID, own.Seed = id, cfg.Seed*1000+uint64(id)
		c.replicas = append(c.replicas, &replica{id: id, cfg: own})
	}
	for _, p := range c.replicas {
		if err := c.start(p, math.MaxInt); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// start makes a core from the replica's disk.
func (c *Cluster) start(p *replica, tail int) error {
	p.disk.repair()
	core, err := raft.New(p.cfg, p.disk.Restored(tail), c.now)
	if err != nil {
		return err
	}
	p.core, p.pending, p.fetches, p.sendings = core, nil, nil, nil
	p.shown = shown{term: core.Term(), config: core.Configuration().String()}
	c.settle(p)
	return nil
}

// find returns the replica, nil if there is none.
func (c *Cluster) find(id raft.ReplicaID) *replica {
	for _, p := range c.replicas {
		if p.id == id {
			return p
		}
	}
	return nil
}

func (c *Cluster) replica(id raft.ReplicaID) *replica {
	if p := c.find(id); p != nil {
		return p
	}
	panic(fmt.Sprintf("rafttest: there is no replica %d", id))
}

// running returns a replica that must not be down.
func (c *Cluster) running(id raft.ReplicaID) *replica {
	p := c.replica(id)
	if p.core == nil {
		panic(fmt.Sprintf("rafttest: replica %d is down", id))
	}
	return p
}

// Raft returns the replica's core, nil while it is down. Inputs go through the
// Cluster, or their outputs are lost.
func (c *Cluster) Raft(id raft.ReplicaID) *raft.Raft { return c.replica(id).core }

// Now returns the cluster's time.
func (c *Cluster) Now() time.Duration { return c.now }

// Err returns the first violation of an invariant, of one replica or of the
// group, that was seen.
func (c *Cluster) Err() error { return c.err }

// Trace returns what happened since the last call.
func (c *Cluster) Trace() string {
	s := c.trace.String()
	c.trace.Reset()
	return s
}

func (c *Cluster) say(format string, args ...any) { fmt.Fprintf(&c.trace, format+"\n", args...) }

// settle does all that the last input of a replica led to.
func (c *Cluster) settle(p *replica) {
	for range maxRounds {
		c.checkReplica(p)
		out := p.core.Output()
		c.showChanges(p)
		c.take(p, out)
		c.checkReplica(p)
		if p.manual || len(p.pending) == 0 {
			c.apply(p)
			c.checkGroup(p)
			return
		}
		c.complete(p, p.pending[len(p.pending)-1].Seq)
	}
	c.violate("%v does not come to rest", name(p.id))
}

// take carries out an Output.
func (c *Cluster) take(p *replica, out raft.Output) {
	for i := range out.Messages {
		c.post(p, &out.Messages[i])
	}
	if out.HasPersist {
		// The core may reuse the slice; the disk keeps its own.
		out.Persist.Entries = slices.Clone(out.Persist.Entries)
		p.pending = append(p.pending, out.Persist)
		verb := "writes"
		if p.manual {
			verb = "hands off"
		}
		c.say("  %v %s %s", name(p.id), verb, persistText(&out.Persist))
	}
	for _, g := range out.Reads {
		c.auditGrant(p, g)
		c.say("  %v grants read %d at index %d", name(p.id), g.ID, g.Index)
	}
	for _, id := range out.DroppedReads {
		c.say("  %v drops read %d", name(p.id), id)
	}
	for _, f := range out.Fetches {
		p.fetches = append(p.fetches, f)
		c.say("  %v wants entries %d..%d from disk for %v", name(p.id), f.Lo, f.Hi, name(f.Peer))
	}
	for _, id := range out.Cancelled {
		p.sendings = slices.DeleteFunc(p.sendings, func(to raft.ReplicaID) bool { return to == id })
		c.say("  %v sends no snapshot to %v any more", name(p.id), name(id))
	}
	for _, id := range out.Snapshots {
		p.sendings = append(p.sendings, id)
		c.say("  %v is to send a snapshot to %v", name(p.id), name(id))
	}
}

// complete makes the hand-offs up to seq durable and reports it.
func (c *Cluster) complete(p *replica, seq uint64) {
	for len(p.pending) > 0 && p.pending[0].Seq <= seq {
		p.disk.Write(p.pending[0])
		p.pending = p.pending[1:]
	}
	p.core.Persisted(seq)
}

// apply feeds the state machine.
func (c *Cluster) apply(p *replica) {
	for next := p.core.Applied() + 1; next <= p.core.Applicable(); next++ {
		e := c.entry(p, next)
		c.auditApplied(p, e)
		c.say("  %v applies %s", name(p.id), entryText(&e))
		p.core.SetApplied(next)
	}
}

// entry returns an entry of the log, from memory or else from disk.
func (c *Cluster) entry(p *replica, index uint64) raft.Entry {
	if p.core != nil {
		if es, ok := p.core.Slice(index, index, 1); ok {
			return es[0]
		}
	}
	return p.disk.at(index)
}

// Log returns the replica's log, durable or not; that of its disk while it is down.
func (c *Cluster) Log(id raft.ReplicaID) []raft.Entry {
	p := c.replica(id)
	first, last := p.disk.Mark.Index+1, p.disk.last()
	if p.core != nil {
		first, last = p.core.FirstIndex(), p.core.LastIndex()
	}
	entries := make([]raft.Entry, 0, last+1-first)
	for i := first; i <= last; i++ {
		entries = append(entries, c.entry(p, i))
	}
	return entries
}

// Disk returns what is durable at the replica.
func (c *Cluster) Disk(id raft.ReplicaID) Disk { return c.replica(id).disk }

// Pending returns the sequence numbers of the hand-offs that the replica's disk has not
// completed, ascending.
func (c *Cluster) Pending(id raft.ReplicaID) []uint64 {
	var seqs []uint64
	for _, p := range c.replica(id).pending {
		seqs = append(seqs, p.Seq)
	}
	return seqs
}
