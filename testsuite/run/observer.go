package run

import (
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// observer writes down what the nodes go through. It looks and changes nothing, so that the run takes the
// same course with it and without. A nil observer does nothing.
type observer struct {
	cluster.Watcher // the oracles, which see everything first
	world           *netsim.World
	log             *events.Log
	nodes           map[int]*observed
	// numbers are those of the faults under way; struck is the last one given.
	numbers map[*strike]int
	struck  int
}

// observed is what is known of a node.
type observed struct {
	up, stopped bool
	roles       map[raft.GroupID]role
	table       uint64
}

// role is what a replica was last seen as.
type role struct {
	as       raft.Role
	term     uint64
	installs uint64
}

// observe begins to write into a log; nil if there is none.
func observe(w *netsim.World, log *events.Log, oracles cluster.Watcher) *observer {
	if log == nil {
		return nil
	}
	o := &observer{Watcher: oracles, world: w, log: log, nodes: map[int]*observed{}, numbers: map[*strike]int{}}
	trace := w.Sink
	w.Sink = func(e netsim.Event) {
		if trace != nil {
			trace(e)
		}
		o.process(e)
	}
	return o
}

func (o *observer) add(e events.Event) {
	e.At = int64(o.world.Now())
	o.log.Add(e)
}

func (o *observer) node(number int) *observed {
	n := o.nodes[number]
	if n == nil {
		n = &observed{roles: map[raft.GroupID]role{}}
		o.nodes[number] = n
	}
	return n
}

// process takes from the trace what happens to processes; clients' processes are of no interest.
func (o *observer) process(e netsim.Event) {
	if e.To >= netsim.FirstClient {
		return
	}
	number := int(e.To)
	switch e.Kind {
	case netsim.KindStart:
		o.nodes[number] = nil
		o.node(number).up = true
		o.add(events.Event{Kind: events.Up, Node: number})
	case netsim.KindCrash, netsim.KindBootFail:
		name := e.Note
		if e.Kind == netsim.KindBootFail {
			name = "does not start"
		}
		if n := o.node(number); n.up {
			n.up = false
			o.add(events.Event{Kind: events.Down, Node: number, Name: name})
		}
	case netsim.KindPause:
		o.add(events.Event{Kind: events.Pause, Node: number})
	case netsim.KindResume:
		o.add(events.Event{Kind: events.Resume, Node: number})
	}
}

// AfterTurn implements cluster.Watcher.
func (o *observer) AfterTurn(m *cluster.Member) {
	o.Watcher.AfterTurn(m)
	n := o.node(m.Number)
	if err := m.Failed(); err != nil {
		if !n.stopped {
			n.stopped = true
			o.add(events.Event{Kind: events.Stopped, Node: m.Number, Name: err.Error()})
		}
		return
	}
	held := 0
	for rep := range m.Replicas() {
		held++
		core := rep.Raft()
		mark, installs := rep.Installed()
		is := role{core.Role(), core.Term(), installs}
		was, known := n.roles[rep.Group()]
		if known && was == is {
			continue
		}
		n.roles[rep.Group()] = is
		if installs != was.installs {
			o.add(events.Event{Kind: events.Snapshot, Node: m.Number, Group: uint64(rep.Group()), Term: mark.Term, Count: mark.Index})
		}
		if !known || was.as != is.as || was.term != is.term {
			o.add(events.Event{Kind: events.Role, Node: m.Number, Group: uint64(rep.Group()), Term: is.term, Name: is.as.String()})
		}
	}
	if held < len(n.roles) {
		o.gone(m, n)
	}
	if t := m.Table(); t != nil && t.Version > n.table {
		n.table = t.Version
		o.add(events.Event{Kind: events.Table, Node: m.Number, Count: t.Version})
	}
}

// gone notes which replicas a node does not have any more.
func (o *observer) gone(m *cluster.Member, n *observed) {
	for _, g := range slices.Sorted(maps.Keys(n.roles)) {
		if m.Replica(g) == nil {
			delete(n.roles, g)
			o.add(events.Event{Kind: events.Role, Node: m.Number, Group: uint64(g)})
		}
	}
}

// begun notes that a fault struck.
func (o *observer) begun(s *strike) {
	if o == nil {
		return
	}
	o.struck++
	o.numbers[s] = o.struck
	var targets []int
	switch {
	case s.fault.Kind == plan.Split:
		targets = s.sides()
	case s.fault.Kind == plan.Swizzle:
		targets = s.fault.Targets
	case s.target != 0:
		targets = []int{s.target}
	}
	kind := events.Fault
	if s.fault.Kind.Changes() {
		kind = events.Change
	}
	o.add(events.Event{Kind: kind, Fault: o.struck, Name: string(s.fault.Kind), Targets: targets})
}

// bites notes that a fault has had an effect, the first time.
func (o *observer) bites(s *strike) {
	if s.bit {
		return
	}
	s.bit = true
	o.add(events.Event{Kind: events.Bites, Fault: o.numbers[s], Name: string(s.fault.Kind)})
}

// ended notes that a fault is over, and how many effects it had.
func (o *observer) ended(s *strike, hits uint64) {
	if o == nil {
		return
	}
	if hits > 0 {
		o.bites(s)
	}
	o.add(events.Event{Kind: events.FaultEnd, Fault: o.numbers[s], Name: string(s.fault.Kind), Count: hits})
	delete(o.numbers, s)
}

// healed notes that all faults are over.
func (o *observer) healed() {
	if o != nil {
		o.add(events.Event{Kind: events.Healed})
	}
}
