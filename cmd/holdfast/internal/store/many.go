package store

import (
	"context"

	"github.com/holdfastdb/holdfast/kv/client"
)

// Mode is who may answer a read, and whether the answer may be old.
type Mode uint8

// The modes.
const (
	// Fresh: the leader, linearizably.
	Fresh Mode = iota
	// Anywhere: any node, linearizably all the same.
	Anywhere
	// Stale: any node from what it has, which may be old.
	Stale
)

func (m Mode) options() []client.Option {
	switch m {
	case Anywhere:
		return []client.Option{client.WithFollower()}
	case Stale:
		return []client.Option{client.WithStale()}
	}
	return nil
}

// Pair is a key with its value.
type Pair struct {
	Key, Value []byte
	// Version of the value, where it was read.
	Version uint64
}

// ReadOne is how the read of one of many keys ended.
type ReadOne struct {
	Read
	Err error
}

// WrittenOne is how one of many puts ended.
type WrittenOne struct {
	Written
	Err error
}

// Page is a part of a scan.
type Page struct {
	// Pairs ascend by key. There may be none though there is a next page.
	Pairs []Pair
	// Next is where the next page begins, nil if this is the last one.
	Next []byte
}

// GetMany implements Store.
func (r *remote) GetMany(ctx context.Context, keys [][]byte, mode Mode) ([]ReadOne, error) {
	items, err := r.client.MultiGet(ctx, keys, mode.options()...)
	out := make([]ReadOne, len(items))
	for i := range items {
		it := &items[i]
		out[i] = ReadOne{Read{Found: it.Found, Value: it.Value, Version: it.Version, Place: placeOf(it)}, ended(it.Err)}
	}
	return out, ended(err)
}

// PutMany implements Store.
func (r *remote) PutMany(ctx context.Context, pairs []Pair) ([]WrittenOne, error) {
	puts := make([]client.Item, len(pairs))
	for i, p := range pairs {
		puts[i] = client.Item{Kind: client.KindPut, Key: p.Key, Value: p.Value}
	}
	items, err := r.client.MultiPut(ctx, puts)
	out := make([]WrittenOne, len(items))
	for i := range items {
		it := &items[i]
		out[i] = WrittenOne{Written{Version: it.Version, Place: placeOf(it)}, ended(it.Err)}
	}
	return out, ended(err)
}

// Scan implements Store.
func (r *remote) Scan(ctx context.Context, prefix, cursor []byte, limit int, mode Mode) (Page, error) {
	page, err := r.client.ScanPage(ctx, prefix, cursor, limit, mode.options()...)
	out := Page{Next: page.Next}
	for _, p := range page.Pairs {
		out.Pairs = append(out.Pairs, Pair{Key: p.Key, Value: p.Value, Version: p.Version})
	}
	return out, ended(err)
}

func placeOf(it *client.ItemResult) Place {
	return Place{Partition: it.Partition, Index: it.Index, Node: it.Node}
}
