package placement

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Phase is how far a group is from what is wanted of it.
type Phase int

const (
	// PhaseOK: it is as it is to be.
	PhaseOK Phase = iota
	// PhaseCreating: it has no record, or no leader yet.
	PhaseCreating
	// PhaseUnknown: this driver has not heard of a leader, and is too new to tell whether there is one.
	PhaseUnknown
	// PhaseUnavailable: nobody leads it.
	PhaseUnavailable
	// PhaseAdding: a wanted node has no replica yet.
	PhaseAdding
	// PhaseCatchingUp: a replica gets its copy.
	PhaseCatchingUp
	// PhaseSwapping: all wanted replicas have caught up, and become the voters.
	PhaseSwapping
	// PhaseWaiting: it is to be moved when others have been.
	PhaseWaiting
	// PhaseUnderReplicated: a replica is dead, or there are fewer than there should be.
	PhaseUnderReplicated
	// PhaseCleaning: a replica that is out of the group is not destroyed yet.
	PhaseCleaning
	numPhases
)

// String names the phase.
func (p Phase) String() string {
	if p < 0 || p >= numPhases {
		return fmt.Sprintf("unknown phase %d", int(p))
	}
	return [...]string{
		"ok", "creating", "unknown", "unavailable", "adding", "catching up", "swapping", "waiting", "under-replicated", "cleaning",
	}[p]
}

// Progress is what people want to know.
type Progress struct {
	// Nodes are those of the table but for removed ones, ascending; Strangers the logs that report and
	// are not in the table.
	Nodes     []NodeProgress
	Strangers []Stranger
	// Groups are all groups of the cluster, ascending.
	Groups []GroupProgress
	// Phases counts the groups of each phase.
	Phases [numPhases]int
	// Copies is how many replicas must still be copied until the goal is reached, Bytes how much there is to be
	// copied for it and Done how much of that is there, as far as the sizes are known.
	Copies      int
	Bytes, Done uint64
	// Rate is the pace of copying that was observed, in bytes per second, 0 if there was none. Left is
	// how long the rest takes at this pace, negative if that is not known.
	Rate uint64
	Left time.Duration
}

// NodeProgress is one node.
type NodeProgress struct {
	Node
	// Heard says that it reported to this driver, Silent how long ago, or since when the driver waits for it.
	Heard  bool
	Silent time.Duration
	// Dead: it is silent for too long. Probation is for how long it gets no replicas, since it was dead
	// before.
	Dead      bool
	Probation time.Duration
	// Wanted is on how many groups the table wants it, Goal on how many it is to be in the end. Replicas and
	// Leads are what it reports.
	Wanted, Goal, Replicas, Leads int
}

// Stranger is a log that reports and is not the one that the table names for its node, or the node is
// not in the table.
type Stranger struct {
	Node, Store uint64
	Address     string
	Silent      time.Duration
}

// GroupProgress is one group.
type GroupProgress struct {
	Group, Epoch uint64
	Phase        Phase
	// Wanted are the nodes of the table, Goal those that it is to be on in the end, Voters those that
	// vote now, as far as known; Leader is 0 if nobody leads.
	Wanted, Goal, Voters []uint64
	Leader               uint64
	// Live counts the wanted nodes that are voters and live.
	Live int
	// Copies are the replicas that must still be copied; Bytes and Done as in Progress.
	Copies      int
	Bytes, Done uint64
}

// Progress returns how things are. It changes nothing.
func (d *Driver) Progress(now env.Instant, s *State) Progress {
	var out Progress
	if !s.Bootstrapped() {
		out.Strangers = d.strangers(now)
		return out
	}
	b := d.observe(now, s)
	for group := uint64(1); group <= uint64(s.Cluster.Partitions); group++ {
		out.add(b.groupProgress(group))
	}
	out.add(b.groupProgress(MetaGroup))
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.State != Removed {
			out.Nodes = append(out.Nodes, b.nodeProgress(n, out.Groups))
		}
	}
	out.Strangers = slices.DeleteFunc(d.strangers(now), func(x Stranger) bool {
		n := s.Node(x.Node)
		return n != nil && n.Store == x.Store
	})
	out.Rate = d.pace.rate
	out.Left = d.pace.left(out.Bytes - out.Done)
	return out
}

func (p *Progress) add(g GroupProgress) {
	p.Groups = append(p.Groups, g)
	p.Phases[g.Phase]++
	p.Copies += g.Copies
	p.Bytes += g.Bytes
	p.Done += g.Done
}

