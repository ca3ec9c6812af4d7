package progress

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var limits = Limits{MaxAppends: 3, MaxBytes: 100}

// machine is a Progress beside a plain list of the appends in flight.
type machine struct {
	p       Progress
	last    uint64
	acked   uint64
	flights []flight
}

func (m *machine) Append(t *rapid.T) { m.last += rapid.Uint64Range(1, 5).Draw(t, "n") }

func (m *machine) Send(t *rapid.T) {
	p := &m.p
	n := min(rapid.Uint64Range(0, 4).Draw(t, "n"), m.last+1-p.Next())
	bytes := rapid.IntRange(1, 60).Draw(t, "bytes")
	if !p.Ready(m.last) || !p.Fits(bytes) || (n == 0 && p.State() == Replicate) {
		return
	}
	to := p.Next() + n - 1
	p.Sent(to, bytes)
	if p.State() == Probe {
		require.True(t, p.Paused(), "one probe at a time")
		require.False(t, p.Ready(m.last))
		return
	}
	m.flights = append(m.flights, flight{to, bytes})
	require.Equal(t, to+1, p.Next())
}

func (m *machine) Ack(t *rapid.T) {
	index := rapid.Uint64Range(0, m.last).Draw(t, "index")
	was, match := m.p.State(), m.p.Match()
	news := m.p.Ack(index)
	require.Equal(t, index > match || (index == match && was == Probe), news)
	if was == Snapshot {
		require.Equal(t, Snapshot, m.p.State(), "only the leader knows whether the log goes on from there")
	}
	m.acked = max(m.acked, index)
	for was == Replicate && len(m.flights) > 0 && m.flights[0].last <= m.acked {
		m.flights = m.flights[1:]
	}
}

func (m *machine) Refuse(t *rapid.T) {
	prev, hint := rapid.Uint64Range(0, m.last).Draw(t, "prev"), rapid.Uint64Range(0, m.last).Draw(t, "hint")
	before := m.p
	if !m.p.Refuse(prev, hint) {
		require.Equal(t, before, m.p, "a stale refusal changes nothing")
		return
	}
	require.NotEqual(t, Snapshot, before.State(), "refusals are answers to older appends")
	m.flights = nil
	require.Equal(t, Probe, m.p.State())
	require.False(t, m.p.Paused())
	require.Greater(t, prev, m.p.Match())
	require.LessOrEqual(t, m.p.Next(), prev)
}

func (m *machine) Fetch(t *rapid.T) {
	if !m.p.Ready(m.last) {
		return
	}
	m.p.FetchStarted()
	require.False(t, m.p.Ready(m.last))
}

func (m *machine) Fetched(t *rapid.T) {
	lo, failed := m.p.Fetching(), rapid.Bool().Draw(t, "failed")
	require.False(t, m.p.FetchEnded(lo+1, failed), "an answer to another fetch")
	wanted := m.p.FetchEnded(lo, failed)
	require.False(t, wanted && (failed || lo == 0 || lo != m.p.Next()))
	if lo != 0 && failed {
		require.False(t, m.p.Ready(m.last))
	}
}

func (m *machine) NeedSnapshot(*rapid.T) {
	if m.p.Ready(m.last) {
		m.p.NeedSnapshot()
		m.flights = nil
	}
}

func (m *machine) SnapshotEnded(t *rapid.T) {
	ok, first := rapid.Bool().Draw(t, "ok"), rapid.Uint64Range(1, m.last+1).Draw(t, "first")
	before := m.p
	m.p.SnapshotEnded(first, ok)
	if before.State() != Snapshot {
		require.Equal(t, before, m.p)
		return
	}
	require.Equal(t, Probe, m.p.State())
	require.Equal(t, max(before.Next(), first), m.p.Next())
	require.Equal(t, !ok, m.p.Paused())
}

func (m *machine) CaughtUp(*rapid.T) {
	if m.p.State() == Snapshot {
		m.p.CaughtUp()
	}
}

func (m *machine) Resume(t *rapid.T) {
	m.p.Resume()
	require.False(t, m.p.Paused())
}

func (m *machine) Check(t *rapid.T) {
	require.NoError(t, m.p.Check())
	require.Equal(t, m.acked, m.p.Match())
	n, bytes := m.p.Inflight()
	require.Len(t, m.flights, n)
	for i, f := range m.flights {
		require.Equal(t, f, m.p.flight.at(i))
		bytes -= f.bytes
	}
	require.Zero(t, bytes)
	require.LessOrEqual(t, m.p.Next(), m.last+1)
	if m.p.State() == Snapshot {
		require.False(t, m.p.Ready(m.last))
	}
}

