package workload

import (
	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/kv/client/core"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// several is a MultiGet or a MultiPut on its way. In the history each key is an operation of its own, since
// that is all that the client promises.
type several struct{ items []pending }

// submitSeveral starts an operation on several keys.
func (c *Client) submitSeveral(op *plan.Operation) {
	spec := core.Op{
		Kind: core.MultiPut, Stale: op.Stale, Follower: op.Follower, NoSession: op.NoSession,
		Deadline: c.host.Now().Add(c.all.plan.Settings.OperationTimeout),
	}
	if op.Kind == history.Get {
		spec.Kind = core.MultiGet
	}
	tag := &several{}
	for _, item := range append([]plan.Item{{Kind: op.Kind, Key: op.Key, Value: op.Value}}, op.Also...) {
		in := history.Input{Kind: item.Kind, Key: item.Key, Value: item.Value, Stale: op.Stale}
		tag.items = append(tag.items, pending{id: c.invoke(&in), input: in})
		spec.Items = append(spec.Items, core.Item{Kind: kinds[item.Kind], Key: []byte(item.Key), Value: []byte(item.Value)})
	}
	spec.Tag = c.begins(tag)
	c.core.Submit(c.host.Now(), spec)
}

// endedSeveral records how each item ended. What was never begun has no items in its result.
func (c *Client) endedSeveral(s *several, d *core.Completion) {
	for i := range s.items {
		p := &s.items[i]
		if d.Result.Items == nil {
			c.complete(p, d.Outcome, ending(d), nil)
			continue
		}
		item := &d.Result.Items[i]
		c.complete(p, item.Outcome, item.Err, &core.Result{
			ItemResult: *item, Partition: item.Partition, Index: item.Index, Node: item.Node,
		})
	}
}

// scan is a scan of all keys, page by page. In the history it is a read of each key that the plan knows, from the
// beginning of the first page to the end of the last: some page has read each key in between, whether it is there or not.
type scan struct {
	reads []pending
	// found are the keys that the pages had.
	found map[string]core.Result
	spec  core.Op
}

func (c *Client) submitScan(op *plan.Operation) {
	s := &scan{
		found: make(map[string]core.Result),
		spec: core.Op{
			Kind: core.Scan, Limit: op.Scan, Follower: op.Follower, Deadline: c.host.Now().Add(c.all.plan.Settings.OperationTimeout),
		},
	}
	for _, key := range c.all.keys {
		in := history.Input{Kind: history.Get, Key: key}
		s.reads = append(s.reads, pending{id: c.invoke(&in), input: in})
	}
	s.spec.Tag = c.begins(s)
	c.core.Submit(c.host.Now(), s.spec)
}

// endedPage goes on to the next page, or ends the scan. It tells whether the scan has ended.
func (c *Client) endedPage(s *scan, d *core.Completion) bool {
	if d.Outcome != core.OK {
		for i := range s.reads {
			c.complete(&s.reads[i], d.Outcome, ending(d), nil)
		}
		return true
	}
	for _, pair := range d.Result.Pairs {
		s.found[string(pair.Key)] = core.Result{
			ItemResult: core.ItemResult{Found: true, Value: pair.Value, Version: pair.Version},
			Partition:  d.Result.Partition, Index: d.Result.Index, Node: d.Result.Node,
		}
	}
	if s.spec.Cursor = d.Result.Cursor; s.spec.Cursor != nil {
		c.core.Submit(c.host.Now(), s.spec)
		return false
	}
	for i := range s.reads {
		r := s.found[s.reads[i].input.Key]
		c.complete(&s.reads[i], core.OK, nil, &r)
	}
	return true
}
