package core

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// position is where a page of a scan begins.
type position struct {
	// partition is the number of the partition, 0 if the cluster is not sharded; partitions and
	// seed are those of the cluster.
	partition, partitions uint64
	seed                  uint64
	prefix                []byte
	// after is the last key of the page before, nil at the start of a partition.
	after []byte
}

// A cursor is a position: version (1), varints partitions and partition, seed (8 bytes, big endian),
// length of the prefix (varint), the prefix, 1 byte that tells whether a key follows, what the key has
// behind the prefix, and the CRC-32 (IEEE, big endian) of all that.
const cursorVersion = 1

var errCursor = errors.New("the cursor is damaged: use the one that the page before returned, unchanged, or begin anew without one")

func (p *position) cursor() []byte {
	b := []byte{cursorVersion}
	b = binary.AppendUvarint(b, p.partitions)
	b = binary.AppendUvarint(b, p.partition)
	b = binary.BigEndian.AppendUint64(b, p.seed)
	b = binary.AppendUvarint(b, uint64(len(p.prefix)))
	b = append(b, p.prefix...)
	if p.after == nil {
		b = append(b, 0)
	} else {
		b = append(append(b, 1), p.after[len(p.prefix):]...)
	}
	return sealed(b)
}

// sealed appends the checksum of a cursor.
func sealed(b []byte) []byte { return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)) }

// readCursor returns the position that a cursor stands for. It copies what it keeps.
func readCursor(cursor []byte) (p position, err error) {
	n := len(cursor) - 4
	if n < 1 || crc32.ChecksumIEEE(cursor[:n]) != binary.BigEndian.Uint32(cursor[n:]) {
		return p, errCursor
	}
	if cursor[0] != cursorVersion {
		return p, fmt.Errorf("the cursor is of version %d, this client knows version %d: begin anew without one", cursor[0], cursorVersion)
	}
	b := cursor[1:n]
	varint := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			b, err = nil, errCursor
			return 0
		}
		b = b[n:]
		return v
	}
	p.partitions, p.partition = varint(), varint()
	if len(b) < 8 {
		return p, errCursor
	}
	p.seed, b = binary.BigEndian.Uint64(b), b[8:]
	size := varint()
	if err != nil || size >= uint64(len(b)) || p.partition > p.partitions || p.partition == 0 && p.partitions > 0 {
		return p, errCursor
	}
	p.prefix = bytes.Clone(b[:size])
	switch b = b[size:]; {
	case b[0] == 1:
		p.after = append(bytes.Clone(p.prefix), b[1:]...)
	case b[0] != 0 || len(b) != 1:
		return p, errCursor
	}
	return p, nil
}

// checkScan says what is wrong with a scan, "" if nothing is.
func (c *Core) checkScan(o *Op) string {
	switch {
	case len(o.Prefix) > c.cfg.MaxKey:
		return fmt.Sprintf("the prefix has %d bytes, and keys have at most %d", len(o.Prefix), c.cfg.MaxKey)
	case o.Limit < 0 || o.Limit > maxPage:
		return fmt.Sprintf("a page has 1 to %d pairs, or 0 for as many as the node likes: %d were asked for", maxPage, o.Limit)
	case len(o.Cursor) == 0:
		return ""
	}
	p, err := readCursor(o.Cursor)
	switch {
	case err != nil:
		return err.Error()
	case !bytes.Equal(p.prefix, o.Prefix):
		return fmt.Sprintf("the cursor is of a scan of the prefix %q, not of %q", p.prefix, o.Prefix)
	}
	return ""
}

// maxPage bounds Op.Limit.
const maxPage = 1 << 20

// scanGroup returns the group that the page is of.
func (c *Core) scanGroup(now env.Instant, o *op) (*group, string) {
	r := &c.routes
	p := position{partitions: uint64(r.partitions), seed: r.seed, prefix: o.spec.Prefix}
	if c.sharded() {
		p.partition = 1
	}
	if len(o.spec.Cursor) > 0 {
		p, _ = readCursor(o.spec.Cursor) // it was checked when the operation came
	}
	o.from = &p
	switch {
	case p.partitions != uint64(r.partitions) || p.seed != r.seed && c.sharded():
		return nil, fmt.Sprintf("the cursor is of another cluster: of %d partitions with the seed %d, and this one has %d with the seed %d",
			p.partitions, p.seed, r.partitions, r.seed)
	case !c.sharded():
		return r.only, ""
	}
	return c.partition(now, int(p.partition)), ""
}

// page makes the result of a scan of an answer, or says what is wrong with it: only what is strictly
// above the page before, and of this partition, keeps the promise that a key comes once.
func (c *Core) page(o *op, r *Result, resp *kvpb.Response) string {
	next := *o.from
	r.Pairs = make([]Pair, len(resp.Pairs))
	if limit := o.spec.Limit; limit > 0 && len(resp.Pairs) > limit {
		return fmt.Sprintf("%d pairs to a scan for at most %d", len(resp.Pairs), limit)
	}
	for i, p := range resp.Pairs {
		key := p.GetKey()
		switch {
		case len(key) == 0 || !bytes.HasPrefix(key, o.from.prefix):
			return fmt.Sprintf("the key %q to a scan of the prefix %q", key, o.from.prefix)
		case next.after != nil && bytes.Compare(key, next.after) <= 0:
			return fmt.Sprintf("the key %q after %q, which does not ascend", key, next.after)
		case c.sharded() && hashing.Partition(c.routes.seed, c.routes.partitions, key) != int(o.from.partition):
			return fmt.Sprintf("the key %q in partition %d, of which it is not", key, o.from.partition)
		}
		r.Pairs[i] = Pair{Key: key, Value: p.Value, Version: p.Version}
		next.after = key
	}
	switch {
	case resp.More && len(resp.Pairs) == 0:
		return "no pairs to a scan, though there are more"
	case resp.More:
		r.Cursor = next.cursor()
	case next.partition < next.partitions:
		next.partition++
		next.after = nil
		r.Cursor = next.cursor()
	}
	return ""
}
