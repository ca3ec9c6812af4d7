package core

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// step does one random thing.
func (w *shardWorld) step() {
	ep := rapid.IntRange(0, len(w.up)-1).Draw(w.t, "ep")
	part := rapid.IntRange(0, len(w.parts)-1).Draw(w.t, "part")
	switch a := rapid.IntRange(0, 24).Draw(w.t, "action"); a {
	case 0, 1, 2, 3:
		w.submit()
	case 4:
		w.cancel()
	case 5, 6, 7, 8:
		if fl, ok := takeAt(w.t, &w.requests); ok {
			w.receive(fl, true)
		}
	case 9, 10, 11:
		if fl, ok := takeAt(w.t, &w.answers); ok {
			w.c.Response(w.instant(), fl.ep, fl.resp)
			if rapid.IntRange(0, 4).Draw(w.t, "again") == 0 {
				w.answers = append(w.answers, fl)
			}
		}
	case 12:
		takeAt(w.t, &w.answers)
	case 13:
		if fl, ok := takeAt(w.t, &w.proposed); ok && rapid.Bool().Draw(w.t, "commits") {
			w.execute(fl.req)
		}
	case 14:
		w.elect(part)
	case 15:
		w.place(part)
		w.publish()
	case 16: // a node learns of a newer table
		node := rapid.IntRange(0, len(w.holds)-1).Draw(w.t, "learns")
		w.holds[node] = rapid.IntRange(w.holds[node], len(w.tables)-1).Draw(w.t, "table")
	case 17, 18, 19:
		w.connect(ep)
	case 20:
		w.c.Disconnected(w.instant(), ep, w.disconnect(ep))
	case 21:
		if rapid.IntRange(0, 3).Draw(w.t, "expire") == 0 {
			clear(w.parts[part].sessions)
		}
	case 22:
		if len(w.hung) > 0 {
			w.close(w.hung[0])
		}
	case 23:
		w.scan()
	default:
		w.now += rapid.Int64Range(1, 150).Draw(w.t, "time")
		w.c.Tick(w.instant())
	}
	w.pump()
}

func (w *shardWorld) cancel() {
	target := fmt.Sprintf("op%d", rapid.IntRange(1, w.serial+1).Draw(w.t, "target"))
	for id, tag := range w.open {
		if tag == target {
			w.c.Cancel(w.instant(), id)
		}
	}
}

// scan begins a scan, or goes on with one.
func (w *shardWorld) scan() {
	if len(w.scans) > 0 {
		s := w.scans[0]
		w.scans = w.scans[1:]
		w.turn(s)
		return
	}
	s := &walk{prefix: rapid.SampledFrom([]string{"", "anchor", "a", "nothing"}).Draw(w.t, "prefix"), seen: map[string]bool{}}
	w.walks = append(w.walks, s)
	w.turn(s)
}

// heal makes the cluster work and lets time pass until all operations are done.
func (w *shardWorld) heal() {
	for p := range w.parts {
		w.parts[p].leader = w.replicas[p][rapid.IntRange(0, len(w.replicas[p])-1).Draw(w.t, "lastLeader")]
	}
	w.publish()
	for node := range w.holds {
		w.holds[node] = len(w.tables) - 1
	}
	for range 4000 {
		for len(w.hung) > 0 {
			w.close(w.hung[0])
		}
		for ep := range w.up {
			w.connect(ep)
		}
		for len(w.scans) > 0 {
			w.scan()
		}
		w.pump()
		if w.c.Pending() == 0 && len(w.scans) == 0 {
			return
		}
		for len(w.requests) > 0 {
			fl := w.requests[0]
			w.requests = w.requests[1:]
			w.receive(fl, false)
		}
		for len(w.answers) > 0 {
			fl := w.answers[0]
			w.answers = w.answers[1:]
			w.c.Response(w.instant(), fl.ep, fl.resp)
		}
		w.pump()
		if len(w.requests) == 0 && len(w.hung) == 0 && w.c.Pending() > 0 {
			require.NotEqual(w.t, env.Never, w.c.Deadline(), "operations are left and nothing would wake them")
			w.now = max(w.now, int64(w.c.Deadline()))
			w.c.Tick(w.instant())
			w.pump()
		}
	}
	require.Zero(w.t, w.c.Pending(), "a healthy cluster did not get the operations done")
}

// judge compares what was said of each operation with what happened.
func (w *shardWorld) judge() {
	for len(w.proposed) > 0 { // what may still be applied is
		w.execute(w.proposed[0].req)
		w.proposed = w.proposed[1:]
	}
	for len(w.requests) > 0 {
		fl := w.requests[0]
		if p := fl.req.Partition; p != 0 && fl.req.Kind == kvpb.RequestKind_WRITE && w.parts[p-1].leader == w.nodeAt[fl.ep] {
			w.execute(fl.req)
		}
		w.requests = w.requests[1:]
	}
	require.Len(w.t, w.done, w.serial, "CORE-1")
	require.Empty(w.t, w.open)
	for tag, d := range w.done {
		require.Equal(w.t, d.Outcome == OK, d.Err == nil)
		op := w.specs[tag]
		switch op.Kind {
		case MultiGet:
			w.judgeReads(&op, &d)
		case MultiPut:
			w.judgeItems(&op, &d)
		default:
			w.judgeOne(tag, &op, &d)
		}
	}
	for _, s := range w.walks {
		w.judgeWalk(s)
	}
}

