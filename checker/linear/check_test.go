package linear_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/stretchr/testify/require"
)

// The operations below are written as call, return, and what matters. A return
// of 0 is an unknown outcome.

func op(kind history.Kind, call, ret int64, value string, res history.Result) history.Operation {
	o := history.Operation{
		ID: history.OpID(call), Client: uint64(call), Call: call, Return: ret, Outcome: history.OK,
		Input: history.Input{Kind: kind, Key: "k", Value: value}, Result: res,
	}
	if ret == 0 {
		o.Return, o.Outcome, o.Result = history.Never, history.Unknown, history.Result{}
	}
	return o
}

func put(call, ret int64, value string, version uint64) history.Operation {
	return op(history.Put, call, ret, value, history.Result{Version: version})
}

func get(call, ret int64, value string, version uint64) history.Operation {
	return op(history.Get, call, ret, "", history.Result{Found: true, Value: value, Version: version})
}

func absent(call, ret int64) history.Operation {
	return op(history.Get, call, ret, "", history.Result{})
}

func erase(call, ret int64, found bool, version uint64) history.Operation {
	return op(history.Erase, call, ret, "", history.Result{Found: found, Version: version})
}

func swap(call, ret int64, expect uint64, value string, version uint64) history.Operation {
	o := op(history.CASVersion, call, ret, value, history.Result{Swapped: true, Version: version})
	o.ExpectVersion = expect
	return o
}

func refused(call, ret int64, expect uint64, actual string, version uint64) history.Operation {
	o := op(history.CASVersion, call, ret, "never", history.Result{Found: actual != "", Value: actual, Version: version})
	o.ExpectVersion = expect
	return o
}

func check(t *testing.T, ops ...history.Operation) *linear.Result {
	t.Helper()
	h := &history.History{Operations: ops}
	require.NoError(t, h.Validate())
	return linear.Check(h, linear.Options{})
}

func legal(t *testing.T, ops ...history.Operation) {
	t.Helper()
	res := check(t, ops...)
	require.Empty(t, res.Findings)
	require.Empty(t, res.Undecided)
	require.Equal(t, verdict.Pass, verdict.Judge(res.Case()).Outcome)
}

func violates(t *testing.T, aspect string, operation history.OpID, ops ...history.Operation) linear.Finding {
	t.Helper()
	res := check(t, ops...)
	require.Len(t, res.Findings, 1)
	require.Equal(t, aspect, res.Findings[0].Aspect)
	require.Equal(t, operation, res.Findings[0].Operation)
	require.Equal(t, verdict.Violated, verdict.Judge(res.Case()).Outcome)
	return res.Findings[0]
}

// Goal: a read of an overwritten value is found, and explained. Method: a stale read, and the same one early enough.
func TestStaleReadIsAViolation(t *testing.T) {
	f := violates(t, "no-order-for-get", 5, put(1, 2, "a", 1), put(3, 4, "b", 2), get(5, 6, "a", 1))
	require.Equal(t, []history.OpID{1, 3}, f.Related)
	require.Contains(t, f.Message, `key "k": operation 5, events 5 to 6, client 5: get -> "a" version 1`)
	require.Equal(t, "linearizability/no-order-for-get", f.Violation().Fingerprint)
	legal(t, put(1, 2, "a", 1), put(3, 6, "b", 2), get(4, 5, "a", 1))
}

// Goal: exactly-once, a write that took effect twice is found whatever its outcome was. Method: a value
// comes back after a later write was seen.
func TestWriteThatTakesEffectTwiceIsAViolation(t *testing.T) {
	violates(t, "no-order-for-get", 7, put(1, 2, "a", 1), put(3, 4, "b", 2), get(5, 6, "b", 2), get(7, 8, "a", 3))
	violates(t, "no-order-for-get", 8, put(1, 0, "a", 0), get(2, 3, "a", 1), put(4, 5, "b", 2), get(6, 7, "b", 2), get(8, 9, "a", 3))
	// The same for a write that an erasure had undone.
	violates(t, "no-order-for-get", 5, put(1, 2, "a", 1), erase(3, 4, true, 2), get(5, 6, "a", 3))
	// And for one that is seen again by its version only.
	violates(t, "no-order-for-get", 4, put(1, 0, "a", 0), get(2, 3, "a", 1), get(4, 5, "a", 2))
}

