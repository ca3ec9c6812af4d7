package attack

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/live/proxy"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// clients perform the plan's operations, each at its time.
type clients struct {
	run      *Run
	recorder *history.SyncRecorder
	all      []*actor
	// keys are those of the plan.
	keys    []string
	working sync.WaitGroup

	mu sync.Mutex
	// under counts the operations that were acknowledged and lay within a time when some fault lasted.
	under int64
	// many counts the requests for several keys at once, scans those for all.
	many, scans int64
}

// actor is one client, with what it last saw of each key.
type actor struct {
	number int
	client target.Client

	mu   sync.Mutex
	seen map[string]history.Result
}

func (r *Run) connect(ctx context.Context) (*clients, error) {
	c := &clients{run: r, recorder: history.NewSyncRecorder(), keys: r.Plan.Keys()}
	patience := target.Patience{
		Operation: max(r.scaled(r.Plan.Settings.OperationTimeout), leastOperation), Attempt: max(r.scaled(r.Plan.Settings.AttemptTimeout), leastAttempt),
	}
	for number := range r.Plan.Clients {
		client, err := r.Store.Client(ctx, number, patience)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.all = append(c.all, &actor{number: number + 1, client: client, seen: map[string]history.Result{}})
	}
	return c, nil
}

// The least patience of clients: a real machine has pauses that a simulated one has not.
const (
	leastOperation = 2 * time.Second
	leastAttempt   = 200 * time.Millisecond
)

func (c *clients) close() error {
	var errs []error
	for _, a := range c.all {
		errs = append(errs, a.client.Close())
	}
	return errors.Join(errs...)
}

// work performs the plan's operations, from begun on, and returns when all have ended.
func (c *clients) work(ctx context.Context, begun time.Time, struck func() bool) {
	for i := range c.run.Plan.Operations {
		op := &c.run.Plan.Operations[i]
		if !proxy.SleepUntil(ctx, begun.Add(c.run.scaled(op.At))) {
			break
		}
		a := c.all[op.Client-1]
		c.working.Go(func() {
			before := struck()
			acknowledged := c.play(ctx, a, op)
			if before && struck() {
				c.mu.Lock()
				c.under += acknowledged
				c.mu.Unlock()
			}
		})
	}
	c.working.Wait()
}

// input is an operation of the plan with what the client knows.
func (a *actor) input(op *plan.Operation) history.Input {
	a.mu.Lock()
	defer a.mu.Unlock()
	return op.Input(a.seen[op.Key])
}

// perform records one operation from its call to its end.
func (c *clients) perform(ctx context.Context, a *actor, in history.Input, how target.How) (history.Result, history.Outcome, error) {
	id := c.invoke(a, in)
	var answer target.Answer
	answer.Result, answer.Outcome, answer.Why = a.client.Do(ctx, in, how)
	c.complete(a, id, in, answer, time.Now().UnixNano())
	return answer.Result, answer.Outcome, answer.Why
}

func (c *clients) invoke(a *actor, in history.Input) history.OpID {
	return c.recorder.Invoke(uint64(a.number), in, time.Now().UnixNano())
}

// complete records how an operation ended, and what the client knows by it.
func (c *clients) complete(a *actor, id history.OpID, in history.Input, answer target.Answer, now int64) {
	if answer.Outcome != history.OK {
		c.recorder.Complete(id, answer.Outcome, history.Result{}, fmt.Sprint(answer.Why), now)
		return
	}
	c.recorder.Complete(id, history.OK, answer.Result, "", now)
	if known, ok := in.Known(&answer.Result); ok {
		a.mu.Lock()
		a.seen[in.Key] = known
		a.mu.Unlock()
	}
}

// ready waits until each client got through.
func (c *clients) ready(ctx context.Context) error {
	for _, a := range c.all {
		if _, err := c.insist(ctx, a, history.Input{Kind: history.Get, Key: "ready"}); err != nil {
			return err
		}
	}
	return nil
}

// finish has each client read, write and read every key, until it gets through: what is lost shows.
func (c *clients) finish(ctx context.Context) (int64, error) {
	errs := make([]error, len(c.all))
	var finals sync.WaitGroup
	for i, a := range c.all {
		finals.Go(func() {
			for _, key := range c.keys {
				for _, kind := range []history.Kind{history.Get, history.Put, history.Get} {
					if _, err := c.insist(ctx, a, history.Input{Kind: kind, Key: key}); err != nil {
						errs[i] = err
						return
					}
				}
			}
		})
	}
	finals.Wait()
	return int64(len(c.keys) * len(c.all)), errors.Join(errs...)
}

// insist tries an operation until it is acknowledged, each write with another value.
func (c *clients) insist(ctx context.Context, a *actor, in history.Input) (history.Result, error) {
	var why error
	attempt := 1
	for ; ctx.Err() == nil; attempt++ {
		if in.Kind == history.Put {
			in.Value = fmt.Sprintf("final-%d-%s-%d", a.number, in.Key, attempt)
		}
		result, outcome, err := c.perform(ctx, a, in, target.How{})
		if outcome == history.OK {
			return result, nil
		}
		why = err
		proxy.SleepUntil(ctx, time.Now().Add(pause))
	}
	return history.Result{}, fmt.Errorf("client %d did not get through with a %s of %q within the bound (attempts: %d), at last: %w",
		a.number, in.Kind, in.Key, attempt-1, why)
}

// pause lies between two attempts of a client that insists.
const pause = 20 * time.Millisecond