func (w *shardWorld) times(tag string) int {
	n := 0
	for _, p := range w.parts {
		n += p.items[tag]
	}
	return n
}

func (w *shardWorld) judgeOne(tag string, op *Op, d *Completion) {
	n := w.times(tag)
	if op.Kind == Batch && w.partition(op.Items[0].Key) != w.partition(op.Items[1].Key) {
		require.Equal(w.t, Failed, d.Outcome, "CORE-11")
		require.Zero(w.t, n)
	}
	switch {
	case d.Outcome == OK && d.Result.ConditionFailed:
		require.Zero(w.t, n, "%s: its condition failed, yet it was applied", tag)
	case d.Outcome == OK && d.Result.Applied:
		require.Equal(w.t, 1, n, "%s is OK, so it was applied exactly once", tag)
	case d.Outcome == Failed:
		require.Zero(w.t, n, "%s failed, so it was never applied: %v", tag, d.Err)
	case d.Outcome == Unknown:
		require.LessOrEqual(w.t, n, 1, "%s is unknown, so it was applied at most once", tag)
	case op.Kind == Get && d.Result.Found:
		require.Equal(w.t, w.keyOf[string(d.Result.Value)], string(op.Key))
	}
}

// judgeReads: each item of a MultiGet has the value of its own key, or says that it has none to tell.
func (w *shardWorld) judgeReads(op *Op, d *Completion) {
	require.NotEqual(w.t, Unknown, d.Outcome)
	for i, it := range d.Result.Items {
		require.Equal(w.t, it.Outcome == OK, it.Err == nil)
		if it.Outcome == OK {
			require.True(w.t, it.Found)
			require.Equal(w.t, "of "+string(op.Items[i].Key), string(it.Value))
			require.Equal(w.t, uint64(w.partition(op.Items[i].Key)), it.Partition)
		} else {
			require.Equal(w.t, Failed, it.Outcome)
			require.Equal(w.t, Failed, d.Outcome)
		}
	}
	require.True(w.t, d.Outcome != OK || len(d.Result.Items) == len(op.Items))
}

// judgeItems: of a MultiPut, each item says the truth for itself, and the whole what it may.
func (w *shardWorld) judgeItems(op *Op, d *Completion) {
	n := map[Outcome]int{}
	for i := range op.Items {
		it := ItemResult{Outcome: d.Outcome, Err: d.Err}
		if d.Result.Items != nil {
			it = d.Result.Items[i]
		}
		n[it.Outcome]++
		tag := string(op.Items[i].Value)
		times := w.times(tag)
		switch it.Outcome {
		case OK:
			require.NoError(w.t, it.Err)
			require.Equal(w.t, 1, times, "item %s is OK, so it was applied exactly once", tag)
		case Failed:
			require.Error(w.t, it.Err)
			require.Zero(w.t, times, "item %s failed, so it was never applied: %v", tag, it.Err)
		case Unknown:
			require.Error(w.t, it.Err)
			require.LessOrEqual(w.t, times, 1, "item %s is unknown, so it was applied at most once", tag)
		default:
			require.Fail(w.t, "an item without an outcome")
		}
	}
	want := Unknown
	switch len(op.Items) {
	case n[OK]:
		want = OK
	case n[Failed]:
		want = Failed
	}
	require.Equal(w.t, want, d.Outcome, "%v", n)
}

// judgeWalk: a scan that came to its end had each key that was there all the time.
func (w *shardWorld) judgeWalk(s *walk) {
	if !s.over || s.seen == nil {
		return
	}
	for i := range anchors {
		if s.prefix != "nothing" {
			require.True(w.t, s.seen[fmt.Sprintf("anchor%d", i)], "CORE-17: a scan of %q missed anchor%d", s.prefix, i)
		}
	}
}

// Goal: in a sharded cluster each operation completes exactly once with the truth, whatever the cluster does, and
// all that CORE-1..17 say holds by partition. Method: random schedules of loss, delay, reordering, repetition,
// broken links, leader changes, moves of partitions, old tables, expiry of sessions and scans against a model.
func TestShardedOutcomesAreTruthful(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newShardWorld(t, false)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			w.step()
		}
		w.heal()
		w.judge()
	})
}

// Goal: Close completes everything at once and truthfully. Method: as above, cut off by Close.
func TestShardedCloseCompletesEverythingTruthfully(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newShardWorld(t, true)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			w.step()
		}
		w.c.Close(w.instant())
		w.pump()
		require.Zero(t, w.c.Pending())
		require.Equal(t, env.Never, w.c.Deadline())
		w.submit()
		w.pump()
		require.Equal(t, ReasonClosed, w.done[fmt.Sprintf("op%d", w.serial)].Err.Reason)
		w.judge()
	})
}
