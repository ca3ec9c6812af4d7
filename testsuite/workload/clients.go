package workload

import (
	"fmt"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Clients are all clients of a run.
type Clients struct {
	world    *netsim.World
	plan     *plan.Plan
	recorder *history.Recorder
	procs    []*netsim.Process
	keys     []string
	// open counts the operations without an end, finals those of the final phase.
	open   int
	finals []*final
	// injected counts what each client has been given and has not begun.
	injected []int
	// Opened is told of each session that a node opened for the crowd of a client; nil for nobody.
	Opened func(client, node int)
	// Acknowledged is told of each operation that ends OK, when it does; nil for nobody.
	Acknowledged func()
}

// final is one operation that must succeed after healing. An honest "unknown", as when the
// session expired meanwhile, is tried again with another value.
type final struct {
	client   int
	input    history.Input
	attempts int
	outcome  string
	ok       bool
}

// operation returns the final's next attempt.
func (f *final) operation() *plan.Operation {
	f.attempts++
	op := &plan.Operation{Client: f.client, Kind: f.input.Kind, Key: f.input.Key}
	if op.Kind == history.Put {
		op.Value = fmt.Sprintf("final-%d-%s-%d", f.client, f.input.Key, f.attempts)
	}
	return op
}

// New adds the plan's clients to a world; they are down.
func New(w *netsim.World, p *plan.Plan) *Clients {
	c := &Clients{world: w, plan: p, recorder: history.NewRecorder(), keys: p.Keys(), injected: make([]int, p.Clients)}
	for i := 1; i <= p.Clients; i++ {
		number := i
		c.procs = append(c.procs, w.AddProcess(netsim.FirstClient+env.NodeID(i), func(h env.Host, _ *netsim.Disk) (env.Program, error) {
			return newClient(c, number, h)
		}))
	}
	return c
}

// Start starts the clients and schedules their operations.
func (c *Clients) Start() {
	for _, p := range c.procs {
		if err := p.Start(); err != nil {
			panic(fmt.Sprintf("workload: client process %d: %v", p.ID(), err))
		}
	}
	for i := range c.plan.Operations {
		op := &c.plan.Operations[i]
		c.world.At(env.Instant(op.At), func() {
			c.inject(op.Client, func(client *Client) { client.submit(op, nil) })
		})
	}
}

func (c *Clients) inject(number int, do func(*Client)) {
	c.open++
	c.injected[number-1]++
	c.procs[number-1].Inject(func(p env.Program) {
		c.injected[number-1]--
		do(p.(*Client))
	})
}

// Final makes each client write and read every key once more.
func (c *Clients) Final() {
	for number := 1; number <= c.plan.Clients; number++ {
		for _, key := range c.keys {
			for _, kind := range []history.Kind{history.Put, history.Get} {
				f := &final{client: number, input: history.Input{Kind: kind, Key: key}, outcome: "has not ended"}
				c.finals = append(c.finals, f)
				c.inject(number, func(client *Client) { client.submit(f.operation(), f) })
			}
		}
	}
}

// Finished reports whether every operation has ended.
func (c *Clients) Finished() bool { return c.open == 0 }

// Open is the number of operations without an end.
func (c *Clients) Open() int { return c.open }

// Late describes the first final operation that did not succeed, or is "".
func (c *Clients) Late() string {
	for _, f := range c.finals {
		if !f.ok {
			return fmt.Sprintf("client %d's %s of %q %s", f.client, f.input.Kind, f.input.Key, f.outcome)
		}
	}
	return ""
}

// History is what the clients saw.
func (c *Clients) History(h history.Header) *history.History { return c.recorder.History(h) }