// Goal: LIN-1, an unknown write may take effect late, or never. Method: all ways in which it can show.
func TestUnknownWriteMayTakeEffectLateOrNever(t *testing.T) {
	late := put(1, 0, "a", 0)
	legal(t, late, absent(2, 3))
	legal(t, late, put(2, 3, "b", 1), get(4, 5, "b", 1), get(6, 7, "a", 2))
	legal(t, late, put(2, 3, "b", 2), get(4, 5, "b", 2), erase(6, 7, true, 5))
	legal(t, late, absent(2, 3), erase(4, 5, true, 0), absent(6, 7))
	violates(t, "no-order-for-get", 4, late, get(2, 3, "a", 1), absent(4, 5))
	violates(t, "no-order-for-erase", 4, late, erase(2, 3, true, 0), erase(4, 5, true, 0))
}

// Goal: LIN-1 for unknown conditional writes. Method: the condition never, once and later holds.
func TestUnknownCompareAndSetNeedsItsCondition(t *testing.T) {
	lost := swap(3, 0, 1, "b", 0)
	legal(t, put(1, 2, "a", 1), lost, get(4, 5, "a", 1))
	legal(t, put(1, 2, "a", 1), lost, get(4, 5, "b", 2))
	legal(t, put(1, 2, "a", 1), lost, put(4, 5, "c", 2), get(6, 7, "c", 2))
	violates(t, "no-order-for-get", 4, put(1, 2, "a", 2), lost, get(4, 5, "b", 3))
	violates(t, "no-order-for-get", 6, put(1, 2, "a", 1), lost, put(4, 5, "c", 9), get(6, 7, "b", 10), get(8, 9, "b", 10))
	// Its version can only be the unseen unknown write's.
	legal(t, put(1, 0, "x", 0), swap(2, 3, 4, "y", 5))
	legal(t, put(1, 0, "x", 0), swap(2, 0, 4, "y", 0), get(3, 4, "y", 5))
	violates(t, "no-order-for-cas_version", 2, swap(2, 3, 4, "y", 5))
}

// Goal: LIN-1 where values are not unique: what an open compare-and-set may have depended on is kept. Method: two
// of them write the same value, only one could have; a chain of two unseen writes explains the read.
func TestUnknownChainWithRepeatedValuesIsKept(t *testing.T) {
	from := func(call int64, expect, value string) history.Operation {
		o := op(history.CASValue, call, 0, value, history.Result{})
		o.ExpectValue = expect
		return o
	}
	legal(t, put(1, 0, "x", 0), from(2, "x", "y"), from(3, "q", "y"), get(4, 5, "y", 2))
	legal(t, put(1, 0, "x", 0), from(2, "x", "y"), from(3, "y", "z"), get(4, 5, "z", 3))
	violates(t, "no-order-for-get", 4, put(1, 0, "w", 0), from(2, "x", "y"), from(3, "q", "y"), get(4, 5, "y", 2))
}

// Goal: LIN-1, a chain of unknown writes ends by the answer that shows it, not earlier. Method: three of them, and a
// read that was called one event before that answer and comes before them all.
func TestUnknownChainMayTakeEffectAtTheLastMoment(t *testing.T) {
	from := func(call, ret int64, expect, value string) history.Operation {
		o := op(history.CASValue, call, ret, value, history.Result{Swapped: true})
		if ret == 0 {
			o.Result = history.Result{}
		}
		o.ExpectValue = expect
		return o
	}
	h := &history.History{Operations: []history.Operation{
		put(1, 0, "a", 0), from(2, 0, "a", "b"), from(3, 0, "b", "c"), from(4, 6, "c", "d"), absent(5, 7),
	}}
	require.NoError(t, h.Validate())
	require.Empty(t, linear.Check(h, linear.Options{PorcupineOnly: true}).Findings)
}

// Goal: versions follow the order of writes. Method: a decreasing, a repeated and a changing version.
func TestVersionsStrictlyIncrease(t *testing.T) {
	violates(t, "no-order-for-put", 3, put(1, 2, "a", 5), put(3, 4, "b", 4))
	violates(t, "no-order-for-put", 3, put(1, 2, "a", 5), put(3, 4, "b", 5))
	violates(t, "no-order-for-put", 5, put(1, 2, "a", 5), erase(3, 4, true, 9), put(5, 6, "b", 7))
	violates(t, "no-order-for-get", 3, put(1, 2, "a", 5), get(3, 4, "a", 6))
	violates(t, "no-order-for-get", 5, put(1, 2, "a", 0), get(3, 4, "a", 6), get(5, 6, "a", 7))
	legal(t, put(1, 4, "b", 4), put(2, 3, "a", 5), get(5, 6, "a", 5))
	legal(t, put(1, 2, "a", 0), get(3, 4, "a", 6), put(5, 6, "b", 7))
}

