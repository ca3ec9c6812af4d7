package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// multi is a MultiPut, or a MultiGet, of n keys of each of the partitions.
func multi(kind Kind, partitions, n int) Op {
	op := Op{Kind: kind}
	for i := range n {
		for p := 1; p <= partitions; p++ {
			it := Item{Kind: Get, Key: keyIn(partitions, p, i)}
			if kind == MultiPut {
				it.Kind, it.Value = Put, []byte("v")
			}
			op.Items = append(op.Items, it)
		}
	}
	return op
}

// Goal: CORE-14, a MultiGet is one request for each partition, and each item gets the result of its own key. Method: nine
// keys in three partitions, answered in reverse order.
func TestMultiGetIsSplitByPartition(t *testing.T) {
	s := shardScript(t, 3, 3, nil)
	op := multi(MultiGet, 3, 3)
	s.submit(op)
	require.Len(t, s.sent, 3)
	for i := range 3 {
		sent := s.sent[2-i]
		require.Equal(t, kvpb.RequestKind_READ, sent.Request.Kind)
		resp := &kvpb.Response{Code: kvpb.Code_OK, Partition: sent.Request.Partition, Index: 40 + sent.Request.Partition, Node: 9, LagMs: uint64(i)}
		for _, o := range sent.Request.Ops {
			require.Equal(t, kvpb.OpKind_GET, o.Kind)
			resp.Results = append(resp.Results, &kvpb.OpResult{Found: true, Value: append([]byte("of "), o.Key...)})
		}
		require.Empty(t, s.done)
		s.answer(sent, resp)
	}
	d := s.completion()
	require.Equal(t, OK, d.Outcome)
	require.Nil(t, d.Err)
	require.Equal(t, 2*time.Millisecond, d.Result.Lag)
	for i, it := range d.Result.Items {
		require.Equal(t, OK, it.Outcome)
		require.NoError(t, it.Err)
		require.Equal(t, "of "+string(op.Items[i].Key), string(it.Value))
		require.Equal(t, []uint64{uint64(i%3) + 1, 41 + uint64(i%3), 9}, []uint64{it.Partition, it.Index, it.Node})
	}
	require.Equal(t, d.Result.Items[0], d.Result.ItemResult)
}

// Goal: CORE-14, each item of a MultiPut tells how it ended, and the whole is Failed only if all of it is. Method: parts
// that end ok, failed and unknown, in all combinations that matter.
func TestMultiPutTellsOfEachItem(t *testing.T) {
	for _, c := range []struct {
		name  string
		parts []Outcome
		whole Outcome
	}{
		{"all ok", []Outcome{OK, OK, OK}, OK},
		{"all failed", []Outcome{Failed, Failed, Failed}, Failed},
		{"all unknown", []Outcome{Unknown, Unknown, Unknown}, Unknown},
		{"one failed", []Outcome{OK, Failed, OK}, Unknown},
		{"one unknown", []Outcome{OK, Unknown, OK}, Unknown},
		{"nothing ok", []Outcome{Failed, Unknown, Failed}, Unknown},
		{"each", []Outcome{OK, Failed, Unknown}, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := shardScript(t, 3, 3, nil)
			op := multi(MultiPut, 3, 2)
			op.NoSession, op.Deadline = true, s.now.Add(time.Second/2)
			s.submit(op)
			for _, sent := range append([]Send(nil), s.sent...) {
				switch c.parts[sent.Request.Partition-1] {
				case OK:
					s.answer(sent, &kvpb.Response{Code: kvpb.Code_OK, Results: []*kvpb.OpResult{{Applied: true}, {Applied: true}}})
				case Failed:
					s.answer(sent, &kvpb.Response{Code: kvpb.Code_INVALID, Message: "not this one"})
				}
			}
			s.wait(time.Second)
			d := s.completion()
			require.Equal(t, c.whole, d.Outcome)
			require.Equal(t, c.whole == OK, d.Err == nil)
			for i, it := range d.Result.Items {
				require.Equal(t, c.parts[i%3], it.Outcome)
				require.Equal(t, it.Outcome == OK, it.Applied)
				require.Equal(t, it.Outcome == OK, it.Err == nil)
				if it.Outcome == Unknown {
					require.Equal(t, ReasonDeadline, it.Err.(*Error).Reason)
					require.Equal(t, MultiPut, it.Err.(*Error).Kind)
				}
			}
			if c.name == "each" {
				require.Contains(t, d.Err.Error(), "multi-put: outcome unknown: the deadline passed: "+
					"of 6 items 2 ended ok, 2 failed and 2 are unknown, as the result of each item tells")
			}
		})
	}
}

