package node

import (
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// vigil keeps watch for the groups that sleep (raft.Raft.Wake). Nodes that share sleeping groups tell each other that
// they are alive, once for all groups, in place of the heartbeats of each. A replica sleeps as long as the
// nodes that it would have to hear of are alive, in the life in which it went to sleep (NODE-12).
type vigil struct {
	// over are the nodes that sleeping replicas rely on: a follower on its leader's, a leader on those of all members.
	over map[env.NodeID]*watch
	// next is when to tell and to look again; Never while nothing sleeps.
	next env.Instant
}

// watch is what is known of one node.
type watch struct {
	// heard is when the node last said that it is alive, or when a group last began to rely on it; life is the
	// one it said so in, 0 until it did.
	heard  env.Instant
	life   uint64
	groups map[raft.GroupID]*group
}

// noteSleep notes whether the group sleeps now, after its part of the turn.
func (n *Node) noteSleep(now env.Instant, g *group) {
	asleep := g.replica != nil && !g.replica.Stopped() && g.replica.Raft().Quiescent()
	if asleep == g.asleep {
		return
	}
	g.asleep = asleep
	v := &n.vigil
	if !asleep {
		v.forget(g)
		return
	}
	core := g.replica.Raft()
	if core.Role() == raft.Leader {
		for _, m := range core.Configuration().Members {
			v.rely(now, g, env.NodeID(m.Node()), n.cfg.ID)
		}
	} else {
		v.rely(now, g, env.NodeID(core.Leader().Node()), n.cfg.ID)
	}
	if len(v.over) > 0 {
		v.next = min(v.next, now)
	}
}

func (v *vigil) rely(now env.Instant, g *group, id, self env.NodeID) {
	if id == self {
		return
	}
	w := v.over[id]
	if w == nil {
		w = &watch{groups: map[raft.GroupID]*group{}}
		v.over[id] = w
	}
	w.heard = now
	w.groups[g.id] = g
	g.reliesOn = append(g.reliesOn, id)
}

// forget ends the watch for a group that is awake.
func (v *vigil) forget(g *group) {
	for _, id := range g.reliesOn {
		w := v.over[id]
		if delete(w.groups, g.id); len(w.groups) == 0 {
			delete(v.over, id)
		}
	}
	g.reliesOn = g.reliesOn[:0]
}

// keepVigil tells the nodes that sleeping groups are shared with that this one is alive, and wakes the groups that
// rely on a node which is silent. It returns when to look again.
func (n *Node) keepVigil(now env.Instant) env.Instant {
	v := &n.vigil
	if now < v.next {
		return v.next
	}
	for _, id := range slices.Sorted(maps.Keys(v.over)) {
		if w := v.over[id]; now.Sub(w.heard) >= n.cfg.ElectionTimeout {
			n.wake(now, w)
		}
		n.host.Send(id, env.ChannelControl, appendAlive(nil, n.life()))
	}
	if v.next = now.Add(n.cfg.HeartbeatInterval); len(v.over) == 0 {
		v.next = env.Never
	}
	return v.next
}

// life tells this life of the node from others; it is not 0.
func (n *Node) life() uint64 { return n.deps.Seed | 1 }

// deliverAlive takes note that a node is alive, in which life.
func (n *Node) deliverAlive(now env.Instant, from env.NodeID, life uint64) {
	w := n.vigil.over[from]
	if w == nil {
		return
	}
	if w.life != 0 && w.life != life {
		n.wake(now, w) // since its restart nothing sleeps there
		return
	}
	w.heard, w.life = now, life
}

func (n *Node) wake(now env.Instant, w *watch) {
	for _, id := range slices.Sorted(maps.Keys(w.groups)) {
		n.use(w.groups[id].replica).Wake(now)
	}
}
