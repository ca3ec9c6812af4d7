package linear_test

import (
	"fmt"
	"testing"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// draw makes a linearizable history that ends at rest.
func draw(t *rapid.T, clients int, lossy float64) *history.History {
	seed := rapid.Uint64().Draw(t, "seed")
	n := rapid.IntRange(1, 80).Draw(t, "operations")
	hide := rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(t, "hidden versions")
	return simulate(seed, n, clients, hide, lossy)
}

// Goal: LIN-1, no false alarm. Method: histories of a correct register with random points of effect, versions
// left out and outcomes lost.
func TestHistoriesOfACorrectRegisterPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := draw(t, rapid.IntRange(1, 5).Draw(t, "clients"), rapid.SampledFrom([]float64{0, 0.1, 0.4}).Draw(t, "lossy"))
		res := linear.Check(h, linear.Options{})
		require.Empty(t, res.Findings, show(h))
		require.Empty(t, res.Undecided)
	})
}

// next is an event number after all others.
func next(h *history.History) int64 {
	var last int64
	for _, op := range h.Operations {
		last = max(last, op.Call)
		if op.Return != history.Never {
			last = max(last, op.Return)
		}
	}
	return last + 1
}

// Goal: a value cannot come back. Method: after any concurrent history, two writes and a read of the first.
func TestOverwrittenValueReadLaterIsRejected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := draw(t, 4, 0.1)
		at := next(h)
		h.Operations = append(h.Operations, put(at, at+2, "first", 0), put(at+3, at+4, "second", 0))
		ok := append(h.Operations, get(at+5, at+6, "second", 0))
		require.Empty(t, linear.Check(&history.History{Operations: ok}, linear.Options{}).Findings)
		h.Operations = append(h.Operations, get(at+5, at+6, "first", 0))
		require.Len(t, linear.Check(h, linear.Options{}).Findings, 1)
	})
}

// Goal: every answer of a sequential history matters. Method: one client, nothing lost; change one answer or
// drop one write whose value was read: always illegal.
func TestChangedAnswersOfASequentialHistoryAreRejected(t *testing.T) {
	var changed int
	rapid.Check(t, func(t *rapid.T) {
		h := simulate(rapid.Uint64().Draw(t, "seed"), 40, 1, 0, 0)
		var seen []int
		for i := range h.Operations {
			if _, observed := h.Operations[i].Observed(); observed {
				seen = append(seen, i)
			}
		}
		if len(seen) == 0 {
			return
		}
		changed++
		at := rapid.SampledFrom(seen).Draw(t, "operation")
		op := &h.Operations[at]
		switch rapid.IntRange(0, 3).Draw(t, "change") {
		case 0:
			op.Result.Value = "v0000"
		case 1:
			op.Result.Version++
		case 2:
			op.Result.Found, op.Result.Value, op.Result.Version = false, "", 0
			if op.Kind == history.PutIfAbsent {
				op.Result.Swapped = true // a lie: it was refused
			}
		case 3:
			for i := range h.Operations {
				if h.Operations[i].Wrote() && h.Operations[i].Value == op.Result.Value {
					h.Operations = append(h.Operations[:i], h.Operations[i+1:]...)
					break
				}
			}
		}
		require.Len(t, linear.Check(h, linear.Options{}).Findings, 1, show(h))
	})
	require.Positive(t, changed)
}

// Goal: many unknown outcomes on one key do not make the search exponential. Method: 300 unknown writes, a third
// of them seen, in a history that is legal, and illegal by its last read.
func TestManyUnknownOutcomesAreDecided(t *testing.T) {
	h := &history.History{}
	at := int64(1)
	for i := range 300 {
		h.Operations = append(h.Operations, put(at, 0, fmt.Sprintf("lost%d", i), 0), put(at+1, at+2, fmt.Sprintf("v%d", i), 0))
		read := get(at+3, at+4, fmt.Sprintf("v%d", i), 0)
		if i%3 == 0 {
			read.Result.Value = fmt.Sprintf("lost%d", i)
		}
		h.Operations = append(h.Operations, read)
		at += 5
	}
	require.NoError(t, h.Validate())
	res := linear.Check(h, linear.Options{})
	require.Empty(t, res.Findings)
	require.Empty(t, res.Undecided)
	bad := get(at, at+1, "lost3", 0)
	h.Operations = append(h.Operations, bad)
	res = linear.Check(h, linear.Options{})
	require.Len(t, res.Findings, 1)
	require.Equal(t, bad.ID, res.Findings[0].Operation)
}