// Goal: CORE-14, a MultiGet that was read in part is Failed, never Unknown, and has what was read. Method: one part refused.
func TestMultiGetKeepsWhatWasRead(t *testing.T) {
	s := shardScript(t, 2, 2, nil)
	s.submit(multi(MultiGet, 2, 1))
	s.answer(s.next(), found())
	s.answer(s.next(), &kvpb.Response{Code: kvpb.Code_INVALID, Message: "no"})
	d := s.completion()
	require.Equal(t, Failed, d.Outcome)
	require.Equal(t, ReasonInvalid, d.Err.Reason)
	require.True(t, d.Result.Items[0].Found)
	require.Equal(t, []Outcome{OK, Failed}, []Outcome{d.Result.Items[0].Outcome, d.Result.Items[1].Outcome})
}

// Goal: CORE-3 to CORE-7 hold for parts. Method: a part that is silent is sent again under its number; a condition that
// failed, though there was none, is no success; cancelling tells the truth of each part.
func TestPartsAreWritesLikeOthers(t *testing.T) {
	s := shardScript(t, 3, 3, nil)
	s.ok(s.putIn(3, 1))
	s.ok(s.putIn(3, 2))
	op := Op{Kind: MultiPut, Items: []Item{
		{Kind: Put, Key: keyIn(3, 1, 0), Value: []byte("v")}, {Kind: Erase, Key: keyIn(3, 2, 0)}, {Kind: Put, Key: keyIn(3, 3, 0)},
	}}
	id := s.submit(op)
	first, second, open := s.next(), s.next(), s.next()
	require.Equal(t, kvpb.OpKind_ERASE, second.Request.Ops[0].Kind)
	require.Equal(t, kvpb.RequestKind_OPEN_SESSION, open.Request.Kind)
	s.wait(time.Second)
	for again := s.next(); ; again = s.next() {
		if again.Request.Partition == 1 && again.Request.Kind == kvpb.RequestKind_WRITE {
			require.Equal(t, first.Request.Seq, again.Request.Seq)
			break
		}
	}
	s.code(second, kvpb.Code_CONDITION_FAILED)
	s.c.Cancel(s.now, id)
	s.take()
	d := s.completion()
	require.Equal(t, []Outcome{Unknown, Unknown, Failed}, []Outcome{d.Result.Items[0].Outcome, d.Result.Items[1].Outcome, d.Result.Items[2].Outcome},
		"the first is silent, the second was sent twice and has one senseless answer, the third waits for its session")
	require.Equal(t, ReasonBadAnswer, d.Result.Items[1].Err.(*Error).Reason)
	require.Equal(t, ReasonCanceled, d.Result.Items[2].Err.(*Error).Reason)
	require.Equal(t, Unknown, d.Outcome)
	require.Empty(t, s.done)
}

