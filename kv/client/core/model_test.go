package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
)

func newWorld(t *rapid.T) *world {
	n := rapid.IntRange(1, 4).Draw(t, "endpoints")
	cfg := Config{
		Endpoints: n, Seed: rapid.Uint64().Draw(t, "seed"),
		AttemptTimeout: 100, RetryBackoffMin: 5, RetryBackoffMax: 80,
		MaxOutstanding: rapid.IntRange(1, 12).Draw(t, "outstanding"), MaxQueued: rapid.IntRange(0, 6).Draw(t, "queued"),
		SessionWindow: rapid.IntRange(1, 8).Draw(t, "window"), KeepAlive: 700,
	}
	for i := range n {
		cfg.Addresses = append(cfg.Addresses, fmt.Sprintf("addr%d", i))
	}
	serverWindow := rapid.Uint64Range(1, 8).Draw(t, "serverWindow")
	return &world{
		fakeCluster: newFakeCluster(t, n, serverWindow), c: New(cfg, 0),
		open: map[OpID]string{}, done: map[string]Completion{}, sent: map[[2]uint64]string{},
		acked: map[uint64]uint64{}, ids: map[uint64]bool{},
	}
}

func (w *world) instant() env.Instant { return env.Instant(w.now) }

// submit starts a random operation with a value or key that no other one has.
func (w *world) submit() {
	w.serial++
	kind := Kind(rapid.IntRange(int(Put), int(Batch)).Draw(w.t, "kind"))
	tag := fmt.Sprintf("op%d", w.serial)
	key := fmt.Appendf(nil, "key%d", rapid.IntRange(0, 2).Draw(w.t, "key"))
	op := Op{
		Kind: kind, Key: key, Value: []byte(tag), Tag: tag,
		ExpectVersion: w.index + 1, ExpectValue: w.data[string(key)].data,
		Stale:     rapid.Bool().Draw(w.t, "stale"),
		NoSession: rapid.IntRange(0, 3).Draw(w.t, "noSession") == 0,
	}
	op.Follower = !op.Stale && rapid.Bool().Draw(w.t, "follower")
	switch kind {
	case Erase:
		op.Key = []byte(tag)
	case Batch:
		op.Items = []Item{
			{Kind: Put, Key: key, Value: []byte(tag)},
			{Kind: PutIfAbsent, Key: []byte("other"), Value: []byte(tag)},
		}
	case CASVersion:
		op.ExpectVersion = max(w.data[string(key)].version, 1)
	}
	if rapid.Bool().Draw(w.t, "hasDeadline") {
		op.Deadline = env.Instant(w.now + rapid.Int64Range(0, 400).Draw(w.t, "deadline"))
	}
	id := w.c.Submit(w.instant(), op)
	w.open[id] = tag
}

func (w *world) cancel() {
	target := fmt.Sprintf("op%d", rapid.IntRange(1, w.serial+1).Draw(w.t, "target"))
	for id, tag := range w.open {
		if tag == target {
			w.c.Cancel(w.instant(), id)
		}
	}
}

// step does one random thing.
func (w *world) step() {
	ep := rapid.IntRange(0, len(w.up)-1).Draw(w.t, "ep")
	switch a := rapid.IntRange(0, 19).Draw(w.t, "action"); a {
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
		w.leader = rapid.IntRange(-1, len(w.up)-1).Draw(w.t, "leader")
	case 15, 16:
		w.up[ep] = true
		w.c.Connected(w.instant(), ep)
	case 17:
		w.c.Disconnected(w.instant(), ep, w.disconnect(ep))
	case 18:
		if rapid.IntRange(0, 3).Draw(w.t, "expire") == 0 {
			clear(w.sessions)
		}
	default:
		w.now += rapid.Int64Range(1, 150).Draw(w.t, "time")
		w.c.Tick(w.instant())
	}
	w.pump()
}

