package zone_test

import (
	"math/rand/v2"
	"testing"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/zone"
	"github.com/stretchr/testify/require"
)

// The operations below are written as call, return, and what matters. A return of 0 is
// an unknown outcome.

func op(kind history.Kind, call, ret int64, value string, res history.Result) history.Operation {
	o := history.Operation{
		ID: history.OpID(call), Call: call, Return: ret, Outcome: history.OK,
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

func erase(call, ret int64, version uint64) history.Operation {
	return op(history.Erase, call, ret, "", history.Result{Found: true, Version: version})
}

func casValue(call, ret int64, expect, value string, version uint64) history.Operation {
	o := op(history.CASValue, call, ret, value, history.Result{Swapped: true, Version: version})
	o.ExpectValue = expect
	return o
}

func casVersion(call, ret int64, expect uint64, value string, version uint64) history.Operation {
	o := op(history.CASVersion, call, ret, value, history.Result{Swapped: true, Version: version})
	o.ExpectVersion = expect
	return o
}

func refusedVersion(call, ret int64, expect uint64, actual string, version uint64) history.Operation {
	o := op(history.CASVersion, call, ret, "never", history.Result{Found: true, Value: actual, Version: version})
	o.ExpectVersion = expect
	return o
}

func judge(ops ...history.Operation) zone.Judgement {
	return zone.Check(pointers(&history.History{Operations: ops}), history.Never)
}

type ops = []history.Operation

// Goal: ZONE-2, CHK-2, each rule fires where it should and is silent where it should not. Method: a history that
// it rejects, with the operations that it names, next to one that differs in a single point.
func TestEachRuleRejectsWhatItIsFor(t *testing.T) {
	for _, c := range []struct {
		rule      string
		bad, good ops
		set       []int
	}{
		{zone.RuleOrigin, ops{put(1, 2, "a", 1), get(3, 4, "z", 1)}, ops{put(1, 2, "a", 1), get(3, 4, "a", 1)}, []int{1}},
		{zone.RuleOrigin, ops{put(1, 3, "a", 1), put(2, 4, "a", 2), get(5, 6, "a", 3)}, ops{put(1, 3, "a", 1), put(2, 4, "a", 2), get(5, 6, "a", 2)}, []int{2}},
		{zone.RuleOrigin, ops{put(1, 2, "a", 1), erase(3, 4, 2), casVersion(5, 6, 2, "b", 3)}, ops{put(1, 2, "a", 1), casVersion(5, 6, 1, "b", 3), erase(7, 8, 4)}, []int{1, 2}},
		{zone.RuleFuture, ops{get(1, 2, "a", 1), put(3, 4, "a", 1)}, ops{get(1, 4, "a", 1), put(2, 3, "a", 1)}, []int{0, 1}},
		{zone.RuleVersions, ops{put(1, 2, "a", 1), get(3, 4, "a", 2)}, ops{put(1, 2, "a", 0), get(3, 4, "a", 2)}, []int{0, 1}},
		{zone.RuleSameVersion, ops{put(1, 3, "a", 1), put(2, 4, "b", 1)}, ops{put(1, 3, "a", 1), put(2, 4, "b", 2)}, []int{0, 1}},
		{zone.RuleRefusal, ops{put(1, 2, "a", 3), refusedVersion(3, 4, 3, "a", 3)}, ops{put(1, 2, "a", 3), refusedVersion(3, 4, 2, "a", 3)}, []int{1}},
		{
			zone.RuleSuccessors,
			ops{put(1, 2, "a", 0), casValue(3, 5, "a", "b", 0), casValue(4, 6, "a", "c", 0)},
			ops{put(1, 2, "a", 0), casValue(3, 5, "a", "b", 0), casValue(4, 6, "b", "c", 0)},
			[]int{1, 2},
		},
		{
			zone.RuleCycle,
			ops{casValue(1, 3, "b", "a", 0), casValue(2, 4, "a", "b", 0)},
			ops{casValue(1, 4, "b", "a", 0), casValue(2, 5, "c", "b", 0), put(3, 6, "c", 0)},
			[]int{0, 1},
		},
		{
			zone.RuleBlock,
			ops{put(1, 2, "a", 0), casValue(3, 4, "a", "b", 0), get(5, 6, "a", 0)},
			ops{put(1, 2, "a", 0), casValue(3, 6, "a", "b", 0), get(4, 5, "a", 0)},
			[]int{0, 1, 2},
		},
		{
			zone.RuleVersionGap,
			ops{put(1, 2, "a", 1), casValue(3, 6, "a", "b", 3), put(4, 5, "c", 2)},
			ops{put(1, 2, "a", 1), casValue(3, 6, "a", "b", 2), put(4, 5, "c", 3)},
			[]int{1, 2},
		},
		{zone.RuleZones, ops{put(1, 2, "a", 0), put(3, 4, "b", 0), get(5, 6, "a", 0)}, ops{put(1, 2, "a", 0), put(3, 6, "b", 0), get(4, 5, "a", 0)}, []int{0, 1, 2}},
		{zone.RuleZones, ops{put(1, 2, "a", 2), put(3, 4, "b", 1)}, ops{put(1, 3, "a", 2), put(2, 4, "b", 1)}, []int{0, 1}},
		{
			zone.RuleAbsence,
			ops{put(1, 2, "a", 0), op(history.Erase, 3, 0, "", history.Result{}), absent(4, 5), get(6, 7, "a", 0)},
			ops{put(1, 2, "a", 0), op(history.Erase, 3, 0, "", history.Result{}), get(4, 5, "a", 0), absent(6, 7)},
			[]int{0, 2, 3},
		},
		{zone.RuleEmpty, ops{erase(1, 2, 0), put(3, 4, "a", 0)}, ops{erase(1, 4, 0), put(2, 3, "a", 0)}, []int{0}},
		{zone.RuleNoErasure, ops{put(1, 2, "a", 0), absent(3, 4), erase(5, 6, 0)}, ops{put(1, 2, "a", 0), absent(3, 5), erase(4, 6, 0)}, []int{0, 1}},
		{
			zone.RuleSearch,
			ops{put(1, 2, "a", 0), erase(3, 4, 0), erase(5, 6, 0)},
			ops{put(1, 2, "a", 0), put(3, 0, "b", 0), erase(4, 5, 0), erase(6, 7, 0)},
			[]int{0, 1, 2},
		},
	} {
		for _, o := range []ops{c.bad, c.good} {
			h := &history.History{Operations: o}
			require.NoError(t, h.Validate(), c.rule)
			legal := len(linear.Check(h, linear.Options{PorcupineOnly: true}).Findings) == 0
			require.Equal(t, !legal, &o[0] == &c.bad[0], "the example of %s is wrong", c.rule)
		}
		bad := judge(c.bad...)
		require.Equal(t, zone.Reject, bad.Answer, c.rule)
		require.Equal(t, c.rule, bad.Rule)
		require.Equal(t, c.set, bad.Set, c.rule)
		require.NotEmpty(t, bad.Reason)
		require.Equal(t, zone.Accept, judge(c.good...).Answer, c.rule)
	}
}

// Goal: ZONE-1, the verifier confirms an order only if it is one. Method: orders of one history, each wrong in one point; and
// answers that the register would not have given.
func TestVerifyRefusesWrongOrders(t *testing.T) {
	h := ops{put(1, 2, "a", 1), put(3, 7, "b", 2), get(4, 5, "a", 1), get(6, 8, "b", 2), put(9, 0, "c", 0)}
	verify := func(h ops, order ...int) error {
		return zone.Verify(pointers(&history.History{Operations: h}), order, history.Never)
	}
	require.NoError(t, verify(h, 0, 2, 1, 3))
	require.NoError(t, verify(h, 0, 2, 1, 3, 4))
	for name, order := range map[string][]int{
		"an operation is left out": {0, 2, 1}, "one is there twice": {0, 2, 1, 3, 3}, "there is no such operation": {0, 2, 1, 3, 5},
		"a stale read": {0, 1, 2, 3}, "real time": {0, 2, 1, 4, 3}, "negative": {-1},
	} {
		require.Error(t, verify(h, order...), name)
	}
	for name, c := range map[string]struct{ good, bad ops }{
		"version of a write":       {ops{put(1, 2, "a", 1), put(3, 4, "b", 2)}, ops{put(1, 2, "a", 2), put(3, 4, "b", 2)}},
		"room for a version":       {ops{put(1, 2, "a", 1), put(3, 4, "b", 0), put(5, 6, "c", 3)}, ops{put(1, 2, "a", 1), put(3, 4, "b", 0), put(5, 6, "c", 2)}},
		"version of a read":        {ops{put(1, 2, "a", 1), get(3, 4, "a", 1)}, ops{put(1, 2, "a", 1), get(3, 4, "a", 2)}},
		"value of a read":          {ops{put(1, 2, "a", 1), get(3, 4, "a", 1)}, ops{put(1, 2, "a", 1), get(3, 4, "b", 1)}},
		"nothing to erase":         {ops{put(1, 2, "a", 1), erase(3, 4, 0)}, ops{absent(1, 2), erase(3, 4, 0)}},
		"absence":                  {ops{put(1, 2, "a", 1), erase(3, 4, 0), absent(5, 6)}, ops{put(1, 2, "a", 1), get(3, 4, "a", 1), absent(5, 6)}},
		"value of a condition":     {ops{put(1, 2, "a", 1), casValue(3, 4, "a", "b", 2)}, ops{put(1, 2, "a", 1), casValue(3, 4, "c", "b", 2)}},
		"version of a condition":   {ops{put(1, 2, "a", 1), casVersion(3, 4, 1, "b", 3)}, ops{put(1, 2, "a", 1), casVersion(3, 4, 2, "b", 3)}},
		"refused though it held":   {ops{put(1, 2, "a", 1), refusedVersion(3, 4, 2, "a", 1)}, ops{put(1, 2, "a", 1), refusedVersion(3, 4, 1, "a", 1)}},
		"an outcome that is known": {ops{put(1, 2, "a", 1)}, ops{{ID: 1, Call: 1, Return: 2, Outcome: history.Failed, Input: history.Input{Kind: history.Put, Key: "k"}}}},
	} {
		order := []int{0, 1, 2}[:len(c.good)]
		require.NoError(t, verify(c.good, order...), name)
		require.Error(t, verify(c.bad, order...), name)
	}
}

// Goal: a horizon cuts off the future. Method: a history that is rejected by its last answer.
func TestHorizonHidesWhatComesLater(t *testing.T) {
	h := pointers(&history.History{Operations: ops{put(1, 2, "a", 1), put(3, 4, "b", 2), get(5, 6, "a", 1)}})
	require.Equal(t, zone.Accept, zone.Check(h, 5).Answer)
	require.Equal(t, zone.Reject, zone.Check(h, 6).Answer)
}

// Goal: ZONE-4. Method: histories that are not valid, by hand and at random.
func TestBadInputDoesNotPanic(t *testing.T) {
	require.Equal(t, zone.Undecided, zone.Check([]*history.Operation{nil}, history.Never).Answer)
	require.Equal(t, zone.Undecided, judge(put(3, 4, "b", 1), put(1, 2, "a", 1)).Answer)
	require.Equal(t, zone.Accept, judge().Answer)
	for seed := range uint64(20_000) {
		rng := rand.New(rand.NewPCG(seed, 6))
		var h history.History
		for i := range rng.IntN(8) {
			h.Operations = append(h.Operations, history.Operation{
				ID: 1, Call: int64(2*i + rng.IntN(3)), Return: int64(2*i + rng.IntN(9)), Outcome: history.Outcome(rng.IntN(5)),
				Input: history.Input{
					Kind: history.Kind(rng.IntN(9)), Value: string(rune('a' + rng.IntN(3))),
					ExpectValue: string(rune('a' + rng.IntN(3))), ExpectVersion: uint64(rng.IntN(4)), Stale: rng.IntN(9) == 0,
				},
				Result: history.Result{
					Found: rng.IntN(2) == 0, Swapped: rng.IntN(2) == 0, Value: string(rune('a' + rng.IntN(3))),
					Version: uint64(rng.IntN(4)), Index: uint64(rng.IntN(4)),
				},
			})
		}
		zone.Check(pointers(&h), int64(rng.IntN(20)))
		zone.CheckAll(&h)
	}
}

// Goal: a whole history is judged key by key, ZONE-3 however many processors there are. Method: good and bad keys mixed; the
// sets must name operations of the history.
func TestKeysAreJudgedByThemselves(t *testing.T) {
	h := &history.History{}
	for i, key := range []string{"c", "a", "b"} {
		at := int64(10 * i)
		for _, o := range (ops{put(at+1, at+2, "x", 1), put(at+3, at+4, "y", 2), get(at+5, at+6, []string{"x", "y", "x"}[i], uint64(1+i%2))}) {
			o.Key = key
			h.Operations = append(h.Operations, o)
		}
	}
	s := zone.CheckAll(h)
	require.Equal(t, []int{3, 9, 1}, []int{s.Keys, s.Operations, s.Accepted})
	require.Empty(t, s.Undecided)
	require.Len(t, s.Rejected, 2)
	require.Equal(t, "b", s.Rejected[0].Key)
	require.Equal(t, []int{6, 7, 8}, s.Rejected[0].Set)
	require.Equal(t, []int{0, 1, 2}, s.Rejected[1].Set)
}
