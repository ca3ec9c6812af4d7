package jepsen

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
)

// simulate is the history of a correct register for each of a few keys: each operation takes effect at one moment between its
// call and its return. Some answers are lost.
func simulate(seed uint64, n int) *history.History {
	rng := rand.New(rand.NewPCG(seed, 1))
	h := &history.History{Header: history.Header{Source: "test", Clock: "virtual"}}
	type edge struct {
		at  float64
		set func(int64)
	}
	var edges []edge
	state := map[string]history.Result{}
	for i := range n {
		op := history.Operation{
			ID: history.OpID(i + 1), Client: uint64(rng.IntN(4)), Outcome: history.OK, Return: history.Never,
			Input: history.Input{Kind: history.Kind(1 + rng.IntN(6)), Key: fmt.Sprintf("k%d", rng.IntN(2))},
		}
		now := state[op.Key]
		if op.Kind.CarriesValue() {
			op.Value = fmt.Sprintf("v%d\xff", i)
		}
		holds := true
		switch op.Kind {
		case history.CASVersion:
			op.ExpectVersion = max(now.Version, 1)
			holds = now.Found
		case history.CASValue:
			op.ExpectValue = "never"
			if holds = now.Found && rng.IntN(2) == 0; holds {
				op.ExpectValue = now.Value
			}
		case history.PutIfAbsent:
			holds = !now.Found
		}
		switch {
		case op.Kind == history.Get || !holds:
			op.Result = now
			if !now.Found {
				op.Result = history.Result{}
			}
		case op.Kind == history.Erase:
			op.Result.Found = now.Found
			state[op.Key] = history.Result{}
		default:
			op.Result = history.Result{Swapped: op.Kind.Conditional(), Version: uint64(i + 1)}
			state[op.Key] = history.Result{Found: true, Value: op.Value, Version: uint64(i + 1)}
		}
		if rng.IntN(10) == 0 {
			op.Outcome, op.Result = history.Unknown, history.Result{}
		}
		h.Operations = append(h.Operations, op)
		at := float64(i)
		edges = append(edges, edge{at - 3*rng.Float64(), func(e int64) { h.Operations[i].Call = e }})
		if op.Outcome == history.OK {
			edges = append(edges, edge{at + 3*rng.Float64(), func(e int64) { h.Operations[i].Return = e }})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	for i, e := range edges {
		e.set(int64(i + 1))
	}
	slices.SortFunc(h.Operations, func(a, b history.Operation) int { return cmp.Compare(a.Call, b.Call) })
	return h
}

// Goal: EDN-1, EDN-2 and EDN-4: what was linearizable stays so on the way there and back, with bytes that are not text. Method: histories
// of a correct register; those with erasures are written only, since EDN cannot say whether there was something to erase.
func TestWhatIsLinearizableStaysSo(t *testing.T) {
	for seed := range uint64(200) {
		h := simulate(seed, 60)
		require.NoError(t, h.Validate())
		require.Empty(t, linear.Check(h, linear.Options{}).Findings)
		for _, form := range []Form{Knossos, Elle} {
			var out bytes.Buffer
			_, err := Write(&out, h, form)
			require.NoError(t, err)
			checkProcesses(t, out.String())
		}
	}
	for seed := range uint64(300) {
		h := simulate(seed, 12)
		if slices.ContainsFunc(h.Operations, func(op history.Operation) bool { return op.Kind == history.Erase }) {
			continue
		}
		var out bytes.Buffer
		_, err := Write(&out, h, Knossos)
		require.NoError(t, err)
		back, err := Read(&out)
		require.NoError(t, err)
		require.Len(t, back.Operations, len(h.Operations))
		require.Empty(t, linear.Check(back, linear.Options{}).Findings)
	}
}

// checkProcesses checks EDN-3.
func checkProcesses(t *testing.T, text string) {
	events, err := readEvents(strings.NewReader(text))
	require.NoError(t, err)
	busy := map[int64]bool{}
	for _, e := range events {
		require.Equal(t, e.kind != "invoke", busy[e.process], "process %d: %s", e.process, e.kind)
		busy[e.process] = e.kind != "ok" && e.kind != "fail" // after :info for ever
	}
}

// Goal: what a stale read shows is a violation also after the way. Method: one, read by hand.
func TestViolationInAJepsenHistoryIsFound(t *testing.T) {
	text := `
{:type :invoke, :process 0, :f :write, :value ["x" 1], :time 5}
{:type :ok, :process 0, :f :write, :value ["x" 1], :time 6}
{:type :info, :process :nemesis, :f :kill, :value nil}
#jepsen.history.Op{:index 2, :type :invoke, :process 1, :f :cas, :value ["x" [1 2]]}
{:type :ok, :process 1, :f :cas, :value ["x" [1 2]]}
{:type :invoke, :process 0, :f :read, :value ["x" nil]}
{:type :ok, :process 0, :f :read, :value ["x" 1]}
{:type :invoke, :process 3, :f :write, :value ["x" 9]}
{:type :info, :process 3, :f :write, :value ["x" 9], :error :timeout}`
	for _, whole := range []string{text, "[" + text + "]"} {
		h, err := Read(strings.NewReader(whole))
		require.NoError(t, err)
		require.Len(t, h.Operations, 4)
		require.Len(t, linear.Check(h, linear.Options{}).Findings, 1)
		legal, err := Read(strings.NewReader(strings.Replace(whole, `:ok, :process 0, :f :read, :value ["x" 1]`, `:ok, :process 0, :f :read, :value ["x" 2]`, 1)))
		require.NoError(t, err)
		require.Empty(t, linear.Check(legal, linear.Options{}).Findings)
	}
}

// Goal: the form for each judge. Method: one history with every kind, as text.
func TestFormsAreThoseOfKnossosAndElle(t *testing.T) {
	ok := func(id, call int64, in history.Input, r history.Result) history.Operation {
		return history.Operation{ID: history.OpID(id), Client: 1, Input: in, Call: call, Return: call + 1, Outcome: history.OK, Result: r}
	}
	h := &history.History{Operations: []history.Operation{
		ok(1, 1, history.Input{Kind: history.Put, Key: "a", Value: "1"}, history.Result{Version: 7}),
		ok(2, 3, history.Input{Kind: history.CASVersion, Key: "a", Value: "2", ExpectVersion: 7}, history.Result{Swapped: true, Version: 8}),
		ok(3, 5, history.Input{Kind: history.Get, Key: "a"}, history.Result{Found: true, Value: "2", Version: 8}),
		ok(4, 7, history.Input{Kind: history.PutIfAbsent, Key: "a", Value: "3"}, history.Result{Found: true, Value: "2", Version: 8}),
		ok(5, 9, history.Input{Kind: history.Erase, Key: "b"}, history.Result{Found: true}),
		{ID: 6, Client: 1, Input: history.Input{Kind: history.Put, Key: "a", Value: "\xff"}, Call: 11, Return: history.Never, Outcome: history.Unknown, Error: "no answer"},
		ok(7, 12, history.Input{Kind: history.Get, Key: "a", Stale: true}, history.Result{}),
	}}
	var knossos, elle bytes.Buffer
	dropped, err := Write(&knossos, h, Knossos)
	require.NoError(t, err)
	require.Equal(t, Dropped{Stale: 1}, dropped)
	require.Contains(t, knossos.String(), `{:index 2, :type :invoke, :process 0, :f :cas, :value ["a"["1""2"]], :time 0}`)
	require.Contains(t, knossos.String(), `:type :ok, :process 0, :f :read, :value ["a""2"]`)
	require.Contains(t, knossos.String(), `:type :ok, :process 0, :f :write, :value ["b"nil]`)
	require.Contains(t, knossos.String(), `:type :info, :process 0, :f :write, :value ["a""hex:ff"], :time 0, :error "no answer"`)
	dropped, err = Write(&elle, h, Elle)
	require.NoError(t, err)
	require.Equal(t, Dropped{Stale: 1, Keys: 1}, dropped)
	require.Contains(t, elle.String(), `:type :ok, :process 0, :f :txn, :value [[:r"a""1"][:w"a""2"]]`)
	require.NotContains(t, elle.String(), `"b"`)
}

// Goal: EDN-2, what makes no sense is refused with words. Method: one of each.
func TestBadHistoriesAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{:type :ok, :process 0, :f :read, :value nil}`:                               "never began",
		`{:type :invoke, :process 0, :f :read} {:type :invoke, :process 0, :f :read}`: "before the one before",
		`{:type :invoke, :process 0, :f :append, :value 1}`:                           "known are :read",
		`{:type :invoke, :process 0, :f :write, :value nil}`:                          "write of nil",
		`{:type :invoke, :process 0, :f :cas, :value 3}`:                              "vector of the old",
		`{:type :invoke, :process 0, :f :write, :value 3} {:type :ok, :process 0, :f :write, :value 3} {:type :invoke, :process 0, :f :write, :value "3"}`: "string and as something else",
		`{:type :invoke, :process 0, :f :write, :value {1 2}}`: "known are numbers",
		`{:type :invoke, :process 0}`:                          "no :f",
		`{:type :invoke, :process`:                             "the EDN after operation 0",
		`17`:                                                   "not a map",
		`{:type :invoke, :process 0, :f :read} {:type :hm, :process 0, :f :read}`: ":type is :hm",
		`{:type :invoke, :process 0, :f :write, :value "hex:zz"}`:                 "not hexadecimal",
	} {
		_, err := Read(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}

// Goal: EDN-2, no input makes Read panic, and what it returns is valid. Method: fuzzing from the shapes above.
func FuzzRead(f *testing.F) {
	f.Add(`{:type :invoke, :process 0, :f :cas, :value ["x" [1 2]]}`)
	f.Add(`[{:type :invoke, :process 0, :f :read} {:type :ok, :process 0, :f :read :value "hex:00"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := Read(strings.NewReader(text)); err == nil {
			require.NoError(t, h.Validate())
		}
	})
}
