package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/report"
	"github.com/holdfastdb/holdfast/checker/verdict"
)

// nasty are bytes that end scripts, attributes and strings, if somebody lets them.
var nasty = []string{
	`</script><script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "<!--", "' \" ` \\", "\xff\xfe\x00\x01", "日本語 \u2028 \u202e", "a\nb", "",
}

// lost is a history in which a write is lost, with keys and values as given.
func lost(key, value string) *history.History {
	r := history.NewRecorder()
	put := r.Invoke(1, history.Input{Kind: history.Put, Key: key, Value: value}, 1000)
	r.Complete(put, history.OK, history.Result{Version: 7, Node: 2}, "", 5_000_000)
	bad := r.Invoke(2, history.Input{Kind: history.Put, Key: key, Value: value + "2"}, 5_100_000)
	r.Complete(bad, history.Unknown, history.Result{}, "no answer from <node> 1", 6_000_000)
	get := r.Invoke(2, history.Input{Kind: history.Get, Key: key}, 6_100_000)
	r.Complete(get, history.OK, history.Result{Node: 1}, "", 7_000_000)
	return r.History(history.Header{Clock: "virtual"})
}

// dataOf judges a history and makes a report's data of it.
func dataOf(h *history.History) *report.Data {
	res := linear.Check(h, linear.Options{})
	return &report.Data{
		Title: "a run", Verdict: verdict.Judge(res.Case()), History: h, Findings: res.Findings, Pictures: []string{"key-001.html"},
		Replay: []report.Replay{{Command: "holdfast sim replay runs/seed-2", Shows: "again"}},
	}
}

func write(t *testing.T, d *report.Data) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.Write(&b, d))
	return b.String()
}

// payload is the data in a report's script, decoded as a browser does it.
func payload(t *testing.T, page string) map[string]any {
	t.Helper()
	_, rest, found := strings.Cut(page, `<script id="data" type="application/json">`)
	require.True(t, found)
	text, _, _ := strings.Cut(rest, "</script>")
	var p map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &p))
	return p
}

// Goal: REP-5, a report has the verdict, each violation with its operations, and how to replay it. Method: a lost write
// and a violation of another oracle.
func TestReportHasVerdictViolationsAndReplay(t *testing.T) {
	d := dataOf(lost("the-key", "the-value"))
	other := *verdict.Violationf("log-matching", "different-entries", "entry 4 <differs>").On(1, 2)
	other.At = 3_000_000_000
	d.Verdict = verdict.Judge(verdict.Case{
		Violations: append([]verdict.Violation{other}, d.Verdict.Violations...), Undecided: []string{`key "q": too long`},
		Requirements: []verdict.Requirement{{Counter: "fault kill took effect", Because: "the plan has it"}},
	})
	d.Facts = []report.Fact{{Name: "trace hash", Value: "00ff"}}
	d.Settings = []report.Section{{Title: "Nodes", Facts: []report.Fact{{Name: "heartbeat", Value: "50ms"}}}}
	page := write(t, d)
	for _, want := range []string{
		`<header class="violation">`, "A promise was broken", "log-matching", "entry 4 &lt;differs&gt;", "3.000 s",
		"the-key", "the-value", "at version 7, by node 2", "saw no value", "cannot be explained", `href="key-001.html"`, `data-finding="0"`,
		"holdfast sim replay runs/seed-2", "key &#34;q&#34;: too long", "the plan has it", "00ff", "50ms",
	} {
		require.True(t, strings.Contains(page, want), want)
	}
	for _, v := range d.Verdict.Violations {
		require.True(t, strings.Contains(page, v.Fingerprint), v.Fingerprint)
	}
	order := 0
	for _, part := range []string{`class="verdict"`, `id="evidence"`, `id="missing"`, `id="violations"`, `id="replay"`, `id="timeline"`, `id="settings"`} {
		at := strings.Index(page, part)
		require.Greater(t, at, order, part)
		order = at
	}
}

// Goal: each outcome has its words. Method: one report each.
func TestEachOutcomeIsExplained(t *testing.T) {
	h := lost("k", "v")
	for outcome, words := range map[verdict.Outcome]string{
		verdict.Pass: "found nothing wrong", verdict.Violated: "A promise was broken", verdict.Stalled: "did not get back to work",
		verdict.Unknown: "given up at its bound", verdict.Vacuous: "did not happen",
	} {
		page := write(t, &report.Data{Title: "t", Verdict: verdict.Verdict{Outcome: outcome}, History: h})
		require.True(t, strings.Contains(page, `<header class="`+string(outcome)+`">`), outcome)
		require.True(t, strings.Contains(page, words), outcome)
	}
}

