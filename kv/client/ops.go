package client

import (
	"context"
	"time"

	"github.com/holdfastdb/holdfast/kv/client/core"
	"github.com/holdfastdb/holdfast/kv/env"
)

// Result is what an operation returned; see core.Result for the fields.
type Result = core.Result

// Op is any operation, for Do and Go. Deadline and Tag are set by the client.
type Op = core.Op

// Item is one part of a batch.
type Item = core.Item

// ItemResult is the result of one item of a batch, a MultiGet or a MultiPut.
type ItemResult = core.ItemResult

// Pair is a key that a scan found, with its value and version.
type Pair = core.Pair

// Kinds of operations for Op and Item.
const (
	KindPut         = core.Put
	KindGet         = core.Get
	KindErase       = core.Erase
	KindCASVersion  = core.CASVersion
	KindCASValue    = core.CASValue
	KindPutIfAbsent = core.PutIfAbsent
	KindBatch       = core.Batch
	KindMultiGet    = core.MultiGet
	KindMultiPut    = core.MultiPut
	KindScan        = core.Scan
)

// Option changes how one operation is carried out.
type Option uint8

const (
	withStale Option = 1 << iota
	withoutSession
	withFollower
)

// WithStale lets any node answer a read from what it has applied, which may be
// behind: Result.Lag says by how much.
func WithStale() Option { return withStale }

// WithFollower lets any node answer a read, linearizably all the same: a node that does not
// lead asks the leader up to where it must have applied, and waits until it has. The
// client spreads such reads over all nodes that have the key, which takes load from the leader
// and costs another message on the way. Without a leader it fails as other reads do; it never
// returns an old value. It cannot be combined with WithStale.
func WithFollower() Option { return withFollower }

// WithoutSession sends a write outside the client's session. It saves the session's
// upkeep, but the write is not sent again once it may have been applied, so that more
// outcomes are unknown.
func WithoutSession() Option { return withoutSession }

// Put stores value under key. Result.Version is the version it got.
func (c *Client) Put(ctx context.Context, key, value []byte, opts ...Option) (Result, error) {
	return c.do(ctx, &Op{Kind: core.Put, Key: key, Value: value}, opts)
}

// Get reads key, linearizably unless WithStale is given (also WithFollower). Result.Found tells whether it
// has a value.
func (c *Client) Get(ctx context.Context, key []byte, opts ...Option) (Result, error) {
	return c.do(ctx, &Op{Kind: core.Get, Key: key}, opts)
}

// Erase removes key. Result.Found tells whether it had a value.
func (c *Client) Erase(ctx context.Context, key []byte, opts ...Option) (Result, error) {
	return c.do(ctx, &Op{Kind: core.Erase, Key: key}, opts)
}

// CompareAndSetVersion stores value if key's version is version (not 0). If not,
// Result.ConditionFailed is set along with the actual value and version.
func (c *Client) CompareAndSetVersion(ctx context.Context, key []byte, version uint64, value []byte, opts ...Option) (Result, error) {
	return c.do(ctx, &Op{Kind: core.CASVersion, Key: key, ExpectVersion: version, Value: value}, opts)
}

// CompareAndSetValue stores value if key has a value and it equals expected. If not,
// Result.ConditionFailed is set along with the actual value and version.
func (c *Client) CompareAndSetValue(ctx context.Context, key, expected, value []byte, opts ...Option) (Result, error) {
	return c.do(ctx, &Op{Kind: core.CASValue, Key: key, ExpectValue: expected, Value: value}, opts)
}

// PutIfAbsent stores value if key has none. If it has, Result.ConditionFailed is set
// along with the actual value and version.
func (c *Client) PutIfAbsent(ctx context.Context, key, value []byte, opts ...Option) (Result, error) {
	return c.do(ctx, &Op{Kind: core.PutIfAbsent, Key: key, Value: value}, opts)
}

// Batch carries out the items atomically: all their conditions hold, or nothing is done
// and Result.ConditionFailed is set. Result.Items has one result for each. In a sharded
// cluster all keys must be of one partition, else the batch is refused (ErrInvalid).
func (c *Client) Batch(ctx context.Context, items []Item, opts ...Option) (Result, error) {
	return c.do(ctx, &Op{Kind: core.Batch, Items: items}, opts)
}

// Do carries out any operation.
func (c *Client) Do(ctx context.Context, op Op) (Result, error) { return c.do(ctx, &op, nil) }