// heal makes the cluster work and lets time pass until all operations are done.
func (w *world) heal() {
	w.leader = rapid.IntRange(0, len(w.up)-1).Draw(w.t, "lastLeader")
	for ep := range w.up {
		w.up[ep] = true
		w.c.Connected(w.instant(), ep)
	}
	w.pump()
	for range 2000 {
		if w.c.Pending() == 0 {
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
		if len(w.requests) == 0 && w.c.Pending() > 0 {
			require.NotEqual(w.t, env.Never, w.c.Deadline(), "operations are left and nothing would wake them")
			w.now = max(w.now, int64(w.c.Deadline()))
			w.c.Tick(w.instant())
			w.pump()
		}
	}
	require.Zero(w.t, w.c.Pending(), "a healthy cluster did not get the operations done")
}

// judge compares what was said of each operation with what happened.
func (w *world) judge() {
	for len(w.proposed) > 0 { // what may still be applied is
		w.execute(w.proposed[0].req)
		w.proposed = w.proposed[1:]
	}
	for len(w.requests) > 0 {
		if w.requests[0].req.Kind != 0 && w.requests[0].ep == w.leader {
			w.execute(w.requests[0].req)
		}
		w.requests = w.requests[1:]
	}
	require.Len(w.t, w.done, w.serial, "CORE-1")
	require.Empty(w.t, w.open)
	for tag, d := range w.done {
		n := w.applied[tag]
		switch {
		case d.Outcome == OK && d.Result.ConditionFailed:
			require.Zero(w.t, n, "%s: its condition failed, yet it was applied", tag)
		case d.Outcome == OK && d.Result.Applied:
			require.Equal(w.t, 1, n, "%s is OK, so it was applied exactly once", tag)
		case d.Outcome == Failed:
			require.Zero(w.t, n, "%s failed, so it was never applied: %v", tag, d.Err)
		case d.Outcome == Unknown:
			require.LessOrEqual(w.t, n, 1, "%s is unknown, so it was applied at most once", tag)
		}
		require.Equal(w.t, d.Outcome == OK, d.Err == nil)
	}
}

// Each operation completes exactly once with the truth, whatever the cluster does:
// random schedules of loss, delay, reordering, repetition, crashes, leader
// changes and expiry against a model of the servers.
func TestOutcomesAreTruthful(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			w.step()
		}
		w.heal()
		w.judge()
	})
}

// Close completes everything at once and truthfully: as above, cut off by Close.
func TestCloseCompletesEverythingTruthfully(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
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

// Same calls, same outputs (CORE-9): the requests of two runs of one schedule,
// byte for byte.
func TestSameCallsSameOutputs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		twin := New(w.c.cfg, 0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			op := Op{Kind: Put, Key: []byte("k"), Value: []byte("v"), Deadline: env.Instant(w.now + 500), Tag: "t"}
			ep := rapid.IntRange(0, len(w.up)-1).Draw(t, "ep")
			action := rapid.IntRange(0, 3).Draw(t, "action")
			w.now += rapid.Int64Range(0, 90).Draw(t, "time")
			for _, c := range []*Core{w.c, twin} {
				switch action {
				case 0:
					c.Submit(w.instant(), op)
				case 1:
					c.Connected(w.instant(), ep)
				case 2:
					c.Disconnected(w.instant(), ep, nil)
				default:
					c.Tick(w.instant())
				}
			}
			require.Equal(t, fmt.Sprint(w.c.Output()), fmt.Sprint(twin.Output()))
			require.Equal(t, w.c.Deadline(), twin.Deadline())
		}
	})
}

// Memory stays bounded over a long life: slots and remembered attempts after many
// operations against a cluster that never answers (CORE-8).
func TestMemoryIsBoundedWithoutAnswers(t *testing.T) {
	c := New(Config{Endpoints: 2, MaxOutstanding: 8, MaxQueued: 4, AttemptTimeout: time.Second}, 0)
	c.Connected(0, 0)
	c.Connected(0, 1)
	now := env.Instant(0)
	for range 2000 {
		now = now.Add(300 * time.Millisecond)
		c.Submit(now, Op{Kind: Get, Key: []byte("k"), Deadline: now.Add(time.Minute)})
		c.Tick(now)
		require.NoError(t, c.CheckInvariants())
		out := c.Output()
		require.LessOrEqual(t, len(out.Sends), 64)
	}
	require.LessOrEqual(t, len(c.slots), 8+4+internalOps)
	require.LessOrEqual(t, c.Pending(), 12)
}