// Goal: REP-2, nothing that a client wrote is HTML or a script. Method: nasty keys, values, messages and titles: the page
// has as many tags as one with tame ones, no byte that is not UTF-8, and the data decodes.
func TestWhateverClientsWriteIsText(t *testing.T) {
	tags := func(page string) int { return strings.Count(page, "<") - strings.Count(payloadText(page), "<") }
	tame := write(t, dataOf(lost("k", "v")))
	for _, s := range nasty {
		d := dataOf(lost(s+"k", s+"v"))
		d.Title, d.Replay[0].Command = s, s
		for i := range d.Verdict.Violations {
			d.Verdict.Violations[i].Message = s
		}
		page := write(t, d)
		require.Equal(t, tags(tame), tags(page), "%q", s)
		require.False(t, strings.Contains(page, "<script>alert"), "%q", s)
		require.False(t, strings.Contains(page, "<img"), "%q", s)
		require.True(t, utf8.ValidString(page), "%q", s)
		require.False(t, strings.Contains(payloadText(page), "<"), "%q", s)
		require.False(t, strings.Contains(page, "\u202e"), "text that turns around what follows")
		payload(t, page)
	}
}

func payloadText(page string) string {
	_, rest, _ := strings.Cut(page, `<script id="data" type="application/json">`)
	text, _, _ := strings.Cut(rest, "</script>")
	return text
}

// Goal: REP-1, a report needs nothing else. Method: no attribute or rule that loads something.
func TestReportLoadsNothing(t *testing.T) {
	page := write(t, dataOf(lost("k", "v")))
	for _, load := range []string{"src=", "http:", "https:", "@import", "url(", "<link", "fetch(", "XMLHttpRequest"} {
		require.False(t, strings.Contains(page, load), load)
	}
}

// Goal: REP-3, the same data gives the same bytes. Method: twice, from a log of events with many nodes.
func TestReportIsDeterministic(t *testing.T) {
	build := func() string {
		d := dataOf(lost("k", "v"))
		d.Events, d.Nodes = course(), 5
		d.Groups = []report.Group{{ID: 9, Name: "metadata"}, {ID: 1, Name: "partition 1", Partition: true}, {ID: 2, Name: "partition 2", Partition: true}}
		d.Verdict.Evidence.Add("fault kill took effect", 1)
		return write(t, d)
	}
	first := build()
	for range 5 {
		require.True(t, first == build())
	}
}

// course is a log in which five nodes hold two partitions, one is killed and another paused.
func course() *events.Log {
	log := events.NewLog(1000)
	for n := 1; n <= 5; n++ {
		log.Add(events.Event{At: 1000, Kind: events.Up, Node: n})
		for g := uint64(1); g <= 2; g++ {
			log.Add(events.Event{At: 2000, Kind: events.Role, Node: n, Group: g, Term: 1, Name: "follower"})
		}
	}
	log.Add(events.Event{At: 1_000_000, Kind: events.Role, Node: 1, Group: 1, Term: 2, Name: "leader"})
	log.Add(events.Event{At: 1_500_000, Kind: events.Fault, Fault: 1, Name: "kill", Targets: []int{1}})
	log.Add(events.Event{At: 1_500_000, Kind: events.Down, Node: 1, Name: "kill"})
	log.Add(events.Event{At: 2_000_000, Kind: events.Role, Node: 2, Group: 1, Term: 3, Name: "leader"})
	log.Add(events.Event{At: 2_100_000, Kind: events.Bites, Fault: 1, Name: "kill"})
	log.Add(events.Event{At: 2_500_000, Kind: events.Pause, Node: 3})
	log.Add(events.Event{At: 6_500_000, Kind: events.FaultEnd, Fault: 1, Name: "kill", Count: 1})
	log.Add(events.Event{At: 6_600_000, Kind: events.Resume, Node: 3})
	log.Add(events.Event{At: 6_700_000, Kind: events.Healed})
	return log
}

