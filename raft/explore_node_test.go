package raft

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

// A simNode is one replica of the explored group: the real core and its disk.
type simNode struct {
	Core *Raft
	Disk simDisk
	// Pending are the hand-offs that the disk has not completed, oldest first.
	Pending []Persist
}

// exploreEvent is what can happen to one replica.
type exploreEvent uint8

const (
	evTimeout exploreEvent = iota
	evDeliver
	evPropose
	evPersisted
	evHeartbeat
	// evCrash loses what is not durable and starts anew; evCrashAll loses what was applied, too.
	evCrash
	evCrashAll
	evChange
	evCompact
	numEvents
)

// reaction is what an event does to a replica: computed once by the real core, then looked up.
type reaction struct {
	node uint32
	sent []uint16
	// letters are those sent, and perhaps one that says that a leadership began.
	letters []uint16
	// handed counts the hand-offs made.
	handed uint64
	// err is an invariant that the core or its durability broke on the way.
	err error
	// idle: nothing changed and nothing was sent.
	idle bool
}

// outcome is what came of an event: the replica's next state, and what left it.
type outcome struct {
	*simNode
	sent   []Message
	handed uint64
}

// play lets the event happen to a copy of the replica.
func (x *explorer) play(n *simNode, ev exploreEvent, m *Message, arg uint16) (o outcome, err error) {
	o.simNode = copyOf(n)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			if !strings.HasPrefix(fmt.Sprint(p), "raft: ") {
				err = fmt.Errorf("%w\n%s", err, debug.Stack())
			}
		}
	}()
	o.Core.remember()
	switch ev {
	case evTimeout, evHeartbeat:
		o.Core.Tick(o.Core.Deadline())
	case evDeliver:
		err = o.receive(m)
	case evPropose:
		// The leader may refuse: it hands its leadership over.
		_, _, _ = o.Core.Propose(0, [][]byte{{'a' + byte(arg)}})
	case evChange:
		_, _, _ = o.Core.ProposeChange(0, []confchange.Change{x.changes[arg]})
	case evCompact:
		o.Core.Compact(o.Core.Applied())
	case evPersisted:
		o.complete(1)
	case evCrash:
		err = o.restart(o.Core.Applied(), x.bounds.BadDisk)
	case evCrashAll:
		err = o.restart(0, x.bounds.BadDisk)
	case numEvents:
	}
	if err == nil {
		err = o.settle(x.bounds.AsyncDisks)
	}
	return o, err
}

// restart loses all but the disk, and of the state machine what is above applied.
func (n *simNode) restart(applied uint64, bad func(*HardState, *[]Entry)) (err error) {
	if bad != nil {
		bad(&n.Disk.State, &n.Disk.Entries)
	}
	n.Disk.repair()
	n.Core, err = New(n.Core.cfg, n.Disk.restored(min(max(applied, n.Disk.Mark.Index), n.Disk.last())), 0)
	n.Pending = nil
	return err
}

// complete makes the oldest hand-offs durable and reports it.
func (n *simNode) complete(count int) {
	for _, p := range n.Pending[:count] {
		n.Disk.write(p)
	}
	seq := n.Pending[count-1].Seq
	n.Pending = slices.Clone(n.Pending[count:])
	n.Core.Persisted(seq)
}

// settle does all that the last input led to, and checks it.
func (o *outcome) settle(async bool) error {
	for range 100 {
		if err := o.check(); err != nil {
			return err
		}
		out := o.Core.Output()
		for i := range out.Messages {
			if err := o.auditMessage(&out.Messages[i]); err != nil {
				return err
			}
		}
		o.sent = append(o.sent, out.Messages...)
		o.send(out.Snapshots)
		if out.HasPersist {
			out.Persist.Entries = slices.Clone(out.Persist.Entries)
			o.Pending = append(o.Pending, out.Persist)
			o.handed++
		}
		if len(out.Fetches) > 0 {
			return fmt.Errorf("the explorer's replicas keep their log in memory, but one wants %v", out.Fetches)
		}
		if err := o.check(); err != nil {
			return err
		}
		if async || len(o.Pending) == 0 {
			o.Core.SetApplied(max(o.Core.Applied(), o.Core.Applicable()))
			o.normalise()
			return o.check()
		}
		o.complete(len(o.Pending))
	}
	return fmt.Errorf("replica %d does not come to rest", o.Core.id)
}

