package history_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// randomHistory records operations of all kinds and outcomes, with bytes that
// are not text among them.
func randomHistory(t *rapid.T) *history.History {
	r := history.NewRecorder()
	text := rapid.SampledFrom([]string{"", "a", "b\x00", "\xff\xfe", "ü\n<&>", "\u2028"})
	var open []history.OpID
	kinds := map[history.OpID]history.Kind{}
	for i, n := 0, rapid.IntRange(0, 20).Draw(t, "n"); i < n; i++ {
		in := history.Input{Kind: history.Kind(rapid.IntRange(1, 6).Draw(t, "kind")), Key: "k" + text.Draw(t, "key")}
		switch {
		case in.Kind.CarriesValue():
			in.Value = text.Draw(t, "value")
		case in.Kind == history.Get:
			in.Stale = rapid.Bool().Draw(t, "stale")
		}
		if in.Kind == history.CASVersion {
			in.ExpectVersion = rapid.Uint64Range(1, 1<<63).Draw(t, "version")
		}
		if in.Kind == history.CASValue {
			in.ExpectValue = text.Draw(t, "expect")
		}
		id := r.Invoke(uint64(i%3), in, int64(i)*10)
		kinds[id] = in.Kind
		open = append(open, id)
		for len(open) > 0 && rapid.Bool().Draw(t, "complete") {
			id, open = open[0], open[1:]
			complete(t, r, id, kinds[id], text, int64(i)*10+5)
		}
	}
	return r.History(history.Header{
		Source: "test", Clock: "virtual", Seed: 1<<64 - 1,
		Labels: []history.Label{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}},
	})
}

func complete(t *rapid.T, r *history.Recorder, id history.OpID, kind history.Kind, text *rapid.Generator[string], at int64) {
	outcome := history.Outcome(rapid.IntRange(1, 3).Draw(t, "outcome"))
	res := history.Result{Node: 3, Partition: 2, Index: 9}
	if outcome == history.OK {
		switch {
		case kind == history.Put:
			res.Version = 9
		case kind.Conditional() && rapid.Bool().Draw(t, "swapped"):
			res.Swapped, res.Version = true, 9
		case rapid.Bool().Draw(t, "found"):
			res.Found, res.Version = true, 8
			if kind != history.Erase {
				res.Value = text.Draw(t, "seen")
			}
		}
	}
	r.Complete(id, outcome, res, "why", at)
}

// Goal: HIS-5, what is written is read back identically, and written again gives the same
// bytes. Method: random histories through writer and reader.
func TestHistoryRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t)
		var b, again bytes.Buffer
		require.NoError(t, history.Write(&b, h))
		back, err := history.Read(bytes.NewReader(b.Bytes()))
		require.NoError(t, err)
		require.Equal(t, h, back)
		require.NoError(t, history.Write(&again, back))
		require.Equal(t, b.String(), again.String())
	})
}

// Goal: HIS-5, a file cut off anywhere is an error, never a shorter history. Method: cut
// random histories at every byte but the last newline.
func TestEveryCutIsNoticed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		require.NoError(t, history.Write(&b, randomHistory(t)))
		cut := rapid.IntRange(0, b.Len()-2).Draw(t, "cut")
		_, err := history.Read(bytes.NewReader(b.Bytes()[:cut]))
		require.ErrorContains(t, err, "history: line ")
	})
}

const header = `{"format":"holdfast-history","version":1}` + "\n"

// Goal: HIS-5, each defect has an error that names line and reason. Method: one small file for each.
func TestBadFilesAreExplained(t *testing.T) {
	put := `{"id":1,"kind":"put","key":"k","value":"v","call":1,"return":2,"outcome":"ok"}` + "\n"
	end := `{"end":true,"operations":1}` + "\n"
	for text, reason := range map[string]string{
		"":       "line 1: the input is empty",
		"null\n": "line 1: not a history",
		"[]\n":   "line 1",
		put:      "line 1: not a history",
		`{"format":"holdfast-history","version":2,"new":1}`: "line 1: format version 2",
		`{"format":"holdfast-history","version":1,"new":1}`: `line 1: json: unknown field "new"`,
		header:                                 "line 2: the history is cut off",
		header + put:                           "line 3: the history is cut off",
		header + "\n" + put:                    "line 2: the line is empty",
		header + put + end + put:               "line 4: there is a line after",
		header + end:                           "line 2: the end line does not match: 0",
		header + `{"end":true}`:                "line 2: the end line does not match",
		header + "\xff":                        "line 2: the line is not valid UTF-8",
		header + put[:20]:                      "line 2: the line is empty or ends",
		header + strings.TrimSpace(put) + "{}": "line 2: there is something after",
		header + put + strings.Replace(put, `"call":1,"return":2`, `"call":3,"return":4`, 1) + `{"end":true,"operations":2}`: "id 1 is used twice",
		header + put + strings.Replace(put, `"id":1`, `"id":2`, 1) + `{"end":true,"operations":2}`:                           "share the event number 1",
	} {
		_, err := history.Read(strings.NewReader(text))
		require.ErrorContains(t, err, reason, text)
	}
}