// Goal: the course of a cluster is told as periods. Method: the small log, against what it means; the fault has the
// operations that ended and the leader that was elected while it was on.
func TestEventsBecomePeriods(t *testing.T) {
	d := dataOf(lost("k", "v"))
	d.Events, d.Nodes = course(), 5
	d.Groups = []report.Group{{ID: 1, Name: "partition 1", Partition: true}, {ID: 2, Name: "partition 2", Partition: true}}
	p := payload(t, write(t, d))
	text, err := json.Marshal(p["course"])
	require.NoError(t, err)
	require.Contains(t, string(text), `[1,0,3,2,1000,1500]`, "node 1 leads partition 1 in term 2 until it is killed")
	require.Contains(t, string(text), `[2,0,3,3,2000,7001]`, "node 2 leads it to the end")
	require.Contains(t, string(text), `[3,1,2500,6600,0]`, "node 3 is paused")
	require.Contains(t, string(text), `[1,1000,1,2],[1,1500,0,0]`, "node 1 leads one of two, then none of none")
	require.Contains(t, string(text), `"healed":6700`)
	fault := p["faults"].([]any)[0].(map[string]any)
	require.Equal(t, []any{1500.0, 2100.0, 6500.0}, []any{fault["from"], fault["bites"], fault["to"]})
	require.Equal(t, []any{1.0, 1.0, 0.0, 1.0}, []any{fault["ok"], fault["unknown"], fault["failed"], fault["leaders"]})
}

// Goal: what was not kept is said. Method: a log with a gap.
func TestGapsAreSaid(t *testing.T) {
	d := dataOf(lost("k", "v"))
	d.Events, d.Nodes = events.NewLog(4), 1
	for i := range 10 {
		d.Events.Add(events.Event{At: int64(i) * 1_000_000, Kind: events.Up, Node: 1})
	}
	require.True(t, strings.Contains(write(t, d), "6 events were not kept"))
}

// Goal: REP-4, the size is bounded. Method: 10^5 operations as clients of a benchmark have them; and more than are kept,
// with long values that are escaped six times their length, all different, and a long message.
func TestLargeRunsStayWithinTheBound(t *testing.T) {
	many := func(n int, value func(int) string, message string) *report.Data {
		h := &history.History{}
		for i := range n {
			op := history.Operation{
				ID: history.OpID(i + 1), Client: uint64(1 + i%64), Input: history.Input{Kind: history.Put, Key: fmt.Sprintf("key-%d", i%5000), Value: value(i)},
				Call: int64(2*i + 1), Return: int64(2*i + 2), CallTime: int64(i) * 50_000, ReturnTime: int64(i)*50_000 + 2_000_000,
				Outcome: history.OK, Result: history.Result{Version: uint64(i + 1), Node: 1, Partition: 3, Index: uint64(i + 1)},
			}
			if i%3 == 0 && message != "" {
				op.Outcome, op.Return, op.Result, op.Error = history.Unknown, history.Never, history.Result{}, fmt.Sprintf("%d%s", i, message)
			}
			h.Operations = append(h.Operations, op)
		}
		return &report.Data{Title: "many", Verdict: verdict.Verdict{Outcome: verdict.Pass}, History: h}
	}
	plain := write(t, many(100_000, func(i int) string { return fmt.Sprintf("value-%d", i) }, ""))
	require.Less(t, len(plain), 15<<20)
	require.Len(t, payload(t, plain)["ops"].(map[string]any)["id"], 100_000)

	hard := write(t, many(200_000, func(i int) string { return fmt.Sprintf("%d", i) + strings.Repeat("<", 900) }, strings.Repeat("&", 500)))
	require.Less(t, len(hard), report.MaxBytes)
	require.True(t, strings.Contains(hard, "it leaves out 80000, evenly"))
	require.True(t, strings.Contains(hard, "Keys and values are shown up to"))
}

// Goal: of too many operations those that matter are kept. Method: a long history with few failures and a lost write: the
// failures and the operations of the finding are all there, and the others lie all over the run.
func TestWhatMattersIsKept(t *testing.T) {
	const n = 150_000
	h := &history.History{}
	for i := range n {
		op := history.Operation{
			ID: history.OpID(i + 1), Client: 1, Input: history.Input{Kind: history.Put, Key: fmt.Sprint(i % 1000), Value: fmt.Sprint(i)},
			Call: int64(2*i + 1), Return: int64(2*i + 2), CallTime: int64(i+1) * 1000, ReturnTime: int64(i+1)*1000 + 10, Outcome: history.OK,
		}
		if i%1000 == 7 {
			op.Outcome = history.Failed
		}
		h.Operations = append(h.Operations, op)
	}
	named := []history.OpID{12_346, 77_777}
	d := &report.Data{History: h, Verdict: verdict.Verdict{Outcome: verdict.Violated}, Findings: []linear.Finding{{Key: "k", Operation: named[0], Related: named[1:]}}}
	p := payload(t, write(t, d))
	ops := p["ops"].(map[string]any)
	failed, last := 0, 0.0
	found := map[history.OpID]bool{}
	for i, id := range ops["id"].([]any) {
		if ops["outcome"].([]any)[i].(float64) == 1 {
			failed++
		}
		require.Less(t, id.(float64)-last, 5.0, "a hole")
		last = id.(float64)
		found[history.OpID(last)] = true
	}
	require.Equal(t, n/1000, failed)
	require.LessOrEqual(t, len(found), 120_000)
	require.Equal(t, float64(n-len(found)), p["omitted"])
	for _, id := range named {
		require.True(t, found[id])
	}
}