// normalise forgets how a state was reached: hand-offs are counted from 1 again.
func (n *simNode) normalise() {
	shift := n.Core.log.lastSeq - uint64(len(n.Pending))
	n.Core.log.lastSeq -= shift
	for i := range n.Core.log.handOffs {
		n.Core.log.handOffs[i].seq -= shift
	}
	for i := range n.Pending {
		n.Pending[i].Seq -= shift
	}
}

// check asks the core, and compares what it takes for durable with the disk.
func (n *simNode) check() error {
	if err := n.Core.CheckInvariants(); err != nil {
		return err
	}
	for i := uint64(1); i <= n.Core.Durable(); i++ {
		if term, ok := n.Core.TermAt(i); ok && !n.Disk.holds(i, term) {
			return fmt.Errorf("RAFT-8: replica %d takes entry %d@%d for durable, its disk does not have it", n.Core.id, i, term)
		}
	}
	return n.checkConfigs()
}

// checkConfigs: the configurations are those of the log (§6), whatever was appended and truncated.
func (n *simNode) checkConfigs() error {
	configs := n.Core.configs[1:]
	for i := range n.Core.log.cache.entries {
		e := &n.Core.log.cache.entries[i]
		if e.Kind != EntryConfig {
			continue
		}
		if len(configs) == 0 || configs[0].index != e.Index || !bytes.Equal(configs[0].data, e.Data) {
			return fmt.Errorf("MEMB: replica %d does not know of the configuration in its entry %d", n.Core.id, e.Index)
		}
		configs = configs[1:]
	}
	if len(configs) > 0 {
		return fmt.Errorf("MEMB: replica %d goes by a configuration in entry %d, which is none", n.Core.id, configs[0].index)
	}
	return nil
}

// auditMessage: nothing is promised before it is durable (RAFT-8, DESIGN principle 3).
func (n *simNode) auditMessage(m *Message) error {
	hs := n.Disk.State
	mine := hs.Term == m.Term
	ok := true
	switch m.Type {
	case MsgVote:
		ok = mine && hs.Vote == n.Core.id
	case MsgVoteResp:
		ok = m.Reject || mine && hs.Vote == m.To
	case MsgAppendResp:
		term, _ := n.Core.TermAt(m.LogIndex)
		ok = m.Reject || hs.Term >= m.Term && n.Disk.holds(m.LogIndex, term)
	default:
	}
	if !ok {
		return fmt.Errorf("RAFT-8: replica %d promises in %+v what is not durable: %+v", n.Core.id, *m, hs)
	}
	return nil
}

// hash128 is a hash of content; sums of it name sets and states.
type hash128 [2]uint64

func hashOf(b []byte) hash128 {
	sum := sha256.Sum256(b)
	return hash128{binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])}
}

func (h hash128) plus(o hash128) hash128  { return hash128{h[0] + o[0], h[1] + o[1]} }
func (h hash128) minus(o hash128) hash128 { return hash128{h[0] - o[0], h[1] - o[1]} }

func (h hash128) less(o hash128) bool { return h[0] < o[0] || h[0] == o[0] && h[1] < o[1] }

// exploreConfig has generous limits: what they do is other tests' matter.
func exploreConfig(b *Bounds, id ReplicaID) Config {
	c := Config{
		Group: 1, ID: id, HeartbeatInterval: 20 * time.Millisecond, ElectionTimeout: 100 * time.Millisecond,
		PreVote: b.PreVote, MaxAppendBytes: 1 << 20, MaxInflightAppends: 64, MaxInflightBytes: 1 << 20,
		MaxUncommittedBytes: 1 << 20, MaxCacheBytes: 1 << 20, MaxPendingReads: 100,
	}
	if id.Generation() == 0 {
		for i := range b.Nodes - b.Added {
			c.Voters = append(c.Voters, ReplicaID(i+1))
		}
	}
	return c
}
