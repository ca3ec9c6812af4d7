package attack

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Names of counters in the evidence.
const (
	counterSeveral = "operations of several keys at once"
	counterScans   = "operations that scan all keys"
)

// play performs an operation of the plan and returns how many operations of the history were acknowledged by it: each key of
// one that has several is an operation for itself, as is each key of the plan to a scan.
func (c *clients) play(ctx context.Context, a *actor, op *plan.Operation) (acknowledged int64) {
	how := target.How{NoSession: op.NoSession, Follower: op.Follower}
	ins := c.inputs(a, op)
	several, can := a.client.(target.Several)
	switch {
	case can && op.Scan > 0:
		c.count(&c.scans)
		return c.atOnce(a, ins, func() []target.Answer { return scanned(ctx, several, ins, op.Scan, how) })
	case can && len(ins) > 1:
		c.count(&c.many)
		return c.atOnce(a, ins, func() []target.Answer { return several.DoSeveral(ctx, ins, how) })
	}
	var each sync.WaitGroup
	var mu sync.Mutex
	for _, in := range ins {
		each.Go(func() {
			if _, outcome, _ := c.perform(ctx, a, in, how); outcome == history.OK {
				mu.Lock()
				acknowledged++
				mu.Unlock()
			}
		})
	}
	each.Wait()
	return acknowledged
}

// inputs are what an operation of the plan asks of each of its keys.
func (c *clients) inputs(a *actor, op *plan.Operation) (ins []history.Input) {
	if op.Scan > 0 {
		for _, key := range c.keys {
			ins = append(ins, history.Input{Kind: history.Get, Key: key})
		}
		return ins
	}
	ins = append(ins, a.input(op))
	for _, item := range op.Also {
		ins = append(ins, history.Input{Kind: item.Kind, Key: item.Key, Value: item.Value, Stale: op.Stale})
	}
	return ins
}

// atOnce records operations that are one request, from its call to its end.
func (c *clients) atOnce(a *actor, ins []history.Input, do func() []target.Answer) (acknowledged int64) {
	ids := make([]history.OpID, len(ins))
	for i, in := range ins {
		ids[i] = c.invoke(a, in)
	}
	answers := do()
	now := time.Now().UnixNano()
	for i, in := range ins {
		c.complete(a, ids[i], in, answers[i], now)
		if answers[i].Outcome == history.OK {
			acknowledged++
		}
	}
	return acknowledged
}

// scanned is what a scan says of each key: one that it did not find is not there.
func scanned(ctx context.Context, client target.Several, ins []history.Input, page int, how target.How) []target.Answer {
	found, outcome, why := client.Scan(ctx, page, how)
	out := make([]target.Answer, len(ins))
	for i := range ins {
		out[i] = target.Answer{Result: found[ins[i].Key], Outcome: outcome, Why: why}
	}
	return out
}

func (c *clients) count(n *int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

// operations adds which operations of a plan its clients play in another way.
func (t *Translation) operations(p *plan.Plan, client target.Client) {
	if _, can := client.(target.Several); can {
		return
	}
	many, scans := 0, 0
	for i := range p.Operations {
		switch op := &p.Operations[i]; {
		case op.Scan > 0:
			scans++
		case len(op.Also) > 0:
			many++
		}
	}
	if many > 0 {
		note(&t.Differently, fmt.Sprintf("several keys at once: %d operations; each key with a request of its own, at the same time", many))
	}
	if scans > 0 {
		note(&t.Differently, fmt.Sprintf("scans: %d; as a get of each key of the plan, at the same time", scans))
	}
}
