package placement

import (
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// view is what leaders said of a group.
type view struct {
	group uint64
	// node, replica, term, index are those of the newest leader that was heard of, and how far it was. leading: it has
	// not said since that it leads no more.
	node, store, replica, term, index uint64
	leading                           bool
	heard                             env.Instant

	epoch   uint64
	settled bool
	bytes   uint64
	members []MemberReport

	fact fact
}

// fact is the newest configuration that a leader said to be settled. What follows from it never
// becomes untrue.
type fact struct {
	known       bool
	term, index uint64
	generation  uint32
	members     []MemberReport
}

// Heard takes note of a report, which belongs to the driver from now on. Reports may come late, twice,
// out of order, and from nodes that are not in the table.
func (d *Driver) Heard(now env.Instant, r Report) {
	d.wake(now)
	d.hear(now, r)
	d.fresh = true
	for _, v := range d.views {
		if v.node == r.Node && v.store == r.Store {
			v.leading = v.leading && !r.deposes(v)
		}
	}
	for i := range r.Replicas {
		if x := &r.Replicas[i]; x.Leader && isGroup(x.Group) {
			d.view(x.Group).lead(now, &r, x)
		}
	}
}

// deposes tells whether the view's leader says here that it leads no more. An old report does not.
func (r *Report) deposes(v *view) bool {
	x := r.of(v.group)
	if x == nil || x.Replica != v.replica {
		return true
	}
	return !x.Leader && x.Term >= v.term
}

func (d *Driver) view(group uint64) *view {
	v := d.views[group]
	if v == nil {
		v = &view{group: group}
		d.views[group] = v
	}
	return v
}

// lead takes note of what a leader says, unless one that led later, or the same one later, was heard before.
func (v *view) lead(now env.Instant, r *Report, x *ReplicaReport) {
	if x.Term < v.term || x.Term == v.term && x.Index < v.index {
		return
	}
	v.node, v.store, v.replica, v.term, v.index = r.Node, r.Store, x.Replica, x.Term, x.Index
	v.leading, v.heard = true, now
	v.epoch, v.settled, v.bytes, v.members = x.Epoch, x.Settled, x.Bytes, x.Members
	if x.Settled {
		v.fact = fact{known: true, term: x.Term, index: x.Index, generation: x.Generation, members: x.Members}
	}
}

func hasReplica(members []MemberReport, replica uint64) bool {
	return slices.ContainsFunc(members, func(m MemberReport) bool { return m.Replica == replica })
}

// gone tells whether a replica is out of the group for good: a committed configuration lacks it, although
// its generation was given out by then (CONF-4).
func (v *view) gone(replica uint64) bool {
	return v.fact.known && raft.ReplicaID(replica).Generation() <= v.fact.generation &&
		!hasReplica(v.fact.members, replica) && !hasReplica(v.members, replica)
}

// Gone is a replica that is to be destroyed.
type Gone struct{ Group, Replica uint64 }

// Gone returns which of the replicas that the node last reported, in this log, are out of their groups for good;
// the node is to destroy them. Nothing else is ever returned, whatever the driver has missed (PLACE-7).
func (d *Driver) Gone(node, store uint64) (gone []Gone) {
	x := d.seen[origin{node, store}]
	if x == nil {
		return nil
	}
	for i := range x.report.Replicas {
		r := &x.report.Replicas[i]
		if v := d.views[r.Group]; v != nil && v.gone(r.Replica) {
			gone = append(gone, Gone{Group: r.Group, Replica: r.Replica})
		}
	}
	return gone
}

// LeaderHint says which node led a group when it was last heard of.
type LeaderHint struct{ Group, Node, Term uint64 }

// Leaders returns who leads, as far as known, ascending by group: hints for clients.
func (d *Driver) Leaders() (hints []LeaderHint) {
	for _, group := range slices.Sorted(maps.Keys(d.views)) {
		if v := d.views[group]; v.leading {
			hints = append(hints, LeaderHint{Group: group, Node: v.node, Term: v.term})
		}
	}
	return hints
}

// board is what a decision rests on: the table, and what is known beside it.
type board struct {
	d     *Driver
	now   env.Instant
	s     *State
	nodes map[uint64]standing
}

func (d *Driver) observe(now env.Instant, s *State) *board {
	b := &board{d: d, now: now, s: s, nodes: make(map[uint64]standing, len(s.Nodes))}
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.State != Removed {
			b.nodes[n.ID] = d.standing(now, n)
		}
	}
	return b
}

// leader returns the view of a group whose leader was heard of and not for too long silent, else nil.
func (b *board) leader(group uint64) *view {
	if v := b.d.views[group]; v != nil && v.leading && b.now.Sub(v.heard) < b.d.cfg.DeadAfter {
		return v
	}
	return nil
}

// leaderless tells whether nobody led the group for so long that nothing can be going on in it.
func (b *board) leaderless(group uint64) bool {
	since := b.d.began
	if v := b.d.views[group]; v != nil {
		since = max(since, v.heard)
	}
	return b.leader(group) == nil && b.now.Sub(since) >= b.d.cfg.DeadAfter
}

// member returns the replica that the group has on the node in the log that is meant.
func (b *board) member(v *view, p *Partition, node uint64) (MemberReport, bool) {
	n := b.s.Node(node)
	i := slices.IndexFunc(v.members, func(m MemberReport) bool {
		return n != nil && m.Node() == node && meant(&m, p, n)
	})
	if i < 0 {
		return MemberReport{}, false
	}
	return v.members[i], true
}

// meant tells whether the member is in the log that the node has now. One whose log is not named is in
// the one that the group began with.
func meant(m *MemberReport, p *Partition, n *Node) bool {
	if m.Store != 0 {
		return m.Store == n.Store
	}
	began := p.initialStore(n.ID)
	return began == 0 || began == n.Store
}

// reached tells whether the group is what the table wants, for good: nothing is left to be done there.
func (b *board) reached(p *Partition) bool {
	v := b.leader(p.Group)
	if v == nil || !v.settled || v.epoch != p.Epoch || len(v.members) != len(p.Replicas) {
		return false
	}
	for _, id := range p.Replicas {
		if m, ok := b.member(v, p, id); !ok || !m.Voter {
			return false
		}
	}
	return true
}

// voters returns the nodes of voters that count in what the group is or becomes, and live.
func (b *board) voters(v *view, p *Partition) (nodes []uint64) {
	for i := range v.members {
		m := &v.members[i]
		x := b.nodes[m.Node()]
		if m.Voter && x.live() && meant(m, p, x.Node) {
			nodes = append(nodes, m.Node())
		}
	}
	return nodes
}

// absent returns the nodes of voters that count and do not live, but have not lost their data as far as known.
func (b *board) absent(v *view, p *Partition) (nodes []uint64) {
	for i := range v.members {
		m := &v.members[i]
		if n := b.s.Node(m.Node()); m.Voter && n != nil && !b.nodes[n.ID].live() && meant(m, p, n) {
			nodes = append(nodes, n.ID)
		}
	}
	return nodes
}

func sameSet(a, b []uint64) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x uint64) bool { return !slices.Contains(b, x) })
}

// without returns the members of a that are not in b.
func without(a, b []uint64) (rest []uint64) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			rest = append(rest, x)
		}
	}
	return rest
}
