package machine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/machine"
)

// Goal: a repeated request is not executed again and gets the first result, also
// after a restart (MACH-4; SESS-01, SESS-04, SESS-08). Method: a compare-and-set
// that succeeds, one that fails, and a large read, repeated after other writes.
func TestARetryGetsTheFirstResult(t *testing.T) {
	r := newRig(t, tinyLimits())
	s := r.openSession()
	first := map[uint64]machine.Result{}
	commands := map[uint64]machine.Command{}
	run := func(c machine.Command) {
		commands[c.Seq] = c
		first[c.Seq] = r.do(c)
	}
	run(put(s, 1, "a", "1"))
	cas := put(s, 2, "a", "2")
	cas.Ops[0].Cond, cas.Ops[0].CondValue = machine.CondValue, []byte("1")
	run(cas)
	cas.Seq = 3
	run(cas)
	require.Equal(t, machine.StatusConditionFailed, first[3].Status)
	run(put(s, 4, "big", strings.Repeat("x", 3000)))
	run(apply(s, 5, machine.Op{Kind: machine.OpGet, Key: []byte("big")}))
	run(apply(s, 6, machine.Op{Kind: machine.OpErase, Key: []byte("big")}))

	check := func() {
		r.do(put(0, 0, "a", "later"))
		before := r.get("a")
		for seq := uint64(1); seq <= 6; seq++ {
			res := r.do(commands[seq])
			require.True(t, res.Duplicate)
			require.Equal(t, first[seq].ResultIndex, res.ResultIndex)
			require.Equal(t, first[seq].Status, res.Status)
			require.Equal(t, first[seq].Ops, res.Ops)
		}
		require.Equal(t, before, r.get("a"))
		require.False(t, r.get("big").Found)
	}
	check()
	r.reopen(tinyLimits())
	check()
}

// Goal: an acknowledged request that arrives again, late and out of order, is
// refused and not executed (SESS-07). Method: acknowledge, then replay copies
// that carry old acknowledgements.
func TestAnAcknowledgedRequestIsTooOld(t *testing.T) {
	r := newRig(t, tinyLimits())
	s := r.openSession()
	r.do(put(s, 2, "a", "2"))
	r.do(put(s, 1, "a", "1"))
	ack := put(s, 3, "a", "3")
	ack.Acked = 2
	require.Equal(t, machine.StatusOK, r.do(ack).Status)
	for range 2 {
		for seq := uint64(1); seq <= 2; seq++ {
			require.Equal(t, machine.StatusSeqTooOld, r.do(put(s, seq, "a", "again")).Status)
		}
		require.True(t, r.do(put(s, 3, "a", "again")).Duplicate)
		require.Equal(t, "3", string(r.get("a").Value))
		r.reopen(tinyLimits())
	}
}

// Goal: the unacknowledged numbers of a session are bounded, and what is refused for it
// was not executed and may be tried again. Method: run ahead of the window.
func TestTheWindowIsBounded(t *testing.T) {
	r := newRig(t, tinyLimits())
	s := r.openSession()
	require.Equal(t, machine.StatusOK, r.do(put(s, 8, "a", "8")).Status)
	require.Equal(t, machine.StatusWindowFull, r.do(put(s, 9, "a", "9")).Status)
	require.Equal(t, "8", string(r.get("a").Value))
	keep := machine.Command{Kind: machine.CmdKeepAlive, Session: s, Acked: 1}
	require.Equal(t, machine.StatusOK, r.do(keep).Status)
	res := r.do(put(s, 9, "a", "9"))
	require.Equal(t, machine.StatusOK, res.Status)
	require.False(t, res.Duplicate)
}

// Goal: all sessions together save a bounded number of results (MACH-9).
// Method: fill the common bound from several sessions, then free it.
func TestSavedResultsAreBounded(t *testing.T) {
	l := tinyLimits()
	r := newRig(t, l)
	a, b, c := r.openSession(), r.openSession(), r.openSession()
	for seq := uint64(1); seq <= 8; seq++ {
		require.Equal(t, machine.StatusOK, r.do(put(a, seq, "k", "a")).Status)
		require.Equal(t, machine.StatusOK, r.do(put(b, seq, "k", "b")).Status)
	}
	ok := 0
	for seq := uint64(1); seq <= 8; seq++ {
		if r.do(put(c, seq, "k", "c")).Status == machine.StatusOK {
			ok++
		}
	}
	require.Equal(t, l.MaxSavedResults-16, ok)
	r.do(machine.Command{Kind: machine.CmdCloseSession, Session: a})
	require.Equal(t, machine.StatusOK, r.do(put(c, 8, "k", "c")).Status)
}

