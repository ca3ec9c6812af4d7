package netsim

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Goal: the event queue is a stable priority queue. Method: rapid against a sorted
// model, with pushes and pops mixed.
func TestQueueIsAStablePriorityQueue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var q queue
		type item struct {
			at env.Instant
			n  uint64
		}
		var model []item
		n := uint64(0)
		for range rapid.IntRange(1, 200).Draw(rt, "ops") {
			if len(model) == 0 || rapid.Bool().Draw(rt, "push") {
				n++
				it := item{env.Instant(rapid.IntRange(0, 9).Draw(rt, "at")), n}
				q.push(it.at, &record{ordinal: n})
				i := len(model)
				for i > 0 && model[i-1].at > it.at {
					i--
				}
				model = append(model[:i], append([]item{it}, model[i:]...)...)
				continue
			}
			var r record
			at := q.pop(&r)
			require.Equal(rt, model[0], item{at, r.ordinal})
			model = model[1:]
		}
		require.Len(rt, q.heap, len(model))
		require.LessOrEqual(rt, len(q.slab), int(n))
	})
}

// Goal: a fifo keeps the order, and bounds its memory though it never runs empty.
// Method: one in, one out, many times.
func TestFifoKeepsOrderInBoundedMemory(t *testing.T) {
	var f fifo[int]
	f.put(0)
	for i := 1; i < 10_000; i++ {
		f.put(i)
		require.Equal(t, []int{i - 1, i}, f.all())
		require.Equal(t, i-1, f.take())
	}
	require.Equal(t, 1, f.len())
	require.Less(t, cap(f.items), 200)
	f.reset()
	require.Zero(t, f.len())
}

// Goal: oracles learn which process an event was for. Method: one event of each sort.
func TestLastNamesTheProcess(t *testing.T) {
	w, a, _ := pair(t, Config{})
	var got []env.NodeID
	w.AfterEvent = func() {
		if w.Last() == nil {
			got = append(got, 0)
		} else {
			got = append(got, w.Last().ID())
		}
	}
	a.h.Send(2, env.ChannelControl, nil)
	a.h.Arm(a.h.Now())
	w.At(5, func() {})
	drain(w)
	require.Equal(t, []env.NodeID{2, 1, 0}, got)
}
