package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/storetest"
)

func small() Options {
	return Options{
		Mix: Mixed, Reads: 0.5, Clients: 4, Duration: 20 * time.Millisecond, KeySize: 8, ValueSize: 16, Keys: 10,
		Timeout: time.Second, Seed: 1, Prefill: true,
	}
}

// Goal: the timetable has rate × duration operations, evenly spaced, and errors do not add up. Method: random rates.
func TestTimetableIsEvenAndComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(1, 2e5).Draw(t, "rate")
		duration := time.Duration(rapid.Int64Range(1, int64(2*time.Second)).Draw(t, "duration"))
		table := newTimetable(rate, duration)
		require.InDelta(t, rate*duration.Seconds(), float64(table.total), 1)
		for _, n := range []int64{0, 1, table.total / 2, table.total - 1} {
			if n < 0 || n >= table.total {
				continue
			}
			require.InDelta(t, float64(n)/rate, table.due(n).Seconds(), 1e-8)
			require.Less(t, table.due(n), duration)
		}
	})
	table := newTimetable(1000, 3*time.Millisecond)
	for _, want := range []time.Duration{0, time.Millisecond, 2 * time.Millisecond} {
		due, more := table.next()
		require.True(t, more)
		require.Equal(t, want, due)
	}
	_, more := table.next()
	require.False(t, more)
}

// Goal: percentiles and counts are right, over all clients and shards. Method: 1000 known latencies.
func TestPercentiles(t *testing.T) {
	var tl tally
	for i := 1; i <= 1000; i++ {
		tl.latency(i, history.Put, time.Duration(i)*time.Millisecond)
		tl.ok.Add(1)
	}
	tl.latency(1, history.Get, time.Hour) // beyond the bound
	o := small()
	r := tl.report(&o, 2, 2*time.Second, 3)
	require.InDelta(t, 500, r.Throughput, 1e-9)
	require.Equal(t, int64(3), r.Missed)
	require.Len(t, r.Latencies, 2)
	get, put := r.Latencies[0], r.Latencies[1]
	require.Equal(t, "get", get.Kind)
	require.InEpsilon(t, maxLatency.Microseconds(), get.Max, 0.001)
	require.Equal(t, "put", put.Kind)
	require.Equal(t, int64(1000), put.Count)
	for want, got := range map[int64]int64{500_000: put.P50, 900_000: put.P90, 990_000: put.P99, 999_000: put.P999, 1_000_000: put.Max} {
		require.InEpsilon(t, want, got, 0.002)
	}
	require.InEpsilon(t, 500_500, put.Mean, 0.002)
}

// Goal: the report is as documented, for people and programs. Method: fixed outputs.
func TestReportOutputs(t *testing.T) {
	r := &Report{
		Mix: Puts, Clients: 256, Conns: 4, Rate: 10000, KeySize: 16, ValueSize: 256, Keys: 100, Seconds: 10,
		OK: 99_990, NotApplied: 3, Unknown: 2, Missed: 5, Throughput: 9999,
		Latencies: []Latency{{Kind: "put", Count: 99_990, Mean: 1234.5, P50: 1000, P90: 2000, P99: 3500, P999: 12_000, Max: 1_500_000}},
	}
	var text, js bytes.Buffer
	require.NoError(t, r.PrintText(&text))
	require.Equal(t, ""+
		"9,999 ops/s: 99,990 answered in 10.0 s, 256 clients over 4 connections, 10,000 ops/s asked for\n"+
		"   op   count    mean     p50     p90     p99   p99.9    max\n"+
		"  put  99,990  1.24ms  1.00ms  2.00ms  3.50ms  12.0ms  1.50s\n"+
		"errors: 3 not applied, 2 outcome unknown, 0 denied\n"+
		"missed: 5 operations were due but could not begin; the store or the number of clients is too small for this rate\n", text.String())
	require.NoError(t, json.NewEncoder(&js).Encode(r))
	require.JSONEq(t, `{"ops":"put","clients":256,"conns":4,"rate_per_second":10000,"key_bytes":16,"value_bytes":256,"keys":100,
		"seconds":10,"ok":99990,"not_applied":3,"outcome_unknown":2,"denied":0,"missed":5,"not_found":0,"condition_failed":0,
		"ok_per_second":9999,"latencies":[{"op":"put","count":99990,"mean_us":1234.5,"p50_us":1000,"p90_us":2000,"p99_us":3500,
		"p99_9_us":12000,"max_us":1500000}]}`, js.String())
}

