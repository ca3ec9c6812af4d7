package run

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// operated is what the operator needs of a cluster. The calls hand a request to the node as one
// of its inputs and may be lost without an answer.
type operated interface {
	// Leader is the number of the node that leads in the highest term, 0 if none does.
	Leader() int
	// Store is the number of a node's log, 0 while the node is down.
	Store(number int) uint64
	ChangeMembers(number int, req *kvpb.ChangeMembersRequest, reply func(*kvpb.ChangeMembersResponse))
	TransferLeader(number int, req *kvpb.TransferLeaderRequest, reply func(*kvpb.TransferLeaderResponse))
}

// operator carries out the plan's changes of members, as a person with `holdfast cluster`
// would: it asks whoever leads, and asks again until the change is done. Several changes
// may be under way at the same time.
type operator struct {
	world    *netsim.World
	plan     *plan.Plan
	cluster  operated
	atlas    *atlas
	patience time.Duration // with one request
	// members are the nodes with a replica, as far as the operator knows; true for voters.
	members map[int]bool
}

func newOperator(w *netsim.World, p *plan.Plan, c operated, a *atlas) *operator {
	o := &operator{
		world: w, plan: p, cluster: c, atlas: a, members: make(map[int]bool),
		patience: 200*time.Millisecond + 2*p.Settings.ElectionTimeout,
	}
	for n := 1; n <= p.Nodes; n++ {
		o.members[n] = true
	}
	return o
}

// step is one request, asked until it is done.
type step struct {
	kind plan.FaultKind
	node int
	// learner makes the node of AddNode stay a learner.
	learner bool
	// after is how long the step waits.
	after time.Duration
}

// task is one change of the plan under way.
type task struct {
	*operator
	fault   *plan.Fault
	steps   []step
	asked   bool // the current step was sent
	made    int  // steps that are done
	attempt uint64
	stopped bool
	done    func()
}

// start begins a change aimed at a node and calls done once it took effect.
func (o *operator) start(f *plan.Fault, target int, done func()) *task {
	t := &task{operator: o, fault: f, done: done, steps: o.steps(f, target)}
	t.next()
	return t
}

// stop ends a task that is not done; what it asked for may still happen.
func (t *task) stop() { t.stopped = true }

// steps are what a fault asks for; none if there is nothing to change.
func (o *operator) steps(f *plan.Fault, target int) []step {
	switch f.Kind {
	case plan.AddNode:
		return o.adding(target, f.Param == 1)
	case plan.RemoveNode:
		return o.removing(target)
	case plan.Demote:
		if target = o.like(target, o.votes); target != 0 {
			return []step{{kind: plan.Demote, node: target}}
		}
	case plan.Promote:
		return o.promoting(f, target)
	case plan.Replace:
		add, remove := o.adding(f.Targets[1], false), o.removing(target)
		if len(add) == 0 || len(remove) == 0 {
			return nil
		}
		if f.Param == 1 {
			return append(remove, add...)
		}
		return append(add, remove...)
	case plan.TransferLeader:
		if f.Param == 1 {
			target = 0
		}
		return []step{{kind: plan.TransferLeader, node: target}}
	}
	return nil
}

func (o *operator) adding(node int, learner bool) []step {
	if node = o.like(node, o.absent); node == 0 {
		return nil
	}
	return []step{{kind: plan.AddNode, node: node, learner: learner}}
}

func (o *operator) removing(node int) []step {
	if node = o.like(node, o.present); node == 0 {
		return nil
	}
	return []step{{kind: plan.RemoveNode, node: node}}
}

func (o *operator) promoting(f *plan.Fault, target int) []step {
	if n := o.like(target, o.learns); n != 0 {
		return []step{{kind: plan.Promote, node: n}}
	}
	if n := o.like(target, o.absent); n != 0 {
		return []step{{kind: plan.AddNode, node: n, learner: true}, {kind: plan.Promote, node: n, after: f.For}}
	}
	n := o.like(target, o.votes)
	return []step{{kind: plan.Demote, node: n}, {kind: plan.Promote, node: n, after: f.For}}
}

func (o *operator) present(n int) bool { _, ok := o.members[n]; return ok }
func (o *operator) absent(n int) bool  { return !o.present(n) }
func (o *operator) votes(n int) bool   { return o.members[n] }
func (o *operator) learns(n int) bool  { return o.present(n) && !o.members[n] }

