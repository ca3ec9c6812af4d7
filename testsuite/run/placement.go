package run

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/raft/confchange"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// placed is one change of nodes under way in a cluster with partitions. It is asked for as a person would with
// `holdfast cluster`: whoever drives the placement, and again until it is done.
type placed struct {
	*nemesis
	strike  *strike
	actions []*kvpb.ManageNodeRequest
	attempt int
	stopped bool
}

// place begins a change of nodes.
func (n *nemesis) place(s *strike) {
	id := uint64(s.target)
	t := &placed{nemesis: n, strike: s}
	s.placed = t
	switch s.fault.Kind {
	case plan.Join:
		n.joined[s.target] = true
		n.revive(s.target)
		t.awaitJoin()
		return
	case plan.Drain:
		t.actions = []*kvpb.ManageNodeRequest{{Node: id, Action: kvpb.NodeAction_DRAIN}}
		if s.fault.Param == 1 {
			n.world.After(s.fault.For, func() {
				if !t.stopped {
					t.actions = append(t.actions, &kvpb.ManageNodeRequest{Node: id, Action: kvpb.NodeAction_UNDRAIN})
					t.ask()
				}
			})
		}
	case plan.Retire:
		t.actions = []*kvpb.ManageNodeRequest{
			{Node: id, Action: kvpb.NodeAction_DRAIN}, {Node: id, Action: kvpb.NodeAction_RETIRE},
		}
	case plan.Reweight:
		t.actions = []*kvpb.ManageNodeRequest{{Node: id, Action: kvpb.NodeAction_SET_WEIGHT, Weight: uint32(s.fault.Param)}}
	case plan.Rezone:
		t.actions = []*kvpb.ManageNodeRequest{{Node: id, Action: kvpb.NodeAction_SET_ZONE, Zone: fmt.Sprintf("z%d", s.fault.Param)}}
	}
	t.ask()
}

func (t *placed) patience() time.Duration { return 100*time.Millisecond + t.plan.Sharding.ReportEvery }

// ask asks for the next action, and again until it is recorded.
func (t *placed) ask() {
	if t.stopped || len(t.actions) == 0 {
		return
	}
	t.attempt++
	attempt := t.attempt
	action := t.actions[0]
	if driver := t.cluster.Leader(); driver != 0 {
		t.cluster.ManageNode(driver, action, func(resp *kvpb.ManageNodeResponse) {
			if resp.Code == kvpb.Code_OK && !t.stopped && len(t.actions) > 0 && t.actions[0] == action {
				t.strike.hits++
				t.actions = t.actions[1:]
				t.ask()
			}
		})
	}
	t.world.After(t.patience(), func() {
		if attempt == t.attempt {
			t.ask()
		}
	})
}

// awaitJoin looks whether the new node is in anybody's table.
func (t *placed) awaitJoin() {
	if t.stopped {
		return
	}
	if table := t.table(); table != nil && table.Node(uint64(t.strike.target)) != nil {
		t.strike.hits++
		return
	}
	t.world.After(t.patience(), t.awaitJoin)
}

// table is the newest table that a running node has, nil if none has one.
func (r *runner) table() *placement.State {
	var newest *placement.State
	for number := 1; number <= r.cluster.Size(); number++ {
		if m := r.cluster.Alive(number); m != nil {
			if t := m.Table(); t != nil && (newest == nil || t.Version > newest.Version) {
				newest = t
			}
		}
	}
	return newest
}

// unplaced names what is not as it must be at rest in a cluster with partitions, some time after everything was healed; it
// is empty if all is.
func (r *runner) unplaced() string {
	t := r.table()
	if t == nil {
		return "no node has a table"
	}
	if n := len(t.Partitions) - 1; n != t.Cluster.Partitions {
		return fmt.Sprintf("%d of %d partitions are made", n, t.Cluster.Partitions)
	}
	for i := range t.Partitions {
		if wrong := r.misplaced(t, &t.Partitions[i]); wrong != "" {
			return fmt.Sprintf("group %d (epoch %d, to be on nodes %v): %s", t.Partitions[i].Group, t.Partitions[i].Epoch, t.Partitions[i].Replicas, wrong)
		}
	}
	for number := 1; number <= r.cluster.Size(); number++ {
		if orphan := r.orphan(t, number); orphan != "" {
			return orphan
		}
	}
	return r.unbalanced(t)
}

