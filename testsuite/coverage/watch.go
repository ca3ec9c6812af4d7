package coverage

import (
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
)

// Watcher notes the states that a cluster goes through. It stands before another watcher, which sees everything first.
type Watcher struct {
	cluster.Watcher
	cluster *cluster.Cluster
	seen    Seen
	groups  map[raft.GroupID][]replicaState // by node number minus 1
}

// replicaState is what of a replica its state is told by. The zero value stands for a node without one.
type replicaState struct {
	there, asleep, handing, joint, staging       bool
	role                                         raft.Role
	member                                       memberKind
	term, last, lastTerm, durable, commit, first uint64
}

// memberKind is a replica's part in the configuration that it goes by.
type memberKind uint8

const (
	outsider memberKind = iota
	learner
	voter
	voterOfBoth
	voterThatLeaves
)

// Watch returns a watcher that adds to seen.
func Watch(first cluster.Watcher, seen Seen) *Watcher {
	return &Watcher{Watcher: first, seen: seen, groups: make(map[raft.GroupID][]replicaState)}
}

// Of tells the watcher, if there is one, which cluster it watches.
func (w *Watcher) Of(c *cluster.Cluster) {
	if w != nil {
		w.cluster = c
	}
}

// AfterTurn implements cluster.Watcher.
func (w *Watcher) AfterTurn(m *cluster.Member) {
	w.Watcher.AfterTurn(m)
	if w.cluster == nil || m.Failed() != nil {
		return
	}
	for id := range m.Turned() {
		rep := m.Replica(id)
		if rep == nil {
			continue
		}
		is := stateOf(rep)
		group := w.groups[rep.Group()]
		if group == nil {
			group = make([]replicaState, w.cluster.Size())
			w.groups[rep.Group()] = group
		}
		if group[m.Number-1] == is {
			continue
		}
		group[m.Number-1] = is
		w.seen[w.abstract(rep.Group(), group)] = struct{}{}
	}
}

func stateOf(rep *replica.Replica) replicaState {
	core := rep.Raft()
	s := replicaState{
		there: !rep.Stopped(), role: core.Role(), term: core.Term(), asleep: core.Quiescent(), handing: core.Transferring() != 0,
		last: core.LastIndex(), durable: core.Durable(), commit: core.Commit(), first: core.FirstIndex(),
		staging: len(rep.Transfers()) > 0,
	}
	s.lastTerm, _ = core.TermAt(s.last)
	conf := core.Configuration()
	s.member, s.joint = memberOf(&conf, core.ID())
	return s
}

func memberOf(conf *confchange.Config, id raft.ReplicaID) (is memberKind, joint bool) {
	for i := range conf.Members {
		m := &conf.Members[i]
		joint = joint || m.Outgoing
		switch {
		case m.ID != uint64(id):
		case m.Voter && m.Outgoing:
			is = voterOfBoth
		case m.Voter:
			is = voter
		case m.Outgoing:
			is = voterThatLeaves
		default:
			is = learner
		}
	}
	return is, joint
}

// abstract is the hash of a group's state. Replicas are added up, so that names do not count.
func (w *Watcher) abstract(id raft.GroupID, group []replicaState) uint64 {
	var furthest furthest
	for i := range group {
		furthest.include(&group[i])
	}
	sum := uint64(len(group))
	if id == placement.MetaGroup {
		sum += 1 << 32
	}
	for i := range group {
		s := &group[i]
		p := w.cluster.Process(i + 1)
		var f features
		f.flag(p.Alive())
		f.replica(s, &furthest)
		sum += netsim.Scramble(uint64(f))
	}
	return netsim.Scramble(sum)
}

// furthest is what the replicas of a group are compared with: the highest term, the longest log of the newest term, and where the
// log of the newest leader begins.
type furthest struct {
	term, lastTerm, last uint64
	leads, first         uint64
}

func (f *furthest) include(s *replicaState) {
	if !s.there {
		return
	}
	f.term = max(f.term, s.term)
	if s.lastTerm > f.lastTerm || s.lastTerm == f.lastTerm && s.last > f.last {
		f.lastTerm, f.last = s.lastTerm, s.last
	}
	if s.role == raft.Leader && s.term >= f.leads {
		f.leads, f.first = s.term, s.first
	}
}

func (f *features) replica(s *replicaState, to *furthest) {
	f.flag(s.there)
	if !s.there {
		return
	}
	f.add(8, uint64(s.role))
	f.add(8, uint64(s.member))
	f.flag(s.joint)
	f.flag(s.asleep)
	f.flag(s.handing)
	f.flag(s.staging)
	f.add(3, min(to.term-s.term, 2))
	f.flag(s.lastTerm < to.lastTerm)
	f.flag(s.last < to.last)
	f.flag(s.last > to.last)
	f.flag(s.last+1 < to.first)
	f.flag(s.durable < s.last)
	f.flag(s.commit < s.last)
}

// features packs small numbers into one.
type features uint64

func (f *features) add(of, n uint64) { *f = features(uint64(*f)*of + n) }

func (f *features) flag(on bool) {
	n := uint64(0)
	if on {
		n = 1
	}
	f.add(2, n)
}