func (d *Driver) strangers(now env.Instant) (all []Stranger) {
	for _, o := range d.origins() {
		if x := d.seen[o]; x.ever {
			all = append(all, Stranger{o.node, o.store, x.report.Address, d.silent(now, x)})
		}
	}
	return all
}

func (b *board) nodeProgress(n *Node, groups []GroupProgress) NodeProgress {
	out := NodeProgress{Node: *n}
	for i := range groups {
		if slices.Contains(groups[i].Wanted, n.ID) {
			out.Wanted++
		}
		if slices.Contains(groups[i].Goal, n.ID) {
			out.Goal++
		}
	}
	x := b.d.seen[origin{n.ID, n.Store}]
	if x == nil {
		return out
	}
	out.Heard, out.Silent, out.Dead = x.ever, b.d.silent(b.now, x), b.nodes[n.ID].dead
	if x.flaps > 0 {
		out.Probation = max(x.trusted.Sub(b.now), 0)
	}
	out.Replicas = len(x.report.Replicas)
	for i := range x.report.Replicas {
		if x.report.Replicas[i].Leader {
			out.Leads++
		}
	}
	return out
}

func (b *board) groupProgress(group uint64) GroupProgress {
	out := GroupProgress{Group: group}
	p := b.s.Partition(group)
	if p == nil {
		out.Phase = PhaseCreating
		return out
	}
	out.Epoch, out.Wanted, out.Goal = p.Epoch, p.Replicas, orElse(b.d.goalOf(b, p), p.Replicas)
	v := b.leader(group)
	if v == nil {
		switch {
		case b.leaderless(group):
			out.Phase = PhaseUnavailable
		case p.Epoch == 1 && b.d.views[group] == nil:
			out.Phase = PhaseCreating
		default:
			out.Phase = PhaseUnknown
		}
		return out
	}
	out.Leader = v.node
	for i := range v.members {
		if m := &v.members[i]; m.Voter {
			out.Voters = append(out.Voters, m.Node())
		}
	}
	slices.SortFunc(out.Voters, cmp.Compare[uint64])
	for _, id := range b.voters(v, p) {
		if slices.Contains(p.Replicas, id) {
			out.Live++
		}
	}
	b.countCopies(&out, p, v)
	out.Phase = b.phase(&out, p, v)
	return out
}

// countCopies counts the nodes of the table and of the goal that have no voter: those of the table may have a
// part of a copy already.
func (b *board) countCopies(out *GroupProgress, p *Partition, v *view) {
	for _, id := range append(slices.Clone(p.Replicas), without(out.Goal, p.Replicas)...) {
		m, ok := b.member(v, p, id)
		if m.Voter || b.nodes[id].badness() > 0 {
			continue
		}
		out.Copies++
		out.Bytes += v.bytes
		if ok && m.CaughtUp {
			out.Done += v.bytes
		} else if ok {
			out.Done += min(b.copied(p.Group, id, m.Replica), v.bytes)
		}
	}
}

// copied is how much a replica reports to hold.
func (b *board) copied(group, node, replica uint64) uint64 {
	x := b.d.seen[origin{node, b.nodes[node].Store}]
	if x == nil {
		return 0
	}
	if r := x.report.of(group); r != nil && r.Replica == replica {
		return r.Bytes
	}
	return 0
}

func (b *board) phase(out *GroupProgress, p *Partition, v *view) Phase {
	if !b.reached(p) {
		phase := PhaseSwapping
		for _, id := range p.Replicas {
			switch m, ok := b.member(v, p, id); {
			case !ok:
				return PhaseAdding
			case !m.Voter && !m.CaughtUp:
				phase = PhaseCatchingUp
			}
		}
		return phase
	}
	switch {
	case out.Live < len(p.Replicas) || len(p.Replicas) < len(out.Goal) ||
		p.Group != MetaGroup && len(p.Replicas) < b.s.Cluster.Replicas:
		return PhaseUnderReplicated
	case !sameSet(out.Goal, p.Replicas):
		return PhaseWaiting
	case b.remains(p.Group, v):
		return PhaseCleaning
	}
	return PhaseOK
}

// remains tells whether a node reports a replica of the group that is to be destroyed. What is left on
// one that is dead must wait.
func (b *board) remains(group uint64, v *view) bool {
	for _, x := range b.d.seen {
		if b.d.isDead(b.now, x) {
			continue
		}
		if r := x.report.of(group); r != nil && v.gone(r.Replica) {
			return true
		}
	}
	return false
}
