package core

import "github.com/holdfastdb/holdfast/kv/kvpb"

// message is a request and its first operation in one allocation.
type message struct {
	req kvpb.Request
	op  kvpb.Op
	ops [1]*kvpb.Op
}

// request builds the wire form of the operation's present attempt.
func (c *Core) request(o *op) *kvpb.Request {
	m := &message{}
	r := &m.req
	r.Id = o.cur.id
	if o.role == roleTable {
		r.Kind = kvpb.RequestKind_TABLE
		return r
	}
	r.Partition = o.group.id
	switch {
	case o.role == roleOpenSession:
		r.Kind = kvpb.RequestKind_OPEN_SESSION
		return r
	case o.role == roleKeepAlive:
		r.Kind, r.Session, r.Acked = kvpb.RequestKind_KEEP_ALIVE, o.session, o.group.sess.acked
		return r
	case o.spec.Kind == Scan:
		r.Kind, r.Stale, r.Follower = kvpb.RequestKind_SCAN, o.spec.Stale, o.spec.Follower
		r.ScanPrefix, r.ScanAfter, r.ScanLimit = o.spec.Prefix, o.from.after, uint32(o.spec.Limit)
		return r
	case o.read:
		r.Kind, r.Stale, r.Follower = kvpb.RequestKind_READ, o.spec.Stale, o.spec.Follower
	default:
		r.Kind = kvpb.RequestKind_WRITE
		if o.seq != 0 {
			r.Session, r.Seq, r.Acked = o.session, o.seq, o.group.sess.acked
		}
	}
	if o.spec.Kind != Batch {
		s := &o.spec
		fillOp(&m.op, s.Kind, s.Key, s.Value, s.ExpectVersion, s.ExpectValue)
		m.ops[0] = &m.op
		r.Ops = m.ops[:]
		return r
	}
	ops := make([]kvpb.Op, len(o.spec.Items))
	r.Ops = make([]*kvpb.Op, len(ops))
	for i := range ops {
		it := &o.spec.Items[i]
		fillOp(&ops[i], it.Kind, it.Key, it.Value, it.ExpectVersion, it.ExpectValue)
		r.Ops[i] = &ops[i]
	}
	return r
}

func fillOp(p *kvpb.Op, kind Kind, key, value []byte, expectVersion uint64, expectValue []byte) {
	p.Key = key
	switch kind {
	case Get:
		p.Kind = kvpb.OpKind_GET
		return
	case Erase:
		p.Kind = kvpb.OpKind_ERASE
		return
	case CASVersion:
		p.Cond, p.CondVersion = kvpb.Condition_VERSION_IS, expectVersion
	case CASValue:
		p.Cond, p.CondValue = kvpb.Condition_VALUE_IS, expectValue
	case PutIfAbsent:
		p.Cond = kvpb.Condition_ABSENT
	}
	p.Kind, p.Value = kvpb.OpKind_PUT, value
}