// Goal: at a fixed rate a stall is charged to all operations that were due during it, and what could not
// begin is counted. Method: one client, whose first call takes as long as five operations; then
// each of these has a latency, and the first of them one that is no smaller than the wait.
func TestStallIsChargedToEverythingThatWasDue(t *testing.T) {
	o := small()
	o.Mix, o.Clients, o.Rate, o.Duration = Puts, 1, 100, 50*time.Millisecond
	m := storetest.New()
	var calls atomic.Int64
	r := &Run{Options: o, Stores: []store.Store{m}}
	m.Before(func() {
		if calls.Add(1) == 1 {
			for time.Now().Before(r.end.Add(-15 * time.Millisecond)) {
				time.Sleep(time.Millisecond)
			}
		}
	})
	report, _, err := r.Do(context.Background())
	require.NoError(t, err)
	require.Equal(t, int64(5), report.OK+report.Missed)
	require.Equal(t, report.OK, report.Latencies[0].Count)
	// The second was due at 10 ms and began at 35 ms or later.
	if report.OK > 1 {
		require.Greater(t, report.Latencies[0].Mean, float64(10_000))
	}
}

// Goal: BENCH-3, a recorded run of all operations on a correct store is judged a pass, and its
// values are all different. Method: run it against the store in memory.
func TestRecordedRunIsLinearizable(t *testing.T) {
	o := small()
	o.Mix, o.Record, o.Clients = All, true, 8
	_, h, err := (&Run{Options: o, Stores: []store.Store{storetest.New()}}).Do(context.Background())
	require.NoError(t, err)
	require.NoError(t, h.Validate())
	res := linear.Check(h, linear.Options{})
	require.Empty(t, res.Findings)
	require.Positive(t, res.Acknowledged)
	seen := map[string]bool{}
	for i := range h.Operations {
		op := &h.Operations[i]
		require.False(t, op.Kind.CarriesValue() && seen[op.Value], "value %q was written twice", op.Value)
		if op.Kind.CarriesValue() {
			seen[op.Value] = true
		}
	}
}

// Goal: outcomes are counted and recorded as they are, and are never mixed up. Method: a store that fails in
// each way.
func TestOutcomesAreCountedAsTheyAre(t *testing.T) {
	for ending, want := range map[store.Ending]history.Outcome{store.Unknown: history.Unknown, store.NotApplied: history.Failed} {
		m := storetest.New()
		m.Fail(&store.Error{Ending: ending, Err: errors.New("down")})
		o := small()
		o.Mix, o.Record, o.Rate = Puts, true, 1000
		report, h, err := (&Run{Options: o, Stores: []store.Store{m}}).Do(context.Background())
		require.NoError(t, err)
		require.Zero(t, report.OK)
		require.Empty(t, report.Latencies)
		require.Equal(t, int64(len(h.Operations)), report.Unknown+report.NotApplied)
		require.Equal(t, ending == store.Unknown, report.Unknown > 0)
		for _, op := range h.Operations {
			require.Equal(t, want, op.Outcome)
		}
	}
	m := storetest.New()
	m.Fail(&store.Error{Ending: store.Denied, Err: errors.New("too large")})
	o := small()
	o.Mix = Puts
	_, _, err := (&Run{Options: o, Stores: []store.Store{m}}).Do(context.Background())
	require.ErrorContains(t, err, "too large")
}

// Goal: gets find what was stored before. Method: a run of gets alone.
func TestPrefillStoresWhatIsRead(t *testing.T) {
	o := small()
	o.Mix = Gets
	ticks := 0
	report, _, err := (&Run{Options: o, Stores: []store.Store{storetest.New()}, Progress: func(Tick) { ticks++ }}).Do(context.Background())
	require.NoError(t, err)
	require.Positive(t, report.OK)
	require.Zero(t, report.NotFound)
}

// Goal: options that make no sense are refused by name. Method: one each.
func TestOptionsAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"--ops":        func(o *Options) { o.Mix = "scan" },
		"--clients":    func(o *Options) { o.Clients = 0 },
		"--duration":   func(o *Options) { o.Duration = 0 },
		"--rate":       func(o *Options) { o.Rate = -1 },
		"--keys":       func(o *Options) { o.Keys = 0 },
		"--key-size":   func(o *Options) { o.KeySize = 0 },
		"--value-size": func(o *Options) { o.ValueSize = -1 },
		"--reads":      func(o *Options) { o.Reads = 1.5 },
		"--timeout":    func(o *Options) { o.Timeout = 0 },
	} {
		o := small()
		require.NoError(t, o.Check())
		spoil(&o)
		require.ErrorContains(t, o.Check(), name)
	}
}
