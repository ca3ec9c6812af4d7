package attack

import (
	"context"
	"time"

	"github.com/holdfastdb/holdfast/testsuite/live/proxy"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// leastMembers is how many members are left alone: of fewer a single node that is down takes the majority (ATTACK-3).
const leastMembers = 3

// changeMembers carries out the changes one after the other until there are no more, and drops those that come when all is
// healed.
func (n *nemesis) changeMembers(ctx context.Context) {
	changer, _ := n.run.Store.(target.Changer)
	for f := range n.changes {
		if time.Since(n.begun) > n.run.scaled(n.run.Plan.HealAt) {
			continue
		}
		id := n.aimed(ctx, f)
		if !n.mayChange(f, id) {
			continue
		}
		n.run.Log("%8s  %s node %d", n.clock(), f.Kind, id)
		within, cancel := context.WithTimeout(ctx, n.run.Patience)
		number := n.begins(f, []int{int(id)})
		undo, err := changer.Change(within, f, id)
		cancel()
		n.isOver(f, number, did(err))
		if err != nil {
			// It may be one that does nothing, or could not be done under the faults: it does not count.
			n.run.Log("          %s node %d: %v", f.Kind, id, err)
			continue
		}
		n.count(f.Kind)
		if undo != nil {
			n.lane.Go(func() { n.takeBack(ctx, f, undo) })
		}
	}
}

// did is how many effects a change had.
func did(err error) uint64 {
	if err != nil {
		return 0
	}
	return 1
}

func (n *nemesis) aimed(ctx context.Context, f *plan.Fault) uint64 {
	if f.Leader && f.Kind != plan.AddNode && f.Kind != plan.Join {
		if leader := n.run.Store.Leader(ctx); leader != 0 {
			return leader
		}
	}
	return uint64(f.Targets[0])
}

// mayChange tells whether a change makes sense and is survived, and notes that there was one.
func (n *nemesis) mayChange(f *plan.Fault, id uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	members := n.run.Store.Members()
	is := n.has(members, id)
	ok := is
	switch f.Kind {
	case plan.AddNode:
		ok = len(members) < len(n.nodes)
	case plan.Join:
		ok = !is
	case plan.RemoveNode, plan.Retire, plan.Demote:
		ok = is && len(members) > leastMembers
	case plan.TransferLeader:
		return is
	}
	ok = ok && len(n.wiped) == 0
	n.changing = n.changing || ok
	return ok
}

// takeBack undoes a change when its time is over.
func (n *nemesis) takeBack(ctx context.Context, f *plan.Fault, undo func(context.Context) error) {
	if !proxy.SleepUntil(ctx, n.begun.Add(n.run.scaled(min(f.At+f.For, n.run.Plan.HealAt)))) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, n.run.Patience)
	defer cancel()
	if err := undo(ctx); err != nil {
		n.run.Log("          %s, taken back: %v", f.Kind, err)
	}
}