// Goal: the report of a violation lists the few operations that contradict each other. Method: an erasure that finds what
// another one had erased, behind many operations in order; the table has no more rows than the contradiction, and the
// timeline marks the same.
func TestReportListsTheContradiction(t *testing.T) {
	r := history.NewRecorder()
	do := func(in history.Input, res history.Result) {
		in.Key = "k"
		r.Complete(r.Invoke(1, in, 0), history.OK, res, "", 0)
	}
	for i := range 100 {
		value := fmt.Sprint("v", i)
		do(history.Input{Kind: history.Put, Value: value}, history.Result{})
		do(history.Input{Kind: history.Get}, history.Result{Found: true, Value: value})
	}
	for range 2 {
		do(history.Input{Kind: history.Erase}, history.Result{Found: true})
	}
	d := dataOf(r.History(history.Header{Clock: "virtual"}))
	require.Len(t, d.Findings, 1)
	few := d.Findings[0].Contradiction
	require.NotEmpty(t, few)
	require.Less(t, len(few), 10)
	page := write(t, d)
	require.Equal(t, len(few)-1, strings.Count(page, "contradicts it"))
	finding := payload(t, page)["findings"].([]any)[0].(map[string]any)
	require.Len(t, finding["related"], len(few)-1)
}

// Goal: with a wall clock, what happens before the first operation is on the page, not before its left edge.
// Method: a node that starts two seconds before the first call; with a virtual clock times stay as they are.
func TestEventsBeforeTheFirstCallAreOnTheTimeline(t *testing.T) {
	const wall = int64(1_700_000_000_000_000_000)
	for clock, base := range map[string]int64{"wall": wall, "virtual": 0} {
		r := history.NewRecorder()
		put := r.Invoke(1, history.Input{Kind: history.Put, Key: "k", Value: "v"}, base+2_000_000_000)
		r.Complete(put, history.OK, history.Result{Version: 1}, "", base+2_005_000_000)
		d := dataOf(r.History(history.Header{Clock: clock}))
		d.Nodes, d.Groups, d.Events = 1, []report.Group{{ID: 1, Name: "the group"}}, events.NewLog(events.DefaultLimit)
		d.Events.Add(events.Event{At: base, Kind: events.Up, Node: 1})
		d.Events.Add(events.Event{At: base + 1_000_000_000, Kind: events.Fault, Fault: 1, Name: "kill", Targets: []int{1}})
		p := payload(t, write(t, d))
		require.Equal(t, []any{2_000_000.0}, p["ops"].(map[string]any)["at"], clock)
		require.Equal(t, []any{1.0, 0.0, 0.0, 2_005_001.0, 0.0}, p["course"].(map[string]any)["states"].([]any)[0], clock)
		require.Equal(t, 1_000_000.0, p["faults"].([]any)[0].(map[string]any)["from"], clock)
	}
}

// A violation says when and where it was seen, as far as that is known.
func TestViolationsSayWhenAndWhere(t *testing.T) {
	d := dataOf(lost("k", "v"))
	placed := *verdict.Violationf("node-failure", "stopped-serving", "placed").On(0, 2)
	timed := placed
	timed.At = 3_000_000_000
	d.Verdict.Violations = []verdict.Violation{placed, timed, *verdict.Violationf("crash", "panic", "nowhere")}
	page := write(t, d)
	for _, want := range []string{
		`<p class="hint">node 2 · fingerprint`, `<p class="hint">at 3.000 s, node 2 · fingerprint`, `<p class="hint">fingerprint <code>crash/panic`,
	} {
		require.Contains(t, page, want)
	}
}