// Claim PROG-1..5: whatever answers come, in whatever order, the invariants hold, match is the
// highest acknowledged index and next never passes what was sent. Method: a rapid state machine
// with a list of appends as its model.
func TestProgressStateMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		next := rapid.Uint64Range(1, 20).Draw(t, "next")
		m := &machine{p: New(next, limits), last: next + 5}
		t.Repeat(rapid.StateMachineActions(m))
	})
}

// Claim: illegal changes and sends panic. Method: each illegal one.
func TestIllegalUsePanics(t *testing.T) {
	probe := New(5, limits)
	require.Panics(t, func() { probe.transition(Probe) })
	require.Panics(t, func() { p := probe; p.Sent(3, 0) }, "before next")
	require.Panics(t, func() { p := probe; p.Sent(5, 1); p.Sent(6, 1) }, "second probe")
	require.Panics(t, func() { p := probe; p.FetchStarted(); p.FetchStarted() })
	replicate := New(5, limits)
	replicate.Ack(4)
	require.Equal(t, Replicate, replicate.State())
	require.Panics(t, func() { replicate.transition(Replicate) })
	require.Panics(t, func() { p := replicate; p.Sent(4, 0) }, "nothing to send")
	require.Panics(t, func() { p := replicate; p.Sent(5, 60); p.Sent(6, 60) }, "too many bytes")
	require.Panics(t, func() { p := replicate; p.Sent(5, 1); p.Sent(6, 1); p.Sent(7, 1); p.Sent(8, 1) }, "too many appends")
	snapshot := New(5, limits)
	snapshot.NeedSnapshot()
	require.Equal(t, "snapshot", snapshot.State().String())
	require.Panics(t, func() { p := snapshot; p.NeedSnapshot() })
	require.Panics(t, func() { p := snapshot; p.Sent(5, 1) })
	require.Panics(t, func() { p := probe; p.CaughtUp() })
	require.Panics(t, func() { New(0, limits) })
	require.Panics(t, func() { New(1, Limits{}) })
}

// Claim (REPL-21): a refusal of what was acknowledged since does not rewind. Method: refusals around match.
func TestStaleRefusalIsIgnored(t *testing.T) {
	p := New(10, limits)
	require.True(t, p.Ack(9))
	p.Sent(12, 10)
	require.True(t, p.Ack(12))
	require.False(t, p.Refuse(12, 3))
	require.False(t, p.Refuse(7, 3))
	require.False(t, p.Refuse(13, 3), "never sent")
	require.Equal(t, uint64(13), p.Next())
	p.Sent(15, 10)
	require.True(t, p.Refuse(14, 3))
	require.Equal(t, uint64(13), p.Next(), "never at or below match")
	require.False(t, p.Refuse(14, 3), "superseded by the first refusal")
}

// Claim (LIVE-03): a refusal empties the window. Method: fill it, refuse, acknowledge, fill again.
func TestRefusalResetsWindow(t *testing.T) {
	p := New(1, limits)
	p.Ack(0)
	for i := uint64(1); p.Ready(100); i++ {
		p.Sent(i, 10)
	}
	n, _ := p.Inflight()
	require.Equal(t, limits.MaxAppends, n)
	require.True(t, p.Refuse(2, 0))
	n, bytes := p.Inflight()
	require.Zero(t, n+bytes)
	require.True(t, p.Ready(100))
}

// Claim PROG-4: an entry larger than the window passes alone. Method: send it first and second.
func TestOversizedAppendPassesAlone(t *testing.T) {
	p := New(1, limits)
	p.Ack(0)
	require.True(t, p.Fits(1000))
	p.Sent(1, 1000)
	require.False(t, p.Fits(1))
	require.Zero(t, p.Room())
	require.NoError(t, p.Check())
	p.Ack(1)
	require.True(t, p.Fits(1000))
	require.Contains(t, p.String(), "replicate match=1 next=2")
}

// Claim: Check is able to fail. Method: break each invariant by hand.
func TestCheckFindsEachViolation(t *testing.T) {
	for name, broken := range map[string]Progress{
		"PROG-1":         {limits: limits, match: 5, next: 5},
		"PROG-3: append": {limits: limits, next: 5, flight: inflights{ring: make([]flight, 1), count: 1}},
		"PROG-3: append in flight outside": {
			limits: limits, state: Replicate, match: 4, next: 5, flight: inflights{ring: []flight{{last: 9}}, count: 1},
		},
		"PROG-4: more than 3": {
			limits: limits, state: Replicate, next: 5,
			flight: inflights{ring: []flight{{1, 1}, {2, 1}, {3, 1}, {4, 1}}, count: 4},
		},
		"PROG-4: more than 100": {
			limits: limits, state: Replicate, next: 5, flight: inflights{ring: []flight{{1, 99}, {2, 99}}, count: 2, bytes: 198},
		},
	} {
		require.ErrorContains(t, broken.Check(), name)
	}
}
