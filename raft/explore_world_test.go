package raft

import (
	"fmt"
	"slices"
	"sync"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

// Bounds says what a search covers: all that can happen within them.
type Bounds struct {
	Nodes int
	// MaxTerm: nobody campaigns in a term beyond it.
	MaxTerm uint64
	// How often, in total, a replica's election timer fires, a leader gets a command, a
	// replica crashes and restarts, a leader's heartbeat timer fires.
	Timeouts, Proposals, Crashes, Heartbeats int
	// Changes counts changes of the configuration: Removals of any member, and the addition and
	// promotion of those of the Nodes that are Added, which the group does not start with.
	Changes  int
	Removals bool
	Added    int
	// Compactions counts how often a replica forgets the log that it has applied.
	Compactions int
	PreVote     bool
	// AsyncDisks: hand-offs complete one by one, at any time later, and a crash loses
	// those that did not. Otherwise they complete at once.
	AsyncDisks bool
	// NoSymmetry tells states apart that differ in the names of replicas only.
	NoSymmetry bool
	// NoDead keeps and delivers letters that can do nothing any more.
	NoDead bool
	// BadDisk, if set, is what a disk does to its contents in a crash.
	BadDisk func(*HardState, *[]Entry)
	// Workers is the number of goroutines; it changes nothing but the time.
	Workers int
	// MaxStates ends a search that is too large; it is not complete then.
	MaxStates int
	// Never, if set, must not hold in any state, as if it were an invariant's violation.
	Never func(*View) bool
}

// String names the bounds.
func (b Bounds) String() string {
	s := fmt.Sprintf("%dterms,%dtimeouts,%dentries,%dcrashes", b.MaxTerm, b.Timeouts, b.Proposals, b.Crashes)
	if b.Heartbeats > 0 {
		s += fmt.Sprintf(",%dheartbeats", b.Heartbeats)
	}
	if b.Changes > 0 {
		s += fmt.Sprintf(",%dchanges,%dadded,removals=%t", b.Changes, b.Added, b.Removals)
	}
	if b.Compactions > 0 {
		s += fmt.Sprintf(",%dcompactions", b.Compactions)
	}
	if b.PreVote {
		s += ",prevote"
	}
	if b.AsyncDisks {
		s += ",async"
	}
	return s
}

const (
	maxExploreNodes = 4
	maxLogLength    = 8
	maxRenamings    = 24
)

// budget counts what was used up.
type budget struct{ timeouts, proposals, crashes, heartbeats, changes, compactions uint8 }

// history is what was committed so far, by anyone: the entry of each index, and the term it was
// committed in. The replicas may have forgotten it.
type history struct {
	n     uint8
	entry [maxLogLength]uint16
	in    [maxLogLength]uint8
}

// state is one state of the group.
type state struct {
	nodes [maxExploreNodes]uint32
	// sent are all messages ever sent. Each may arrive at any time, any number of times, or
	// never: so nothing ever leaves this set, and nobody has to lose or double messages.
	sent []uint16
	past history
	used budget
}

// simLetter is a message that was sent in some state.
type simLetter struct {
	msg  Message
	hash [maxRenamings]hash128
}

// local is the state of one replica that occurs in some state of the group.
type local struct {
	sim  *simNode
	hash [maxRenamings]hash128
	role Role
	term uint64
	// log and disk are the entries by index-1, named by term and payload; 0 is what they start after.
	log, disk []uint16
	commit    int
	standing  standing
}

// nodeOf is the place of a replica among the nodes.
func nodeOf(id ReplicaID) int { return int(id.Node()) - 1 }

func entryName(e *Entry) uint16 {
	name := uint16(e.Term) << 8
	if e.Kind == EntryConfig {
		return name | 'C'
	}
	if len(e.Data) > 0 {
		name |= uint16(e.Data[0])
	}
	return name
}

// explorer is what all workers of one search share: each simLetter and each state of a
// replica once, and how replicas react. The numbers that stand for them depend on who was
// first; nothing that is reported does.
type explorer struct {
	bounds    Bounds
	ids       []ReplicaID
	renamings []renaming
	changes   []confchange.Change

	mu        sync.Mutex
	letters   []*simLetter
	byText    map[string]uint16
	locals    []*local
	byForm    map[string]uint32
	reactions map[uint64]*reaction
}

func newExplorer(b Bounds) *explorer {
	if b.Nodes > maxExploreNodes {
		panic("explorer: too many nodes")
	}
	b.Workers = max(b.Workers, 1)
	x := &explorer{
		bounds: b, renamings: renamings(b.Nodes - b.Added), byText: map[string]uint16{}, byForm: map[string]uint32{},
		reactions: map[uint64]*reaction{},
	}
	for i := range b.Nodes {
		id := ReplicaID(i + 1)
		if i >= b.Nodes-b.Added {
			// They are added in this order, or not at all.
			id = MakeReplicaID(uint64(id), uint32(i-(b.Nodes-b.Added)+1))
			x.changes = append(x.changes, memberChange(confchange.AddLearner, id), memberChange(confchange.Promote, id))
		}
		if b.Removals {
			x.changes = append(x.changes, memberChange(confchange.Remove, id))
		}
		x.ids = append(x.ids, id)
	}
	if b.NoSymmetry || b.Removals {
		// A leader that was removed hands over to the first of equals, so names do make a difference.
		x.renamings = x.renamings[:1]
	}
	return x
}

func memberChange(kind confchange.Kind, id ReplicaID) confchange.Change {
	m := confchange.Member{ID: uint64(id)}
	if kind == confchange.AddLearner {
		m.Store = id.Node()
	}
	return confchange.Change{Kind: kind, Member: m}
}

// renamings returns all permutations of the ids 1 to n, the one that changes nothing first.
func renamings(n int) []renaming {
	all := []renaming{{0}}
	for range n {
		var longer []renaming
		for _, r := range all {
			for id := ReplicaID(1); id <= ReplicaID(n); id++ {
				if !slices.Contains(r, id) {
					longer = append(longer, append(slices.Clone(r), id))
				}
			}
		}
		all = longer
	}
	return all
}

// post returns the number of a message; it goes through the codec, as in production.
func (x *explorer) post(m *Message) uint16 {
	text := AppendMessage(nil, m)
	if m.Type >= msgLed {
		return x.file(*m, string(text))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if id, ok := x.byText[string(text)]; ok {
		return id
	}
	decoded, err := DecodeMessage(slices.Clone(text))
	if err != nil {
		panic(fmt.Sprintf("raft: codec refuses its own message: %v", err))
	}
	return x.put(decoded, string(text))
}

// led returns the number of the letter that says who led a term.
func (x *explorer) led(id ReplicaID, term uint64) uint16 {
	return x.post(&Message{Type: msgLed, From: id, Term: term})
}

// file is post for what does not go through the codec.
func (x *explorer) file(m Message, text string) uint16 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if letter, ok := x.byText[text]; ok {
		return letter
	}
	return x.put(m, text)
}

func (x *explorer) put(decoded Message, text string) uint16 {
	l := &simLetter{msg: decoded}
	for i, n := range x.renamings {
		renamed := n.message(decoded)
		l.hash[i] = hashOf(AppendMessage([]byte("message"), &renamed))
	}
	if len(x.letters) > 1<<16-16 {
		panic("explorer: too many messages")
	}
	id := uint16(len(x.letters))
	x.letters = append(x.letters, l)
	x.byText[text] = id
	return id
}

// keep returns the number of a replica's state.
func (x *explorer) keep(n *simNode) uint32 {
	forget(n)
	form := encode(n, x.renamings[0])
	x.mu.Lock()
	defer x.mu.Unlock()
	if id, ok := x.byForm[string(form)]; ok {
		return id
	}
	l := &local{sim: n, role: n.Core.role, term: n.Core.term, commit: int(n.Core.commit), standing: x.standingOf(n)}
	for i, r := range x.renamings {
		l.hash[i] = hashOf(encode(n, r))
	}
	l.log, l.disk = make([]uint16, n.Core.log.snapIndex), make([]uint16, n.Disk.Mark.Index)
	for i := n.Core.FirstIndex(); i <= n.Core.log.last; i++ {
		es, ok := n.Core.Slice(i, i, 1)
		if !ok {
			panic("explorer: a replica's log is not in memory")
		}
		l.log = append(l.log, entryName(&es[0]))
	}
	for i := range n.Disk.Entries {
		l.disk = append(l.disk, entryName(&n.Disk.Entries[i]))
	}
	id := uint32(len(x.locals))
	x.locals = append(x.locals, l)
	x.byForm[string(form)] = id
	return id
}

// react returns what an event does to a replica.
func (x *explorer) react(node uint32, code uint32) *reaction {
	key := uint64(node)<<32 | uint64(code)
	x.mu.Lock()
	r, n := x.reactions[key], x.locals[node].sim
	var m *Message
	ev, arg := decodeEvent(code)
	if ev == evDeliver {
		m = &x.letters[arg].msg
	}
	x.mu.Unlock()
	if r != nil {
		return r
	}
	o, err := x.play(n, ev, m, arg)
	r = &reaction{err: err, handed: o.handed}
	if err == nil {
		for i := range o.sent {
			r.sent = append(r.sent, x.post(&o.sent[i]))
		}
		r.node = x.keep(o.simNode)
		r.letters = r.sent
		if c := o.Core; c.role == Leader && (n.Core.role != Leader || n.Core.term != c.term) {
			r.letters = append(slices.Clone(r.sent), x.led(c.id, c.term))
		}
		r.idle = r.node == node && len(r.sent) == 0
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reactions[key] = r
	return r
}

// An event and its argument (a simLetter, or which command) as one number.
func encodeEvent(ev exploreEvent, arg uint16) uint32 { return uint32(ev)<<16 | uint32(arg) }

func decodeEvent(code uint32) (exploreEvent, uint16) { return exploreEvent(code >> 16), uint16(code) }

// start is the state in which nothing has happened.
func (x *explorer) start() (state, error) {
	var s state
	for i := range x.bounds.Nodes {
		cfg := exploreConfig(&x.bounds, x.ids[i])
		core, err := New(cfg, Restored{}, 0)
		if err != nil {
			return s, err
		}
		o := outcome{simNode: &simNode{Core: core}}
		if err := o.settle(x.bounds.AsyncDisks); err != nil {
			return s, err
		}
		s.nodes[i] = x.keep(o.simNode)
	}
	return s, nil
}

// enabled tells whether a replica's event is within the bounds, and what it uses up.
func (x *explorer) enabled(l *local, ev exploreEvent, used budget) (budget, bool) {
	b := &x.bounds
	switch ev {
	case evTimeout:
		used.timeouts++
		return used, l.role != Leader && l.sim.Core.promotable() && l.term < b.MaxTerm && int(used.timeouts) <= b.Timeouts
	case evPropose:
		used.proposals++
		return used, l.role == Leader && int(used.proposals) <= b.Proposals
	case evHeartbeat:
		used.heartbeats++
		return used, l.role == Leader && int(used.heartbeats) <= b.Heartbeats
	case evPersisted:
		return used, len(l.sim.Pending) > 0
	case evCrash:
		used.crashes++
		return used, int(used.crashes) <= b.Crashes
	case evCrashAll:
		used.crashes++
		return used, int(used.crashes) <= b.Crashes && l.sim.Core.applied > 0
	case evChange:
		used.changes++
		return used, l.role == Leader && int(used.changes) <= b.Changes
	case evCompact:
		used.compactions++
		return used, int(used.compactions) <= b.Compactions && l.sim.Core.applied > l.sim.Core.log.snapIndex
	case evDeliver, numEvents:
	}
	return used, false
}
