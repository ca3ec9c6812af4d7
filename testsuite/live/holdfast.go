package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/client"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Holdfast is the adapter of this store: target.Store, target.Changer and target.Observer over a Cluster.
type Holdfast struct {
	*Fleet
	founders []uint64

	mu    sync.Mutex
	watch *Watch
}

var (
	_ target.Store    = (*Holdfast)(nil)
	_ target.Changer  = (*Holdfast)(nil)
	_ target.Observer = (*Holdfast)(nil)
)

// Least settings of real processes: what `holdfast server` accepts, and what is not mistaken for a slow machine.
const (
	leastCompact   = 64 << 10
	leastDeadAfter = 4 * time.Second
)

// NewHoldfast is a cluster as a plan describes it, with its times multiplied by scale. None of its nodes runs yet.
func NewHoldfast(binary, dir string, p *plan.Plan, scale float64) (*Holdfast, error) {
	times := func(d time.Duration) time.Duration { return time.Duration(float64(d) * scale).Round(time.Millisecond) }
	s := &p.Settings
	flags := []string{
		"--heartbeat", times(s.Heartbeat).String(), "--election-timeout", times(s.ElectionTimeout).String(),
		"--max-clock-drift", fmt.Sprint(s.MaxClockDrift), fmt.Sprintf("--lease-reads=%v", s.LeaseReads),
	}
	if s.CompactBytes > 0 {
		flags = append(flags, "--compact-size", fmt.Sprint(max(s.CompactBytes, leastCompact)))
	}
	cfg := ClusterConfig{Binary: binary, Dir: dir, Name: "attacked", Nodes: p.Machines(), Founders: p.Nodes}
	if p.Sharded() {
		cfg.Partitions = p.Sharding.Partitions
		flags = append(flags, "--replicas", fmt.Sprint(p.Sharding.Replicas), "--dead-after", max(times(p.Sharding.DeadAfter), leastDeadAfter).String())
	}
	cfg.Flags = flags
	fleet, err := NewFleet(cfg)
	if err != nil {
		return nil, err
	}
	return &Holdfast{Fleet: fleet, founders: fleet.Ids()}, nil
}

// Name implements target.Store.
func (h *Holdfast) Name() string { return "holdfast" }

// Begin implements target.Store.
func (h *Holdfast) Begin(ctx context.Context) error {
	if err := h.StartAll(ctx, h.founders...); err != nil {
		return err
	}
	if h.cfg.Partitions > 0 {
		if err := h.made(ctx); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watch = NewWatch(h.Cluster)
	return nil
}

// made waits until all partitions are made.
func (h *Holdfast) made(ctx context.Context) error {
	return await(ctx, "all partitions to be made", func() (bool, error) {
		p, err := h.Placement(ctx)
		return err == nil && len(p.Groups) == int(p.Partitions)+1, err
	})
}

// Start implements target.Store. Who came later may have been killed before it had data, and still needs to be told of the
// cluster.
func (h *Holdfast) Start(_ context.Context, id uint64) error {
	if id > uint64(len(h.founders)) {
		return h.Launch(id, "--join", strings.Join(h.Endpoints(), ","))
	}
	return h.Launch(id)
}

// Leader implements target.Store: the node that leads most groups, as far as the nodes answer.
func (h *Holdfast) Leader(ctx context.Context) (leader uint64) {
	most := 0
	for _, id := range h.Up() {
		s, err := h.Status(ctx, id)
		if err != nil {
			continue
		}
		leads := 0
		for _, g := range s.Groups {
			if g.Role == roleLeader {
				leads++
			}
		}
		if leads > most {
			leader, most = id, leads
		}
	}
	return leader
}

// Observed implements target.Observer.
func (h *Holdfast) Observed() verdict.Case {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watch == nil {
		return verdict.Case{}
	}
	return h.watch.Case()
}

// Said implements target.Observer.
func (h *Holdfast) Said() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watch == nil {
		return nil
	}
	return h.watch.Said()
}

// Close implements target.Store.
func (h *Holdfast) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watch != nil {
		h.watch.Close()
		h.watch = nil
	}
	return h.Cluster.Close()
}

// Client implements target.Store.
func (h *Holdfast) Client(ctx context.Context, number int, patience target.Patience) (target.Client, error) {
	all := h.Addresses()[:len(h.founders)]
	first := number % len(all) // each client starts with another node
	c, err := client.Dial(ctx, client.Config{
		Endpoints: append(append([]string{}, all[first:]...), all[:first]...), Seed: uint64(number) + 1,
		RequestTimeout: patience.Operation, AttemptTimeout: patience.Attempt,
	})
	if err != nil {
		return nil, fmt.Errorf("live: connecting client %d: %w", number, err)
	}
	return holdfastClient{c, patience}, nil
}

