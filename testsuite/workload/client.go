package workload

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/kv/client/core"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Client is one simulated client. It implements env.Program.
type Client struct {
	all    *Clients
	number int
	host   env.Host
	core   *core.Core
	// life counts the client's starts. A connection ends with the process, and no answer outlives its connection; here all
	// lives of a client share its links, so what is sent says which life it belongs to.
	life  uint64
	armed env.Instant
	// seen is what the client last saw of each key.
	seen map[string]history.Result
	// underWay are the tags of the operations without an end, in the order of their calls.
	underWay []any
}

// lifeShift is where the number of a client's life is in the ids of requests.
const lifeShift = 48

// pending goes with an operation through the core.
type pending struct {
	id    history.OpID
	input history.Input
	final *final
}

func newClient(all *Clients, number int, h env.Host) (*Client, error) {
	s := &all.plan.Settings
	c := &Client{all: all, number: number, host: h, life: all.procs[number-1].Incarnation() - 1, armed: env.Never, seen: make(map[string]history.Result)}
	cfg := core.Config{
		Endpoints: all.plan.Machines(), Seed: netsim.Derive(all.plan.Seed, "client", uint64(number)),
		AttemptTimeout: s.AttemptTimeout, SessionWindow: s.SessionWindow, KeepAlive: s.SessionTTL / 4,
	}
	if all.plan.Sharded() {
		cfg.Sharded = true
		for n := 1; n <= all.plan.Machines(); n++ {
			cfg.Addresses = append(cfg.Addresses, cluster.Address(n))
		}
	}
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	c.core = core.New(cfg, h.Now())
	for ep := range all.plan.Machines() {
		c.core.Connected(h.Now(), ep)
	}
	return c, nil
}

var kinds = map[history.Kind]core.Kind{
	history.Get: core.Get, history.Put: core.Put, history.Erase: core.Erase, history.CASVersion: core.CASVersion,
	history.CASValue: core.CASValue, history.PutIfAbsent: core.PutIfAbsent,
}

// submit starts one operation of the plan.
func (c *Client) submit(op *plan.Operation, f *final) {
	switch {
	case op.Scan > 0:
		c.submitScan(op)
		return
	case len(op.Also) > 0:
		c.submitSeveral(op)
		return
	}
	in := op.Input(c.seen[op.Key])
	now := c.host.Now()
	spec := core.Op{
		Kind: kinds[op.Kind], Key: []byte(in.Key), Value: []byte(in.Value), ExpectVersion: in.ExpectVersion,
		ExpectValue: []byte(in.ExpectValue), Stale: in.Stale, Follower: op.Follower, NoSession: op.NoSession,
	}
	if f == nil {
		spec.Deadline = now.Add(c.all.plan.Settings.OperationTimeout)
	}
	spec.Tag = c.begins(&pending{id: c.invoke(&in), input: in, final: f})
	c.core.Submit(now, spec)
}

// invoke records a call.
func (c *Client) invoke(in *history.Input) history.OpID {
	return c.all.recorder.Invoke(uint64(c.number), *in, int64(c.all.world.Now()))
}

// Receive takes a batch of answers.
func (c *Client) Receive(from env.NodeID, payload []byte) {
	var batch kvpb.ResponseBatch
	if proto.Unmarshal(payload, &batch) != nil {
		panic("workload: a node sent bytes that do not decode")
	}
	for _, resp := range batch.Responses {
		if resp.Id>>lifeShift == crowd {
			c.crowded(from, resp)
			continue
		}
		if resp.Id>>lifeShift != c.life {
			continue
		}
		resp.Id &= 1<<lifeShift - 1
		c.core.Response(c.host.Now(), int(from)-1, resp)
	}
}

// Tick lets time pass.
func (c *Client) Tick() {
	c.armed = env.Never
	c.core.Tick(c.host.Now())
}

// Turn sends what the core wants sent and records what has ended.
func (c *Client) Turn() {
	out := c.core.Output()
	c.send(out.Sends)
	for i := range out.Done {
		c.ended(&out.Done[i])
	}
	if at := c.core.Deadline(); at < c.armed {
		c.armed = at
		c.host.Arm(at)
	}
}

// send batches requests by endpoint, in the order of their first request.
func (c *Client) send(sends []core.Send) {
	batches := make(map[int]*kvpb.RequestBatch, 1)
	var order []int
	for _, s := range sends {
		b := batches[s.Endpoint]
		if b == nil {
			b = new(kvpb.RequestBatch)
			batches[s.Endpoint] = b
			order = append(order, s.Endpoint)
		}
		s.Request.Id |= c.life << lifeShift
		b.Requests = append(b.Requests, s.Request)
	}
	for _, ep := range order {
		payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(batches[ep])
		if err != nil {
			panic("workload: encoding requests: " + err.Error())
		}
		c.host.Send(env.NodeID(ep+1), env.ChannelControl, payload)
		for _, r := range batches[ep].Requests {
			r.Id &= 1<<lifeShift - 1 // the core may send it again
		}
	}
}

var outcomes = map[core.Outcome]history.Outcome{
	core.OK: history.OK, core.Failed: history.Failed, core.Unknown: history.Unknown,
}

func (c *Client) ended(d *core.Completion) {
	switch tag := d.Tag.(type) {
	case *several:
		c.endedSeveral(tag, d)
	case *scan:
		if !c.endedPage(tag, d) {
			return
		}
	case *pending:
		c.complete(tag, d.Outcome, ending(d), &d.Result)
	}
	c.ends(d.Tag)
}

// ending is why the operation did not end OK, nil if it did.
func ending(d *core.Completion) error {
	if d.Err == nil {
		return nil
	}
	return d.Err
}

// complete records how an operation on one key ended; r is its result if it is OK.
func (c *Client) complete(p *pending, outcome core.Outcome, err error, r *core.Result) {
	message := ""
	if err != nil {
		message = err.Error()
	}
	result := history.Result{}
	if outcome == core.OK {
		result = resultOf(&p.input, r)
		c.remember(&p.input, &result)
		if c.all.Acknowledged != nil {
			c.all.Acknowledged()
		}
	}
	c.all.recorder.Complete(p.id, outcomes[outcome], result, message, int64(c.all.world.Now()))
	if p.final == nil {
		return
	}
	p.final.outcome = fmt.Sprintf("ended as %s: %s", outcome, message)
	if p.final.ok = outcome == core.OK; !p.final.ok {
		c.all.inject(c.number, func(c *Client) { c.submit(p.final.operation(), p.final) })
	}
}

func resultOf(in *history.Input, r *core.Result) history.Result {
	out := history.Result{Found: r.Found, Node: r.Node, Partition: r.Partition, Index: r.Index}
	switch {
	case in.Kind == history.Erase:
	case in.Kind.Conditional() && !r.ConditionFailed:
		out.Swapped, out.Version = true, r.Version
		out.Found = false
	case in.Kind == history.Put:
		out.Found, out.Version = false, r.Version
	default:
		out.Value, out.Version = string(r.Value), r.Version
	}
	return out
}

// remember keeps what the client now knows of a key (WORK-2).
func (c *Client) remember(in *history.Input, r *history.Result) {
	if known, ok := in.Known(r); ok && !in.Stale {
		c.seen[in.Key] = known
	}
}
