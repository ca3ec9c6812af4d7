package client

import (
	"context"
	"iter"

	"github.com/holdfastdb/holdfast/kv/client/core"
)

// MultiGet reads many keys, in any partitions. Each one is read linearizably unless WithStale is
// given (also WithFollower), but they are NOT read at one moment: keys of different partitions are
// read by themselves. The results are in the order of the keys. If err is not nil, each result says
// by its Outcome and Err whether that key was read.
func (c *Client) MultiGet(ctx context.Context, keys [][]byte, opts ...Option) ([]ItemResult, error) {
	items := make([]Item, len(keys))
	for i, key := range keys {
		items[i] = Item{Kind: core.Get, Key: key}
	}
	return c.multi(ctx, &Op{Kind: core.MultiGet, Items: items}, opts)
}

// MultiPut carries out many puts and erases (KindPut, KindErase) of different keys, in any
// partitions. It is NOT atomic: some may be carried out and others not, and others see them at
// different moments. Use Batch for what must be atomic. Each one is carried out at most once. The results
// are in the order of the items. If err is not nil, each result says by its Outcome and Err whether that
// item is ok, failed or unknown; err is Failed only if all are.
func (c *Client) MultiPut(ctx context.Context, items []Item, opts ...Option) ([]ItemResult, error) {
	return c.multi(ctx, &Op{Kind: core.MultiPut, Items: items}, opts)
}

func (c *Client) multi(ctx context.Context, op *Op, opts []Option) ([]ItemResult, error) {
	n := len(op.Items)
	res, err := c.do(ctx, op, opts)
	if e, ok := err.(*Error); ok && res.Items == nil {
		// It ended before it was divided, so all items ended alike.
		res.Items = make([]ItemResult, n)
		for i := range res.Items {
			res.Items[i] = ItemResult{Outcome: e.Outcome, Err: e}
		}
	}
	return res.Items, err
}

// Page is a part of a scan.
type Page struct {
	// Pairs ascend by key. There may be none though there is a next page.
	Pairs []Pair
	// Next is the cursor of the next page, nil if this is the last one. It may be kept, and used with
	// another client of the same cluster. It holds keys in clear.
	Next []byte
	// Partition and Index are where the page was read: it is as all was at that index.
	Partition, Index uint64
}

// ScanPage reads a page of the keys that begin with prefix; an empty one stands for all keys. cursor is
// nil for the first page, then Page.Next of the page before. limit bounds the pairs of the page; 0 leaves
// it to the node, which may return fewer in any case.
//
// Each page is one linearizable read of one partition (unless WithStale; also WithFollower).
// The pages together are NOT a snapshot: what is written meanwhile may be seen or not. A
// key that exists from the first page to the last is returned exactly once, no key twice. Keys ascend
// within a partition only.
func (c *Client) ScanPage(ctx context.Context, prefix, cursor []byte, limit int, opts ...Option) (Page, error) {
	res, err := c.do(ctx, &Op{Kind: core.Scan, Prefix: prefix, Cursor: cursor, Limit: limit}, opts)
	if err != nil {
		return Page{}, err
	}
	return Page{Pairs: res.Pairs, Next: res.Cursor, Partition: res.Partition, Index: res.Index}, nil
}

// Scan reads all keys that begin with prefix, page by page as ScanPage does, with its promises.
// After an error, which is the last value, it ends. If ctx has no deadline, each page has
// Config.RequestTimeout.
func (c *Client) Scan(ctx context.Context, prefix []byte, opts ...Option) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		for cursor, more := []byte(nil), true; more; {
			page, err := c.ScanPage(ctx, prefix, cursor, 0, opts...)
			if err != nil {
				yield(Pair{}, err)
				return
			}
			for _, p := range page.Pairs {
				if !yield(p, nil) {
					return
				}
			}
			cursor, more = page.Next, page.Next != nil
		}
	}
}
