package node

import (
	"encoding/binary"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/raft"
)

// A report is what a node says about itself to the driver, and orders are what it is answered. Both are repeated
// all the time, each is complete in itself, and none is ever the only one of its kind: they may be lost, late
// and out of order.

// report is about one node.
type report struct {
	// Of the node's operator: it is a new node that wants to join, or one that lost its data.
	join, rejoin bool
	// version is that of the table that the node has.
	version uint64
	zone    string
	weight  uint32
	body    placement.Report
}

// orders are for one node.
type orders struct {
	// leader leads the metadata group, as far as the sender knows; 0 if it does not.
	leader  env.NodeID
	address string
	// table is the encoded table, if the node's is older.
	table []byte
	// leaders are the leaders of partitions, as far as the driver knows.
	leaders []leaderOf
	// gone are replicas of the node that are out of their groups for good.
	gone []placement.Gone
	// refused says why the node is not taken into the cluster.
	refused string
}

type leaderOf struct {
	group raft.GroupID
	node  env.NodeID
}

const (
	flagJoin   = 1
	flagRejoin = 2
)

// Bounds of what one message may hold.
const (
	maxOrderItems = 2 * placement.MaxPartitions
	maxOrderText  = 1 << 10
)

func appendReport(dst []byte, r *report) []byte {
	dst = append(dst, envelopeVersion, kindReport)
	flags := byte(0)
	if r.join {
		flags |= flagJoin
	}
	if r.rejoin {
		flags |= flagRejoin
	}
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, r.version)
	dst = binary.AppendUvarint(dst, uint64(r.weight))
	dst = appendText(dst, r.zone)
	return placement.AppendReport(dst, &r.body)
}

func decodeReport(b []byte) (r report, err error) {
	if len(b) == 0 {
		return r, errTruncated
	}
	r.join, r.rejoin = b[0]&flagJoin != 0, b[0]&flagRejoin != 0
	var weight uint64
	if b, err = numbers(b[1:], &r.version, &weight); err != nil {
		return r, err
	}
	r.weight = uint32(min(weight, 1<<32-1))
	if r.zone, b, err = takeText(b); err != nil {
		return r, err
	}
	r.body, err = placement.DecodeReport(b)
	return r, err
}

func appendOrders(dst []byte, o *orders) []byte {
	dst = append(dst, envelopeVersion, kindOrders)
	dst = binary.AppendUvarint(dst, uint64(o.leader))
	dst = appendText(dst, o.address)
	dst = appendText(dst, o.refused)
	dst = binary.AppendUvarint(dst, uint64(len(o.leaders)))
	for _, l := range o.leaders {
		dst = binary.AppendUvarint(dst, uint64(l.group))
		dst = binary.AppendUvarint(dst, uint64(l.node))
	}
	dst = binary.AppendUvarint(dst, uint64(len(o.gone)))
	for _, g := range o.gone {
		dst = binary.AppendUvarint(dst, g.Group)
		dst = binary.AppendUvarint(dst, g.Replica)
	}
	return append(dst, o.table...)
}

func decodeOrders(b []byte) (o orders, err error) {
	var leader, n uint64
	if b, err = numbers(b, &leader); err != nil {
		return o, err
	}
	o.leader = env.NodeID(leader)
	if o.address, b, err = takeText(b); err != nil {
		return o, err
	}
	if o.refused, b, err = takeText(b); err != nil {
		return o, err
	}
	pairs := func(take func(a, b uint64)) {
		if err != nil {
			return
		}
		if b, err = numbers(b, &n); err == nil && n > maxOrderItems {
			err = fmt.Errorf("%d items in orders, %d are the most", n, maxOrderItems)
		}
		for ; err == nil && n > 0; n-- {
			var x, y uint64
			if b, err = numbers(b, &x, &y); err == nil {
				take(x, y)
			}
		}
	}
	pairs(func(g, node uint64) { o.leaders = append(o.leaders, leaderOf{raft.GroupID(g), env.NodeID(node)}) })
	pairs(func(g, r uint64) { o.gone = append(o.gone, placement.Gone{Group: g, Replica: r}) })
	o.table = b
	return o, err
}

func appendText(dst []byte, s string) []byte {
	s = s[:min(len(s), maxOrderText)]
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func takeText(b []byte) (string, []byte, error) {
	var n uint64
	b, err := numbers(b, &n)
	switch {
	case err != nil:
		return "", nil, err
	case n > uint64(len(b)) || n > maxOrderText:
		return "", nil, errTruncated
	}
	return string(b[:n]), b[n:], nil
}