// Changes implements target.Changer.
func (h *Holdfast) Changes(kind plan.FaultKind) bool {
	switch kind {
	case plan.AddNode, plan.RemoveNode, plan.Promote, plan.Demote, plan.TransferLeader, plan.Wipe,
		plan.Join, plan.Drain, plan.Retire, plan.Reweight, plan.Rezone:
		return true
	}
	return false
}

// Change implements target.Changer, with the commands that an operator has.
func (h *Holdfast) Change(ctx context.Context, f *plan.Fault, id uint64) (undo func(context.Context) error, err error) {
	node := fmt.Sprint(id)
	switch f.Kind {
	case plan.AddNode:
		return nil, errors.Join(h.Grow(ctx), h.abandon())
	case plan.Join:
		return nil, h.enlist(ctx, id)
	case plan.RemoveNode, plan.Retire:
		return nil, h.expel(ctx, id)
	case plan.Promote:
		return nil, h.operate(ctx, "promote", node)
	case plan.Demote:
		return nil, h.operate(ctx, "demote", node)
	case plan.TransferLeader:
		return nil, h.transfer(ctx, f, node)
	case plan.Reweight:
		return nil, h.operate(ctx, "weight", node, fmt.Sprint(f.Param))
	case plan.Rezone:
		return nil, h.operate(ctx, "zone", node, fmt.Sprintf("z%d", f.Param))
	case plan.Drain:
		if f.Param == 1 {
			undo = func(ctx context.Context) error { return h.operate(ctx, "undrain", node) }
		}
		return undo, h.operate(ctx, "drain", node, "--no-wait")
	}
	return nil, fmt.Errorf("live: %s is not a change that can be made", f.Kind)
}

func (h *Holdfast) transfer(ctx context.Context, f *plan.Fault, node string) error {
	if f.Param == 1 {
		return h.operate(ctx, "transfer-leader")
	}
	return h.operate(ctx, "transfer-leader", node)
}

// enlist is Enlist for a node that no other one is started with at the same time.
func (h *Holdfast) enlist(ctx context.Context, id uint64) error {
	if n := h.node(id); !n.outside {
		return fmt.Errorf("live: node %d is a member", id)
	}
	return errors.Join(h.Enlist(ctx, id), h.abandon())
}

// abandon ends the processes of nodes that did not become members, for whatever reason: the next attempt starts them anew.
func (h *Holdfast) abandon() error {
	h.acts.Lock()
	defer h.acts.Unlock()
	var errs []error
	for _, id := range h.those(func(n *node) bool { return n.outside && n.proc != nil }) {
		p := h.process(id)
		if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, err)
			continue
		}
		<-p.done
		errs = append(errs, h.reap(id, func(uint64, *process) error { return nil }))
	}
	return errors.Join(errs...)
}

// expel removes a member, which may be down, and ends its process.
func (h *Holdfast) expel(ctx context.Context, id uint64) error {
	if err := h.operate(ctx, "remove", fmt.Sprint(id)); err != nil {
		return err
	}
	h.Cluster.mu.Lock()
	n := h.node(id)
	n.outside = true
	runs := n.proc != nil
	h.took[counterRemoved]++
	h.Cluster.mu.Unlock()
	if !runs {
		return nil
	}
	return h.Kill(ctx, id)
}

// Wipe implements target.Changer.
func (h *Holdfast) Wipe(ctx context.Context, id uint64) error {
	h.acts.Lock()
	defer h.acts.Unlock()
	h.bury()
	return h.Cluster.Wipe(ctx, id)
}

// Rejoined implements target.Changer: the node has a replica again, under another id than before.
func (h *Holdfast) Rejoined(ctx context.Context, id uint64) error {
	return await(ctx, fmt.Sprintf("node %d to have a new replica", id), func() (bool, error) {
		s, err := h.Status(ctx, id)
		if err != nil {
			return false, err
		}
		h.Cluster.mu.Lock()
		defer h.Cluster.mu.Unlock()
		n := h.node(id)
		g := theGroup(s)
		if g == nil || g.Replica == n.replica || g.Applied == 0 {
			return false, errors.New("its replica is the old one, or it has none")
		}
		n.wiped = false
		return true, nil
	})
}