// Goal: HIS-3, a refused compare-and-set must show the actual state. Method: right, wrong and contradictory answers.
func TestRefusedCompareAndSetShowsTheActualState(t *testing.T) {
	legal(t, put(1, 2, "a", 3), refused(3, 4, 7, "a", 3))
	legal(t, refused(1, 2, 7, "", 0))
	violates(t, "no-order-for-cas_version", 3, put(1, 2, "a", 3), refused(3, 4, 3, "a", 3))
	violates(t, "no-order-for-cas_version", 3, put(1, 2, "a", 3), refused(3, 4, 7, "", 0))
	violates(t, "no-order-for-cas_version", 5, put(1, 2, "a", 3), put(3, 4, "b", 4), refused(5, 6, 7, "a", 3))
	violates(t, "value-never-written", 3, put(1, 2, "a", 3), refused(3, 4, 7, "z", 3))
}

// Goal: LIN-2 and the clear messages for values that cannot have been there. Method: one history for each.
func TestImpossibleValuesAreNamed(t *testing.T) {
	failed := put(1, 2, "a", 0)
	failed.Outcome = history.Failed
	violates(t, "failed-write-seen", 3, failed, get(3, 4, "a", 1))
	legal(t, failed, absent(3, 4))
	violates(t, "value-never-written", 3, put(1, 2, "a", 1), get(3, 4, "z", 1))
	violates(t, "value-from-the-future", 1, get(1, 2, "a", 1), put(3, 4, "a", 1))
	violates(t, "failed-write-seen", 3, refused(1, 2, 7, "", 0), get(3, 4, "never", 1))
}

// Goal: LIN-6. Method: a stale read of an old value, and of one never written.
func TestStaleReadsMayBeOldButNotInvented(t *testing.T) {
	stale := get(5, 6, "a", 1)
	stale.Stale = true
	legal(t, put(1, 2, "a", 1), put(3, 4, "b", 2), stale)
	stale.Result.Value = "z"
	violates(t, "value-never-written", 5, put(1, 2, "a", 1), put(3, 4, "b", 2), stale)
}

// Goal: keys are independent, and at most MaxFindings are reported, the rest not passed. Method: three bad keys.
func TestFindingsAreBounded(t *testing.T) {
	h := &history.History{}
	for i, key := range []string{"c", "a", "b"} {
		o := get(int64(2*i+1), int64(2*i+2), "z", 1)
		o.Key = key
		h.Operations = append(h.Operations, o)
	}
	res := linear.Check(h, linear.Options{MaxFindings: 2})
	require.Len(t, res.Findings, 2)
	require.Equal(t, "a", res.Findings[0].Key)
	require.Len(t, res.Undecided, 1)
	require.Len(t, linear.Check(h, linear.Options{}).Findings, 3)
}

// Goal: LIN-3, hitting a bound is neither pass nor violation. Method: a legal and an illegal history under
// each bound.
func TestBoundsGiveUnknown(t *testing.T) {
	good := simulate(1, 200, 4, 0, 0.1)
	bad := simulate(1, 200, 4, 0, 0.1)
	bad.Operations = append(bad.Operations, put(1000, 1001, "x", 0), put(1002, 1003, "y", 0), get(1004, 1005, "x", 0))
	require.Empty(t, linear.Check(good, linear.Options{}).Findings)
	require.NotEmpty(t, linear.Check(bad, linear.Options{}).Findings)
	for _, h := range []*history.History{good, bad} {
		for _, o := range []linear.Options{{MaxSteps: 50}, {MaxMemory: 4096}, {Timeout: 1}} {
			res := linear.Check(h, o)
			require.Empty(t, res.Findings)
			require.Len(t, res.Undecided, 1)
			require.Equal(t, verdict.Unknown, verdict.Judge(res.Case()).Outcome)
		}
	}
}

