package attack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Run is one plan played to one store.
type Run struct {
	Store target.Store
	Plan  *plan.Plan
	// Scale multiplies the plan's times; 0 is Scale(Plan).
	Scale float64
	// Patience bounds each thing that is waited for (ATTACK-2); 0 means 1 minute.
	Patience time.Duration
	// Log is told what happens; it may be nil.
	Log func(format string, args ...any)
}

// Result is how a run ended.
type Result struct {
	Plan        *plan.Plan
	Store       string
	Scale       float64
	Took        time.Duration
	Translation *Translation
	Verdict     verdict.Verdict
	History     *history.History
	Linear      *linear.Result
	// Course is what the nodes went through.
	Course *events.Log
}

// calm is an election timeout that a busy machine does not exceed by itself, and maxScale what a plan is drawn out by at most.
const (
	calm     = 400 * time.Millisecond
	maxScale = 4
)

// Scale is what a plan's times are multiplied by: so that its election timeout suits real processes.
func Scale(p *plan.Plan) float64 {
	return min(max(1, float64(calm)/float64(p.Settings.ElectionTimeout)), maxScale)
}

func (r *Run) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) * r.Scale) }

// Play plays the plan, and judges. An error says that the store could not even be started.
func (r *Run) Play(ctx context.Context) (*Result, error) {
	if r.Scale == 0 {
		r.Scale = Scale(r.Plan)
	}
	if r.Patience == 0 {
		r.Patience = time.Minute
	}
	if r.Log == nil {
		r.Log = func(string, ...any) {}
	}
	c, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer c.close()
	res := &Result{Plan: r.Plan, Store: r.Store.Name(), Scale: r.Scale, Translation: Translate(r.Plan, r.Store)}
	res.Translation.operations(r.Plan, c.all[0].client)
	begun := time.Now()
	n := newNemesis(r)
	working := make(chan struct{})
	go func() {
		defer close(working)
		c.work(ctx, begun, n.struck)
	}()
	n.rage(ctx, res.Translation.Faults)
	<-working
	final, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	keys, err := c.finish(final)
	if n.try("after healing", r.withLast(err)) {
		n.evidence.Add(counterFinal, keys)
	}
	rested := r.rest(ctx, n)
	res.Took = time.Since(begun)
	r.judge(res, n, c, &rested)
	res.Course = r.Store.Course().End()
	return res, nil
}

// withLast adds to an error what the nodes said last: it is for people, who are to find out why nothing went on.
func (r *Run) withLast(err error) error {
	o, ok := r.Store.(target.Observer)
	if err == nil || !ok {
		return err
	}
	return fmt.Errorf("%w\nwhat the nodes said last:\n%s", err, strings.Join(o.Said(), "\n"))
}

// rest has the store come to rest, if it is one that does (ATTACK-2).
func (r *Run) rest(ctx context.Context, n *nemesis) verdict.Case {
	store, ok := r.Store.(target.Restful)
	if !ok {
		return verdict.Case{}
	}
	patience := r.Patience
	if h := r.Plan.Sharding; h != nil {
		// What a removed node reported to have counts until it is taken for dead.
		patience += 2 * r.scaled(h.DeadAfter)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, err := store.Rest(ctx)
	n.try("coming to rest", r.withLast(err))
	return found
}

// begin starts the store and waits until the clients get through.
func (r *Run) begin(ctx context.Context) (*clients, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	if err := r.Store.Begin(ctx); err != nil {
		return nil, fmt.Errorf("attack: starting %s: %w", r.Store.Name(), err)
	}
	c, err := r.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("attack: %w", err)
	}
	if err := c.ready(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("attack: %s does not serve: %w", r.Store.Name(), err), c.close())
	}
	return c, nil
}