// runs tells whether a node of the table runs, with the log that is meant.
func (r *runner) runs(t *placement.State, id uint64) bool {
	n := t.Node(id)
	m := r.cluster.Alive(int(id))
	return n != nil && n.State != placement.Removed && m != nil && r.cluster.Store(int(id)) == n.Store
}

// completes tells whether all nodes run that are to hold a group.
func (r *runner) completes(t *placement.State, p *placement.Partition) bool {
	return !slices.ContainsFunc(p.Replicas, func(id uint64) bool { return !r.runs(t, id) })
}

// useful are the nodes that run and may hold partitions.
func (r *runner) useful(t *placement.State) (ids []uint64) {
	for i := range t.Nodes {
		if n := &t.Nodes[i]; n.State == placement.Up && r.runs(t, n.ID) {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// misplaced says what is wrong with where a group is.
func (r *runner) misplaced(t *placement.State, p *placement.Partition) string {
	leader := r.cluster.LeaderOf(groupID(p.Group))
	if leader == 0 {
		return "nobody leads it"
	}
	config := r.cluster.Member(leader).Replica(groupID(p.Group)).Raft().CommittedConfiguration()
	var running []uint64
	// While a wanted node is down its replica waits, and so do those that are to become voters with it; what they are
	// to replace stays.
	complete := r.completes(t, p)
	for _, id := range p.Replicas {
		if !r.runs(t, id) {
			continue
		}
		running = append(running, id)
		if m, ok := config.OnNode(id); !ok || !m.Voter && complete {
			return fmt.Sprintf("node %d, which runs, is no voter: %v", id, config)
		}
		if n := t.Node(id); n.State != placement.Up {
			return fmt.Sprintf("node %d is %v", id, n.State)
		}
	}
	useful := r.useful(t)
	switch want := min(t.Cluster.Replicas, len(useful)); {
	case config.Joint() || complete && known(t, config) != len(p.Replicas):
		return fmt.Sprintf("its configuration is %v", config)
	case p.Group == placement.MetaGroup:
		return ""
	case len(running) < want:
		return fmt.Sprintf("only nodes %v of it run, though nodes %v could hold it", running, useful)
	case complete && uint64(leader) != p.Replicas[0]:
		return fmt.Sprintf("node %d leads it and not node %d", leader, p.Replicas[0])
	}
	return ""
}

// known counts the members on nodes that the table knows: a founder that never was heard of may stay.
func known(t *placement.State, c confchange.Config) (n int) {
	for _, m := range c.Members {
		if t.Node(m.Node()) != nil {
			n++
		}
	}
	return n
}

// orphan names a replica that a node has and should not have, or has not and should have.
func (r *runner) orphan(t *placement.State, number int) string {
	m := r.cluster.Alive(number)
	if m == nil {
		return ""
	}
	for rep := range m.Replicas() {
		p := t.Partition(uint64(rep.Group()))
		if p == nil || !slices.Contains(p.Replicas, uint64(number)) && r.completes(t, p) {
			return fmt.Sprintf("node %d still has replica %d of group %d", number, rep.ID(), rep.Group())
		}
	}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if slices.Contains(p.Replicas, uint64(number)) && r.runs(t, uint64(number)) && m.Replica(groupID(p.Group)) == nil {
			return fmt.Sprintf("node %d has no replica of group %d", number, p.Group)
		}
	}
	return ""
}

// unbalanced says which of the nodes that run holds more than one replica more, or less, than another one of the
// same weight, where no zones stand in the way.
func (r *runner) unbalanced(t *placement.State) string {
	useful := r.useful(t)
	count := map[uint64]int{}
	for i := range t.Partitions {
		if p := &t.Partitions[i]; p.Group != placement.MetaGroup {
			for _, id := range p.Replicas {
				count[id]++
			}
		}
	}
	for _, a := range useful {
		if t.Node(a).Zone != "" {
			return ""
		}
	}
	for _, a := range useful {
		for _, b := range useful {
			if t.Node(a).Weight == t.Node(b).Weight && count[a] > count[b]+2 {
				return fmt.Sprintf("node %d holds %d replicas, node %d of the same weight %d", a, count[a], b, count[b])
			}
		}
	}
	return ""
}