// Goal: LIN-5 and the picture. Method: bury a stale read among many operations; the finding must name it, and
// the page must show it but nothing later.
func TestFindingAndPictureEndAtTheViolation(t *testing.T) {
	h := simulate(3, 60, 3, 0, 0.05)
	at := 1 + h.Operations[len(h.Operations)-1].Call + 1000
	bad := get(at+4, at+5, "old", 1<<40)
	h.Operations = append(h.Operations, put(at, at+1, "old", 1<<40), put(at+2, at+3, "new", 1<<41), bad,
		put(at+6, at+7, "afterwards", 1<<42), get(at+8, at+9, "old", 1<<40))
	for i := range h.Operations {
		h.Operations[i].Key = "a/../\xff"
	}
	require.NoError(t, h.Validate())
	res := linear.Check(h, linear.Options{})
	require.Len(t, res.Findings, 1)
	require.Equal(t, bad.ID, res.Findings[0].Operation)
	dir := filepath.Join(t.TempDir(), "pictures")
	paths, err := res.WriteVisualization(dir)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "key-001-a_____.html")}, paths)
	page, err := os.ReadFile(paths[0])
	require.NoError(t, err)
	require.Contains(t, string(page), `get -\u003e \"old\" version`)
	require.NotContains(t, string(page), "afterwards")
}

// Goal: LIN-5 whichever way decides, and a picture of what contradicts itself only. Method: a stale read in a history of
// 60 operations that went before; with and without the zones.
func TestPictureShowsOnlyWhatContradictsItself(t *testing.T) {
	h := simulate(7, 60, 3, 0, 0.05)
	at := 1000 + h.Operations[len(h.Operations)-1].Call
	bad := get(at+4, at+5, "old", 1<<40)
	h.Operations = append(h.Operations, put(at, at+1, "old", 1<<40), put(at+2, at+3, "new", 1<<41), bad)
	require.NoError(t, h.Validate())
	for _, only := range []bool{false, true} {
		res := linear.Check(h, linear.Options{PorcupineOnly: only})
		require.Len(t, res.Findings, 1)
		require.Equal(t, bad.ID, res.Findings[0].Operation)
		require.Equal(t, "no-order-for-get", res.Findings[0].Aspect)
		require.Equal(t, !only, strings.Contains(res.Findings[0].Message, "must each come before the other one"), res.Findings[0].Message)
		paths, err := res.WriteVisualization(t.TempDir())
		require.NoError(t, err)
		page, err := os.ReadFile(paths[0])
		require.NoError(t, err)
		require.Equal(t, only, strings.Contains(string(page), "v1"), "operations of before")
		require.Contains(t, string(page), `\"new\"`)
	}
}

// Goal: an empty history is fine by itself, but vacuous. Method: judge it.
func TestEmptyHistoryIsVacuous(t *testing.T) {
	res := linear.Check(&history.History{}, linear.Options{})
	require.Equal(t, verdict.Vacuous, verdict.Judge(res.Case()).Outcome)
	paths, err := res.WriteVisualization("/nowhere")
	require.NoError(t, err)
	require.Empty(t, paths)
}

// Goal: what only a search rejects is told with a few operations too. Method: bury an erasure that found what another one had
// erased among many operations, one after the other, that are in order.
func TestContradictionIsSmall(t *testing.T) {
	h := &history.History{}
	add := func(o history.Operation) { h.Operations = append(h.Operations, o) }
	at := int64(1)
	for i := range 200 {
		value := strings.Repeat("x", i+1)
		add(put(at, at+1, value, 0))
		add(op(history.Get, at+2, at+3, "", history.Result{Found: true, Value: value}))
		at += 4
		if i%3 == 0 {
			add(op(history.Erase, at, at+1, "", history.Result{Found: true}))
			at += 2
		}
		if i == 99 {
			add(op(history.Erase, at, at+1, "", history.Result{Found: true}))
			at += 2
		}
	}
	require.NoError(t, h.Validate())
	res := linear.Check(h, linear.Options{})
	require.Len(t, res.Findings, 1)
	f := res.Findings[0]
	require.NotEmpty(t, f.Contradiction)
	require.LessOrEqual(t, len(f.Contradiction), 5)
	require.Contains(t, f.Contradiction, f.Operation)
	few := &history.History{}
	for _, id := range f.Contradiction {
		for i := range h.Operations {
			if h.Operations[i].ID == id {
				few.Operations = append(few.Operations, h.Operations[i])
			}
		}
	}
	require.Len(t, linear.Check(few, linear.Options{PorcupineOnly: true}).Findings, 1)
}
