package live

import (
	"context"
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// watchPause is the time between two rounds of questions; each tableRounds-th of them asks for tables, too.
const (
	watchPause  = 50 * time.Millisecond
	tableRounds = 5
)

// Watch asks the nodes of a cluster for their status, again and again, and holds the
// answers to what must be true of Raft.
type Watch struct {
	cluster  *Cluster
	stop     context.CancelFunc
	done     chan struct{}
	election *invariant.ElectionSafety
	progress *invariant.Progress
	hashes   *invariant.StateHash
	lives    map[invariant.Replica]life
	teller   teller
	tables   tables

	mu         sync.Mutex
	last       map[uint64]word
	violations []verdict.Violation
	leaders    map[uint64]uint64 // by term
	answers    int64
}

// life is a replica of a node from a start to its end, or to its replacement by a new one.
type life struct {
	start   int
	replica uint64
}

// NewWatch begins to watch.
func NewWatch(c *Cluster) *Watch {
	w := &Watch{
		cluster: c, done: make(chan struct{}), lives: make(map[invariant.Replica]life), leaders: make(map[uint64]uint64),
		election: invariant.NewElectionSafety(), progress: invariant.NewProgress(), hashes: invariant.NewStateHash(),
		teller: newTeller(c.Course()), tables: newTables(), last: make(map[uint64]word),
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	go w.run(ctx)
	return w
}

// Close ends watching.
func (w *Watch) Close() {
	w.stop()
	<-w.done
}

func (w *Watch) run(ctx context.Context) {
	defer close(w.done)
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	for round := 0; ; round++ {
		for _, id := range w.cluster.Up() {
			if s, start, err := w.cluster.ask(ctx, id); err == nil {
				w.observe(id, start, s)
			}
			if w.cluster.cfg.Partitions == 0 || round%tableRounds > 0 {
				continue
			}
			if p, start, err := w.cluster.askPlacement(ctx, id); err == nil {
				w.observeTable(id, start, p)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// observe takes in one answer; answers of one node come in their order.
func (w *Watch) observe(id uint64, start int, s *kvpb.NodeStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers++
	w.last[id] = word{start, time.Now(), s}
	w.teller.tell(id, start, s)
	w.report(w.tables.version(id, start, s.TableVersion))
	if s.Failure != "" {
		w.report(verdict.Violationf("node-failure", "stopped-serving", "node %d has stopped serving: %s", id, s.Failure).On(0, id))
	}
	for _, g := range s.Groups {
		r := invariant.Replica{Group: g.Group, Node: id}
		at := invariant.Position{Term: g.Term, Commit: g.Commit, Applied: g.Applied}
		now := life{start, g.Replica}
		if w.lives[r] == now {
			w.report(w.progress.Observe(r, at))
		} else {
			w.progress.ObserveRestart(r, at)
		}
		w.lives[r] = now
		if g.Applied > 0 {
			w.report(w.hashes.ObserveStateHash(r, g.Applied, g.Hash))
		}
		if g.Role == roleLeader {
			w.report(w.election.ObserveLeader(r, g.Term))
			w.leaders[g.Term] = id
		}
	}
}

// observeTable takes in what a node has as the table of partitions.
func (w *Watch) observeTable(id uint64, start int, p *kvpb.PlacementResponse) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report(w.tables.observe(id, start, p))
}

// report keeps a violation, each kind once.
func (w *Watch) report(v *verdict.Violation) {
	if v == nil {
		return
	}
	for _, known := range w.violations {
		if known.Fingerprint == v.Fingerprint {
			return
		}
	}
	v.At = time.Now().UnixNano()
	w.violations = append(w.violations, *v)
}

// Case is what was seen so far.
func (w *Watch) Case() verdict.Case {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := verdict.Case{Violations: append([]verdict.Violation(nil), w.violations...)}
	c.Evidence.Add("status answers checked", w.answers)
	c.Evidence.Add("leaders seen", int64(len(w.leaders)))
	if n := len(w.tables.hashes); n > 0 {
		c.Evidence.Add("tables of partitions compared", int64(n))
	}
	return c
}