// Goal: CORE-8, parts count as operations under way: no more of them are sent than MaxOutstanding, others wait their
// turn behind them, and what never began is Failed. Method: a MultiPut of more parts than that.
func TestPartsAreBoundedByMaxOutstanding(t *testing.T) {
	s := shardScript(t, 3, 5, func(c *Config) { c.MaxOutstanding, c.MaxQueued = 2, 2 })
	op := multi(MultiGet, 5, 1)
	op.Deadline = s.now.Add(time.Second / 2)
	s.submit(op)
	s.submit(Op{Kind: Get, Key: keyIn(5, 1, 0)})
	require.Len(t, s.sent, 2)
	s.answer(s.next(), found())
	require.Len(t, s.sent, 2)
	s.wait(time.Second / 2)
	d := s.completion()
	require.Equal(t, Failed, d.Outcome)
	n := map[Outcome]int{}
	for _, it := range d.Result.Items {
		n[it.Outcome]++
	}
	require.Equal(t, map[Outcome]int{OK: 1, Failed: 4}, n)
	require.Contains(t, d.Result.Items[4].Err.Error(), "it waited behind other operations of this client")
	require.Equal(t, 1, s.c.Pending())
	last := s.sent[len(s.sent)-1]
	require.Len(t, last.Request.Ops, 1)
	s.answer(last, found())
	require.Equal(t, OK, s.completion().Outcome)
}

// Goal: no part is larger than a node takes, also in a cluster that is not sharded. Method: many items, large items,
// and reads of values as large as may be.
func TestPartsFitIntoRequests(t *testing.T) {
	sizes := func(s *script) (sizes []int) {
		for _, sent := range s.sent {
			sizes = append(sizes, len(sent.Request.Ops))
		}
		return sizes
	}
	s := newScript(t, 1, nil)
	op := Op{Kind: MultiPut, NoSession: true}
	for i := range 300 {
		op.Items = append(op.Items, Item{Kind: Put, Key: fmt.Append(nil, i)})
	}
	s.submit(op)
	require.Equal(t, []int{128, 128, 44}, sizes(s))
	s.sent = nil
	for i := range op.Items {
		op.Items[i] = Item{Kind: Get, Key: op.Items[i].Key}
	}
	op.Kind, op.Items = MultiGet, op.Items[:70]
	s.submit(op)
	require.Equal(t, []int{32, 32, 6}, sizes(s), "32 values of 1 MiB are what a node returns at most")

	s = newScript(t, 1, nil)
	big := make([]byte, 1<<20)
	op = Op{Kind: MultiPut, NoSession: true}
	for i := range 70 {
		op.Items = append(op.Items, Item{Kind: Put, Key: fmt.Append(nil, i), Value: big})
	}
	s.submit(op)
	require.Equal(t, []int{59, 11}, sizes(s))
}

// Goal: what a MultiGet or MultiPut cannot do is refused before anything is sent. Method: a table.
func TestMultiLimitsAreCheckedFirst(t *testing.T) {
	s := newScript(t, 1, func(c *Config) { c.MaxItems = 2 })
	put, get := Item{Kind: Put, Key: []byte("k")}, Item{Kind: Get, Key: []byte("k")}
	other := Item{Kind: Erase, Key: []byte("l")}
	for _, op := range []Op{
		{Kind: MultiPut},
		{Kind: MultiGet},
		{Kind: MultiPut, Items: []Item{put, other, {Kind: Put, Key: []byte("m")}}},
		{Kind: MultiPut, Items: []Item{put, {Kind: Erase, Key: []byte("k")}}},
		{Kind: MultiPut, Items: []Item{get}},
		{Kind: MultiPut, Items: []Item{{Kind: PutIfAbsent, Key: []byte("k")}}},
		{Kind: MultiPut, Items: []Item{{Kind: MultiPut, Key: []byte("k")}}},
		{Kind: MultiGet, Items: []Item{put}},
		{Kind: MultiGet, Items: []Item{get, {Kind: Get}}},
		{Kind: MultiGet, Items: []Item{get}, Stale: true, Follower: true},
	} {
		s.submit(op)
		require.NotEmpty(t, s.done[0].Err.Message)
		s.ended(Failed, ReasonInvalid)
	}
	s.idle()
	s.submit(Op{Kind: MultiGet, Items: []Item{get, get}})
	require.Len(t, s.next().Request.Ops, 2, "a key may be read twice")
}