// Go starts an operation and returns at once. done is called exactly once, from the
// client's own goroutine or from within Go: it must not block nor call Close. timeout
// 0 stands for Config.RequestTimeout.
func (c *Client) Go(op Op, timeout time.Duration, done func(Result, error)) {
	if timeout == 0 {
		timeout = c.cfg.RequestTimeout
	}
	k := &call{}
	k.then = func(d *core.Completion) { done(c.result(d, nil)) }
	k.op = op
	k.own()
	k.op.Tag, k.op.Deadline = k, c.deadlineIn(timeout)
	if posted, closed := c.box.post(event{kind: evSubmit, call: k}); !posted {
		done(Result{}, c.refuse(&op, closed))
	}
}

func (c *Client) deadlineIn(timeout time.Duration) env.Instant {
	if timeout < 0 {
		return 0
	}
	return c.now().Add(timeout)
}

func (c *Client) do(ctx context.Context, op *Op, opts []Option) (Result, error) {
	for _, o := range opts {
		op.Stale = op.Stale || o&withStale != 0
		op.Follower = op.Follower || o&withFollower != 0
		op.NoSession = op.NoSession || o&withoutSession != 0
	}
	if err := ctx.Err(); err != nil {
		return Result{}, c.errorOf(&core.Error{Kind: op.Kind, Outcome: Failed, Reason: core.ReasonCanceled, LastEndpoint: -1}, err)
	}
	k := c.calls.Get().(*call)
	k.op = *op
	k.own()
	k.op.Tag = k
	if d, ok := ctx.Deadline(); ok {
		k.op.Deadline = c.deadlineIn(max(time.Until(d), 0))
	} else {
		k.op.Deadline = c.deadlineIn(c.cfg.RequestTimeout)
	}
	if posted, closed := c.box.post(event{kind: evSubmit, call: k}); !posted {
		return Result{}, c.refuse(op, closed)
	}
	select {
	case <-k.done:
	case <-ctx.Done():
		// The loop answers at once, with the outcome that is true now. It may look at
		// the call after that, so the call is not used again.
		c.box.post(event{kind: evCancel, call: k})
		<-k.done
		return c.result(&k.end, ctx.Err())
	}
	res, err := c.result(&k.end, nil)
	k.op, k.end = Op{}, core.Completion{}
	c.calls.Put(k)
	return res, err
}

func (c *Client) result(d *core.Completion, ctxErr error) (Result, error) {
	if d.Err == nil {
		return d.Result, nil
	}
	// Items of a MultiGet or MultiPut that did not all end ok.
	items := d.Result.Items
	for i := range items {
		if e, ok := items[i].Err.(*core.Error); ok {
			items[i].Err = c.errorOf(e, ctxErr)
		}
	}
	return Result{Items: items}, c.errorOf(d.Err, ctxErr)
}

// refuse is the error of an operation that the mailbox did not take.
func (c *Client) refuse(op *Op, closed bool) error {
	reason := core.ReasonOverloaded
	if closed {
		reason = core.ReasonClosed
	}
	return c.errorOf(&core.Error{Kind: op.Kind, Outcome: Failed, Reason: reason, LastEndpoint: -1}, nil)
}

// own replaces the caller's byte strings by copies, in one allocation (CLNT-2).
func (k *call) own() {
	o := &k.op
	n := len(o.Key) + len(o.Value) + len(o.ExpectValue) + len(o.Prefix) + len(o.Cursor)
	for i := range o.Items {
		n += len(o.Items[i].Key) + len(o.Items[i].Value) + len(o.Items[i].ExpectValue)
	}
	buf := make([]byte, 0, n)
	dup := func(b []byte) []byte {
		buf = append(buf, b...)
		return buf[len(buf)-len(b) : len(buf) : len(buf)]
	}
	o.Key, o.Value, o.ExpectValue = dup(o.Key), dup(o.Value), dup(o.ExpectValue)
	o.Prefix, o.Cursor = dup(o.Prefix), dup(o.Cursor)
	if len(o.Items) == 0 {
		return
	}
	items := make([]Item, len(o.Items))
	for i, it := range o.Items {
		it.Key, it.Value, it.ExpectValue = dup(it.Key), dup(it.Value), dup(it.ExpectValue)
		items[i] = it
	}
	o.Items = items
}
