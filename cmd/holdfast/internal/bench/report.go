package bench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// Report is the result of a measurement.
type Report struct {
	Mix       Mix     `json:"ops"`
	Clients   int     `json:"clients"`
	Conns     int     `json:"conns"`
	Rate      float64 `json:"rate_per_second,omitempty"`
	KeySize   int     `json:"key_bytes"`
	ValueSize int     `json:"value_bytes"`
	Keys      int     `json:"keys"`
	Seconds   float64 `json:"seconds"`
	// OK counts the answered operations, the others those that ended so.
	OK         int64 `json:"ok"`
	NotApplied int64 `json:"not_applied"`
	Unknown    int64 `json:"outcome_unknown"`
	Denied     int64 `json:"denied"`
	// Missed were due and never begun (BENCH-2).
	Missed int64 `json:"missed"`
	// NotFound and ConditionFailed are among the answered ones.
	NotFound        int64     `json:"not_found"`
	ConditionFailed int64     `json:"condition_failed"`
	Throughput      float64   `json:"ok_per_second"`
	Latencies       []Latency `json:"latencies"`
}

// Latency is the distribution of one kind of operation, in microseconds.
type Latency struct {
	Kind  string  `json:"op"`
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_us"`
	P50   int64   `json:"p50_us"`
	P90   int64   `json:"p90_us"`
	P99   int64   `json:"p99_us"`
	P999  int64   `json:"p99_9_us"`
	Max   int64   `json:"max_us"`
}

// report puts the tally of a measurement together.
func (t *tally) report(o *Options, conns int, took time.Duration, missed int64) *Report {
	r := &Report{
		Mix: o.Mix, Clients: o.Clients, Conns: conns, Rate: o.Rate, KeySize: o.KeySize, ValueSize: o.ValueSize, Keys: o.Keys,
		Seconds: took.Seconds(), OK: t.ok.Load(), NotApplied: t.notApplied.Load(), Unknown: t.unknown.Load(),
		Denied: t.denied.Load(), Missed: missed, NotFound: t.notFound.Load(), ConditionFailed: t.conditionFailed.Load(),
		Latencies: []Latency{},
	}
	if took > 0 {
		r.Throughput = float64(r.OK) / took.Seconds()
	}
	merged := t.merged()
	var kinds []history.Kind
	for kind := range merged {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		r.Latencies = append(r.Latencies, newLatency(kind, merged[kind]))
	}
	return r
}

func newLatency(kind history.Kind, h *hdrhistogram.Histogram) Latency {
	return Latency{
		Kind: kind.String(), Count: h.TotalCount(), Mean: h.Mean(),
		P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90), P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9), Max: h.Max(),
	}
}

// PrintText writes the report for people.
func (r *Report) PrintText(w io.Writer) error {
	fmt.Fprintf(w, "%s ops/s: %s answered in %.1f s, %d clients over %d connections",
		style.Count(int64(r.Throughput+0.5)), style.Count(r.OK), r.Seconds, r.Clients, r.Conns)
	if r.Rate > 0 {
		fmt.Fprintf(w, ", %s ops/s asked for", style.Count(int64(r.Rate)))
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "op\tcount\tmean\tp50\tp90\tp99\tp99.9\tmax\t")
	for _, l := range r.Latencies {
		fmt.Fprintf(t, "%s\t%s\t", l.Kind, style.Count(l.Count))
		for _, us := range []int64{int64(l.Mean + 0.5), l.P50, l.P90, l.P99, l.P999, l.Max} {
			fmt.Fprintf(t, "%s\t", style.Duration(time.Duration(us)*time.Microsecond))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "errors: %s not applied, %s outcome unknown, %s denied\n",
		style.Count(r.NotApplied), style.Count(r.Unknown), style.Count(r.Denied))
	if r.Missed > 0 {
		_, err = fmt.Fprintf(w, "missed: %s operations were due but could not begin; the store or the number of clients is too small for this rate\n",
			style.Count(r.Missed))
	}
	return err
}