// like returns the node, or the next one that has the property, 0 if none has.
func (o *operator) like(node int, has func(int) bool) int {
	all := o.plan.Machines()
	for i := range all {
		if n := 1 + (node-1+i)%all; has(n) {
			return n
		}
	}
	return 0
}

// next turns to the next step.
func (t *task) next() {
	if len(t.steps) == 0 || t.stopped {
		return
	}
	t.asked = false
	t.world.After(t.steps[0].after, t.ask)
}

// ask sends the current step's request to whoever leads, and again until it is done.
func (t *task) ask() {
	if t.stopped || len(t.steps) == 0 {
		return
	}
	t.attempt++
	attempt := t.attempt
	if leader := t.cluster.Leader(); leader != 0 && t.permitted() {
		t.send(leader, attempt)
	}
	t.world.After(t.patience, func() { t.again(attempt, 0) })
}

// again asks once more after a while, unless that has happened.
func (t *task) again(attempt uint64, pause time.Duration) {
	if attempt == t.attempt && !t.stopped {
		t.attempt++
		t.world.After(pause, t.ask)
	}
}

// permitted asks the atlas before a step's first request, and notes what may come of it.
func (t *task) permitted() bool {
	if t.asked {
		return true
	}
	switch s := &t.steps[0]; {
	case s.kind == plan.RemoveNode || s.kind == plan.Demote:
		t.asked = t.atlas.leave(s.node)
	case s.kind == plan.TransferLeader || s.learner:
		t.asked = true
	default:
		t.asked = t.atlas.enter(s.node)
	}
	return t.asked
}

func (t *task) send(leader int, attempt uint64) {
	s, n := &t.steps[0], uint64(t.steps[0].node)
	req := new(kvpb.ChangeMembersRequest)
	switch s.kind {
	case plan.TransferLeader:
		t.transfer(leader, attempt)
		return
	case plan.AddNode:
		store := t.cluster.Store(s.node)
		if store == 0 {
			return // down: its log cannot be named
		}
		req.Change = &kvpb.ChangeMembersRequest_Add{Add: &kvpb.AddMember{
			Node: n, Address: fmt.Sprintf("node-%d:1", n), AsLearner: s.learner, Store: store,
		}}
	case plan.RemoveNode:
		req.Change = &kvpb.ChangeMembersRequest_Remove{Remove: &kvpb.RemoveMember{Node: n}}
	case plan.Promote:
		req.Change = &kvpb.ChangeMembersRequest_Promote{Promote: &kvpb.PromoteMember{Node: n}}
	case plan.Demote:
		req.Change = &kvpb.ChangeMembersRequest_Demote{Demote: &kvpb.DemoteMember{Node: n}}
	}
	t.cluster.ChangeMembers(leader, req, func(resp *kvpb.ChangeMembersResponse) {
		if resp.Code == kvpb.Code_OK && resp.Done {
			t.finish(s)
			return
		}
		t.again(attempt, 20*time.Millisecond)
	})
}

func (t *task) transfer(leader int, attempt uint64) {
	s := &t.steps[0]
	to := uint64(s.node)
	if s.node == leader || !t.votes(s.node) {
		to = 0
	}
	t.cluster.TransferLeader(leader, &kvpb.TransferLeaderRequest{ToNode: to}, func(resp *kvpb.TransferLeaderResponse) {
		if resp.Code == kvpb.Code_OK && resp.LeaderNode != uint64(leader) {
			t.finish(s)
			return
		}
		t.again(attempt, 20*time.Millisecond)
	})
}

// finish ends a step that is done. Answers may come twice.
func (t *task) finish(s *step) {
	if t.stopped || len(t.steps) == 0 || s != &t.steps[0] {
		return
	}
	switch s.kind {
	case plan.RemoveNode:
		delete(t.members, s.node)
		t.atlas.left(s.node)
	case plan.Demote:
		t.members[s.node] = false
		t.atlas.left(s.node)
	case plan.AddNode, plan.Promote:
		t.members[s.node] = !s.learner
		if !s.learner {
			t.atlas.entered(s.node)
		}
	}
	t.steps = t.steps[1:]
	t.attempt++
	t.made++
	if len(t.steps) == 0 {
		t.done()
		return
	}
	t.next()
}
