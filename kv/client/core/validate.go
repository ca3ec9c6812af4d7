package core

import "fmt"

const (
	// maxBatchBytes bounds a batch: keys, values, expectations and itemOverhead for each
	// item. A node takes messages of up to 64 MiB (grpcio.MaxRequestBytes) and answers a
	// larger one by breaking the stream, under every other request on it and again at
	// each retry. 4 MiB are left for the envelope.
	maxBatchBytes = 60 << 20
	// itemOverhead is at least what an item takes in a message beside its bytes.
	itemOverhead = 64
)

// validate says what is wrong with an operation, "" if nothing is. Servers check
// the same; refusing here spares the trip and names the limit.
func (c *Core) validate(o *Op) string {
	if o.Stale && o.Follower {
		return "a read is stale or linearizable, not both: choose one of the options"
	}
	switch o.Kind {
	case Batch:
		return c.validateBatch(o)
	case MultiGet, MultiPut:
		return c.validateMulti(o)
	case Scan:
		return c.checkScan(o)
	}
	return c.validateItem(o.Kind, o.Key, o.Value, o.ExpectVersion, o.ExpectValue)
}

// itemBytes is about what an item takes in a message.
func itemBytes(it *Item) int {
	return itemOverhead + len(it.Key) + len(it.Value) + len(it.ExpectValue)
}

func (c *Core) validateBatch(o *Op) string {
	if len(o.Items) == 0 || len(o.Items) > c.cfg.MaxBatch {
		return fmt.Sprintf("a batch has 1 to %d items, this one has %d", c.cfg.MaxBatch, len(o.Items))
	}
	size := 0
	for i := range o.Items {
		it := &o.Items[i]
		size += itemBytes(it)
		if it.Kind == Batch {
			return fmt.Sprintf("item %d: a batch cannot hold a batch", i)
		}
		if message := c.validateItem(it.Kind, it.Key, it.Value, it.ExpectVersion, it.ExpectValue); message != "" {
			return fmt.Sprintf("item %d: %s", i, message)
		}
	}
	if size > maxBatchBytes {
		return fmt.Sprintf("the batch has %d bytes with %d for each item, the limit is %d: split it into several batches",
			size, itemOverhead, maxBatchBytes)
	}
	return ""
}

func (c *Core) validateMulti(o *Op) string {
	if len(o.Items) == 0 || len(o.Items) > c.cfg.MaxItems {
		return fmt.Sprintf("a %s has 1 to %d items, this one has %d", o.Kind, c.cfg.MaxItems, len(o.Items))
	}
	seen := make(map[string]int, len(o.Items))
	for i := range o.Items {
		it := &o.Items[i]
		if message := c.validateItem(it.Kind, it.Key, it.Value, it.ExpectVersion, it.ExpectValue); message != "" {
			return fmt.Sprintf("item %d: %s", i, message)
		}
		if o.Kind == MultiGet {
			if it.Kind != Get {
				return fmt.Sprintf("item %d: a multi-get cannot hold a %s", i, it.Kind)
			}
			continue
		}
		if it.Kind != Put && it.Kind != Erase {
			return fmt.Sprintf("item %d: a multi-put is not atomic, so it cannot hold a %s: send that by itself, or in a batch", i, it.Kind)
		}
		if before, twice := seen[string(it.Key)]; twice {
			return fmt.Sprintf("items %d and %d have the same key, and the items of a multi-put have no order: leave one of them out", before, i)
		}
		seen[string(it.Key)] = i
	}
	return ""
}

func (c *Core) validateItem(kind Kind, key, value []byte, expectVersion uint64, expectValue []byte) string {
	switch {
	case kind < Put || kind > PutIfAbsent:
		return fmt.Sprintf("operation kind %d is not known", uint8(kind))
	case len(key) == 0:
		return "the key is empty: keys have at least 1 byte"
	case len(key) > c.cfg.MaxKey:
		return fmt.Sprintf("the key has %d bytes, the limit is %d", len(key), c.cfg.MaxKey)
	case len(value) > c.cfg.MaxValue:
		return fmt.Sprintf("the value has %d bytes, the limit is %d: split it over several keys", len(value), c.cfg.MaxValue)
	case len(expectValue) > c.cfg.MaxValue:
		return fmt.Sprintf("the expected value has %d bytes, the limit is %d", len(expectValue), c.cfg.MaxValue)
	case kind == CASVersion && expectVersion == 0:
		return "version 0 never is: to demand that the key has no value use put-if-absent"
	}
	return ""
}
