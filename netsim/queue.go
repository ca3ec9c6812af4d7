package netsim

import "github.com/holdfastdb/holdfast/kv/env"

// entry is what the queue orders; slot is where the event's record is.
type entry struct {
	at   env.Instant
	seq  uint64
	slot uint32
}

func (e *entry) before(o *entry) bool {
	return e.at < o.at || (e.at == o.at && e.seq < o.seq)
}

// record is an event that waits. Which fields count depends on the kind.
type record struct {
	kind    Kind
	lane    env.Lane
	channel env.Channel
	dup     bool
	from    env.NodeID
	p       *Process // the process concerned
	l       *link    // the link of a message
	inc     uint64   // the incarnation, timer generation or wake-up it is for
	ordinal uint64   // of a message on its link
	hash    uint64   // of the payload when it was sent
	payload []byte
	fn      func()
	call    func(env.Program)
	job     env.Job
}

// queue is a 4-ary heap of events ordered by (virtual time, sequence). Records
// live in a slab with a free list, so a queue that has reached its working size
// does not allocate.
type queue struct {
	heap  []entry
	slab  []record
	free  []uint32
	count uint64
}

func (q *queue) push(at env.Instant, r *record) {
	var slot uint32
	if n := len(q.free); n > 0 {
		slot = q.free[n-1]
		q.free = q.free[:n-1]
		q.slab[slot] = *r
	} else {
		slot = uint32(len(q.slab))
		q.slab = append(q.slab, *r)
	}
	q.count++
	q.heap = append(q.heap, entry{at: at, seq: q.count, slot: slot})
	q.up(len(q.heap) - 1)
}

// pop removes the first event and copies its record to r.
func (q *queue) pop(r *record) env.Instant {
	top := q.heap[0]
	last := len(q.heap) - 1
	moved := q.heap[last]
	q.heap = q.heap[:last]
	if last > 0 {
		q.down(moved)
	}
	*r = q.slab[top.slot]
	q.slab[top.slot] = record{}
	q.free = append(q.free, top.slot)
	return top.at
}

func (q *queue) up(i int) {
	e := q.heap[i]
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&q.heap[parent]) {
			break
		}
		q.heap[i] = q.heap[parent]
		i = parent
	}
	q.heap[i] = e
}

// down puts e in at the root and lets it sink.
func (q *queue) down(e entry) {
	i, n := 0, len(q.heap)
	for {
		first := 4*i + 1
		if first >= n {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, n); c++ {
			if q.heap[c].before(&q.heap[least]) {
				least = c
			}
		}
		if !q.heap[least].before(&e) {
			break
		}
		q.heap[i] = q.heap[least]
		i = least
	}
	q.heap[i] = e
}