// Goal: an operation that makes no sense is refused. Method: one line for each rule.
func TestBadOperationsAreExplained(t *testing.T) {
	for fields, reason := range map[string]string{
		`"kind":"scan","key":"k","outcome":"ok","return":2`:                                                                 `kind "scan" is not one of get, put`,
		`"kind":"get","key":"k","outcome":"maybe","return":2`:                                                               `outcome "maybe" is not one of ok, failed`,
		`"kind":"get","outcome":"ok","return":2`:                                                                            "key is missing",
		`"kind":"get","key":"","outcome":"ok","return":2`:                                                                   "the key is missing",
		`"kind":"get","key":"k","key_b64":"aw==","outcome":"ok","return":2`:                                                 "both key and key_b64",
		`"kind":"get","key":"k","outcome":"ok"`:                                                                             "return must come after",
		`"kind":"get","key":"k","outcome":"ok","return":1`:                                                                  "return must come after",
		`"kind":"get","key":"k","outcome":"unknown","return":2`:                                                             "there must be no return",
		`"kind":"put","key":"k","outcome":"ok","return":2`:                                                                  "value is missing",
		`"kind":"get","key":"k","value":"v","outcome":"ok","return":2`:                                                      "value is given",
		`"kind":"get","key":"k","outcome":"ok","return":2,"found":true`:                                                     "result is missing",
		`"kind":"get","key":"k","outcome":"ok","return":2,"result":"v"`:                                                     "result is given",
		`"kind":"get","key":"k","outcome":"ok","return":2,"version":3`:                                                      "nothing was found or written",
		`"kind":"get","key":"k","outcome":"ok","return":2,"swapped":true`:                                                   "cannot have swapped",
		`"kind":"get","key":"k","outcome":"failed","return":2,"found":true`:                                                 "there must be no result",
		`"kind":"get","key":"k","outcome":"ok","return":2,"error":"x"`:                                                      "there must be no error",
		`"kind":"erase","key":"k","outcome":"ok","return":2,"stale":true`:                                                   "cannot be stale",
		`"kind":"cas_version","key":"k","value":"v","outcome":"ok","return":2`:                                              "expected version is missing",
		`"kind":"put","key":"k","value":"v","expect_version":1,"outcome":"ok","return":2`:                                   "expects no version",
		`"kind":"cas_version","key":"k","value":"v","expect_version":2,"outcome":"ok","return":2,"found":true,"result":"w"`: "must tell the actual version",
		`"kind":"cas_value","key":"k","value":"v","outcome":"ok","return":2`:                                                "expect_value is missing",
		`"kind":"put","key":"k","value":"v","found":true,"outcome":"ok","return":2`:                                         "put reports no state",
		`"kind":"put","key":"k","value":"v","outcome":"ok","return":2,"operations":1`:                                       "belongs to the end line",
		`"kind":"put_if_absent","key":"k","value":"v","found":true,"swapped":true,"outcome":"ok","return":2`:                "reports no state it found",
	} {
		_, err := history.Read(strings.NewReader(header + `{"id":1,"call":1,` + fields + "}\n"))
		require.ErrorContains(t, err, "line 2: ", fields)
		require.ErrorContains(t, err, reason, fields)
	}
}

// Goal: HIS-5, the decoder never panics, and what it accepts it writes and reads back. Method: fuzzing from
// a valid file.
func FuzzRead(f *testing.F) {
	f.Add([]byte(header + `{"id":1,"kind":"put","key":"k","value":"v","call":1,"return":2,"outcome":"ok","version":4}` + "\n" +
		`{"id":2,"kind":"cas_value","key_b64":"/w==","value":"w","expect_value":"","call":3,"outcome":"unknown"}` + "\n" +
		`{"end":true,"operations":2}` + "\n"))
	f.Add([]byte(header + `{"id":1,"kind":"get","key":"k","call":1,"return":2,"outcome":"ok","found":true,"result":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := history.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		var b bytes.Buffer
		require.NoError(t, history.Write(&b, h))
		back, err := history.Read(&b)
		require.NoError(t, err)
		require.Equal(t, h.Operations, back.Operations)
	})
}

// Goal: the recorder refuses misuse loudly. Method: each misuse panics.
func TestRecorderRefusesMisuse(t *testing.T) {
	r := history.NewRecorder()
	require.Panics(t, func() { r.Invoke(1, history.Input{Kind: history.Put}, 0) })
	require.Panics(t, func() { r.Complete(1, history.OK, history.Result{}, "", 0) })
	id := r.Invoke(1, history.Input{Kind: history.Put, Key: "k"}, 0)
	require.Panics(t, func() { r.Complete(id, history.OK, history.Result{Swapped: true}, "", 0) })
	r.Complete(id, history.Unknown, history.Result{}, "gave up \xff", 0)
	require.Panics(t, func() { r.Complete(id, history.OK, history.Result{}, "", 0) })
	op := r.History(history.Header{}).Operations[0]
	require.Equal(t, history.Never, op.Return)
	require.Equal(t, "gave up ?", op.Error)
}

// Goal: HIS-1 and real-time order hold with many goroutines. Method: clients in parallel under -race; each
// client's own operations must be ordered, and the counts must add up.
func TestSyncRecorderOrdersConcurrentClients(t *testing.T) {
	r := history.NewSyncRecorder()
	var wg sync.WaitGroup
	for c := range uint64(4) {
		wg.Go(func() {
			for i := range 100 {
				id := r.Invoke(c, history.Input{Kind: history.Put, Key: "k", Value: "v"}, 0)
				r.Complete(id, history.Outcome(i%3+1), history.Result{}, "", 0)
			}
		})
	}
	wg.Wait()
	h := r.History(history.Header{})
	require.NoError(t, h.Validate())
	last := map[uint64]int64{}
	for _, op := range h.Operations {
		require.Greater(t, op.Call, last[op.Client])
		if op.Return != history.Never {
			last[op.Client] = op.Return
		}
	}
	ok, failed, unknown := r.Counts()
	require.Equal(t, []int{136, 132, 132}, []int{ok, failed, unknown})
}