// Goal: a session expires after SessionTTL of log time without a sign of life, and
// is then unknown for ever, on the replica that restarted too (MACH-6; SESS-02, SESS-10).
// Method: two sessions, one kept alive, restarts in between.
func TestSessionsExpireByLogTime(t *testing.T) {
	l := tinyLimits()
	r := newRig(t, l)
	quiet, lively := r.openSession(), r.openSession()
	r.do(put(quiet, 1, "a", "1"))
	r.now += int64(l.SessionTTL)
	require.Equal(t, machine.StatusOK, r.do(machine.Command{Kind: machine.CmdKeepAlive, Session: lively}).Status)
	require.Equal(t, 2, r.m.Sessions())
	r.reopen(l)
	r.now++
	require.Equal(t, machine.StatusSessionUnknown, r.do(put(quiet, 1, "a", "again")).Status)
	require.Equal(t, 1, r.m.Sessions())
	require.Equal(t, machine.StatusOK, r.do(put(lively, 1, "b", "1")).Status)
	r.reopen(l)
	for _, kind := range []machine.CommandKind{machine.CmdKeepAlive, machine.CmdCloseSession} {
		require.Equal(t, machine.StatusSessionUnknown, r.do(machine.Command{Kind: kind, Session: quiet}).Status)
	}
	require.Equal(t, machine.StatusSessionUnknown, r.do(put(quiet, 2, "a", "new")).Status)
	require.Equal(t, "1", string(r.get("a").Value))
}

// Goal: when a leap of log time expires more sessions than one entry may drop,
// none of them is served in the meantime. Method: 200 sessions, one leap, use the last.
func TestASessionPastItsTimeIsNotServed(t *testing.T) {
	l := tinyLimits()
	l.MaxSessions = 1000
	r := newRig(t, l)
	var last uint64
	for range 200 {
		last = r.openSession()
	}
	r.now += int64(l.SessionTTL) + 1
	require.Equal(t, machine.StatusSessionUnknown, r.do(put(last, 1, "a", "1")).Status)
	require.False(t, r.get("a").Found)
	require.NotZero(t, r.m.Sessions())
	for range 4 {
		r.do(put(0, 0, "b", "1"))
	}
	require.Zero(t, r.m.Sessions())
	r.reopen(l)
}

// Goal: beyond MaxSessions the session silent for longest goes, and leaves nothing behind in
// the engine. Method: fill up, touch the oldest, open one more.
func TestTheLongestSilentSessionIsEvicted(t *testing.T) {
	l := tinyLimits()
	r := newRig(t, l)
	var ids []uint64
	for range l.MaxSessions {
		ids = append(ids, r.openSession())
	}
	r.do(put(0, 0, "big", strings.Repeat("x", 2000)))
	for _, id := range ids[:2] {
		r.do(apply(id, 1, machine.Op{Kind: machine.OpGet, Key: []byte("big")}))
	}
	r.reopen(l)
	for _, want := range []uint64{ids[2], ids[3], ids[0], ids[1]} {
		require.Equal(t, l.MaxSessions, r.m.Sessions())
		r.openSession()
		require.Equal(t, machine.StatusSessionUnknown, r.do(put(want, 9, "a", "1")).Status)
	}
	// Format, meta, owner, the one data key, and the sessions that are left.
	require.Len(t, contents(t, r.engine), 4+l.MaxSessions)
}

// Goal: a closed session is unknown at once. Method: close, use, close again.
func TestAClosedSessionIsUnknown(t *testing.T) {
	r := newRig(t, tinyLimits())
	s := r.openSession()
	r.do(put(s, 1, "a", "1"))
	closing := machine.Command{Kind: machine.CmdCloseSession, Session: s}
	require.Equal(t, machine.StatusOK, r.do(closing).Status)
	require.Equal(t, machine.StatusSessionUnknown, r.do(put(s, 1, "a", "2")).Status)
	require.Equal(t, machine.StatusSessionUnknown, r.do(closing).Status)
	require.Equal(t, "1", string(r.get("a").Value))
}
