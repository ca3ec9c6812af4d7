package report

import (
	"bytes"
	_ "embed" // for the parts of the page
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
)

//go:embed assets/page.html
var pageHTML string

//go:embed assets/style.css
var style string

//go:embed assets/view.js
var viewScript string

//go:embed assets/lanes.js
var lanesScript string

//go:embed assets/charts.js
var chartsScript string

//go:embed assets/controls.js
var controlsScript string

var pageTemplate = template.Must(template.New("report").Parse(pageHTML))

// maxMessage is how long a message of an oracle may be in the page: a panic comes with its stack.
const maxMessage = 8 << 10

// maxReasons is how many reasons beside violations are shown: there may be one for each key.
const maxReasons = 200

// page is what the template shows.
type page struct {
	Title, Outcome, Meaning string
	// Headlines are the first reasons, in short.
	Headlines         []string
	Facts             []Fact
	Violations        []violation
	Undecided, Unmet  []string
	Replay            []Replay
	Kinds             []kindLine
	Strikes           []strikeLine
	MoreStrikes       int
	Topics            []topicTable
	Settings          []Section
	Notes             []string
	Sharded, HasNodes bool
	Style             template.CSS
	Data, Script      template.JS
}

// violation is one violation in words.
type violation struct {
	Oracle, Promise, Fingerprint, Message, At, Where string
	Finding                                          *findingText
}

// findingText is a finding of the history in words.
type findingText struct {
	key                string
	Number             int
	Key, What, Picture string
	Operation          operationText
	// Contradiction are the other operations of the few that have no order by themselves, and Related, if those are
	// not known, what to look at next to the one.
	Contradiction, Related []operationText
}

// operationText is an operation in a table.
type operationText struct {
	ID                   history.OpID
	Client               uint64
	What, Answer, Period string
}

type kindLine struct {
	kindRow
	For string
}

type strikeLine struct {
	strike
	Begin, For, First string
}

type topicTable struct {
	Title    string
	Counters []verdict.Counter
}

// Write writes the report. Errors are those of the writer.
func Write(w io.Writer, d *Data) error {
	payload, texts := build(d)
	data, err := json.Marshal(payload) // escapes <, > and &, so that nothing ends the script (REP-2)
	if err != nil {
		return fmt.Errorf("report: encoding the run: %w", err)
	}
	p := page{
		Title: plain(d.Title, maxMessage), Outcome: string(d.Verdict.Outcome), Meaning: meanings[d.Verdict.Outcome], Facts: plainFacts(d.Facts),
		Notes:    notes(payload, texts),
		HasNodes: len(payload.Course.States) > 0, Style: template.CSS(style), Data: template.JS(data),
		Script: template.JS(strings.Join([]string{viewScript, lanesScript, chartsScript, controlsScript}, "\n")),
	}
	for _, g := range d.Groups {
		p.Sharded = p.Sharded || g.Partition
	}
	for _, r := range d.Replay {
		p.Replay = append(p.Replay, Replay{plain(r.Command, maxMessage), plain(r.Shows, maxMessage)})
	}
	for _, s := range d.Settings {
		p.Settings = append(p.Settings, Section{plain(s.Title, maxMessage), plainFacts(s.Facts)})
	}
	p.judged(d)
	p.headlines(&d.Verdict)
	p.faults(payload)
	p.evidence(d)
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return fmt.Errorf("report: making the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func plainFacts(list []Fact) []Fact {
	var out []Fact
	for _, f := range list {
		out = append(out, Fact{plain(f.Name, maxMessage), plain(f.Value, maxMessage)})
	}
	return out
}

// headlines are what to read first.
func (p *page) headlines(v *verdict.Verdict) {
	const few, most = 3, 240
	for i, reason := range v.Reasons {
		if i == few {
			p.Headlines = append(p.Headlines, fmt.Sprintf("and %d more", len(v.Reasons)-few))
			break
		}
		if i < len(p.Violations) && p.Violations[i].Finding != nil {
			f := p.Violations[i].Finding
			p.Headlines = append(p.Headlines, fmt.Sprintf("%s: on key %s, operation %d of client %d (%s) has an answer that nothing explains: %s",
				p.Violations[i].Oracle, quote(f.key, 40), f.Operation.ID, f.Operation.Client, plain(f.Operation.What, 60), plain(f.Operation.Answer, 60)))
			continue
		}
		first, _, _ := strings.Cut(reason, "\n")
		p.Headlines = append(p.Headlines, plain(first, most))
	}
}

// judged fills in the verdict's reasons: violations first, then what was not decided, then requirements that are
// not met, as verdict.Judge lists them.
func (p *page) judged(d *Data) {
	c := clockOf(d.History, d.Events)
	byID := map[history.OpID]*history.Operation{}
	if len(d.Findings) > 0 {
		for i := range d.History.Operations {
			byID[d.History.Operations[i].ID] = &d.History.Operations[i]
		}
	}
	next := 0
	for _, v := range d.Verdict.Violations {
		out := violation{
			Oracle: v.Oracle, Promise: promises[v.Oracle], Fingerprint: plain(v.Fingerprint, maxMessage), Message: plain(v.Message, maxMessage),
			Where: where(v, d),
		}
		if v.At != 0 {
			out.At = c.show(c.us(v.At))
		}
		if v.Oracle == linear.Oracle && next < len(d.Findings) {
			out.Finding = finding(d, next, byID, c)
			next++
		}
		p.Violations = append(p.Violations, out)
	}
	for i, reason := range d.Verdict.Reasons[min(len(d.Verdict.Violations), len(d.Verdict.Reasons)):] {
		if i == maxReasons {
			p.Notes = append(p.Notes, fmt.Sprintf("Only %d of the reasons are shown.", maxReasons))
			break
		}
		if what, ok := strings.CutPrefix(reason, "not decided: "); ok {
			p.Undecided = append(p.Undecided, plain(what, maxMessage))
		} else {
			p.Unmet = append(p.Unmet, plain(reason, maxMessage))
		}
	}
}

// where is the place of a violation. Oracles of a group name the replica, whose id is its node's number unless the
// node has had several.
func where(v verdict.Violation, d *Data) string {
	var at []string
	switch {
	case v.Node == 0:
	case d.Nodes > 0 && v.Node > uint64(d.Nodes):
		at = append(at, fmt.Sprintf("replica %d", v.Node))
	default:
		at = append(at, fmt.Sprintf("node %d", v.Node))
	}
	for _, g := range d.Groups {
		if g.ID == v.Group && len(d.Groups) > 1 {
			at = append(at, g.Name)
		}
	}
	return strings.Join(at, " of ")
}

// finding says a finding in words.
func finding(d *Data, i int, byID map[history.OpID]*history.Operation, c clock) *findingText {
	f := &d.Findings[i]
	out := &findingText{Number: i, Key: quote(f.Key, 200), key: f.Key, What: explain(f.Aspect)}
	if i < len(d.Pictures) {
		out.Picture = d.Pictures[i]
	}
	if op := byID[f.Operation]; op != nil {
		out.Operation = describe(op, c)
	}
	for _, id := range f.Contradiction {
		if op := byID[id]; op != nil && id != f.Operation {
			out.Contradiction = append(out.Contradiction, describe(op, c))
		}
	}
	if len(out.Contradiction) > 0 {
		return out
	}
	for _, id := range f.Related {
		if op := byID[id]; op != nil {
			out.Related = append(out.Related, describe(op, c))
		}
	}
	return out
}

// faults fills in the tables of faults.
func (p *page) faults(from *payload) {
	for _, row := range byKind(from.Faults, from.ends) {
		p.Kinds = append(p.Kinds, kindLine{row, fmt.Sprintf("%.2f s", float64(row.On)/1e6)})
	}
	for i := range from.Faults {
		if i == maxStrikes {
			p.MoreStrikes = len(from.Faults) - maxStrikes
			break
		}
		s := from.Faults[i]
		line := strikeLine{strike: s, Begin: fmt.Sprintf("%.3f s", float64(s.From)/1e6), For: fmt.Sprintf("%.3f s", float64(s.To-s.From)/1e6)}
		if s.Bites >= 0 {
			line.First = fmt.Sprintf("%.3f s", float64(s.Bites)/1e6)
		}
		p.Strikes = append(p.Strikes, line)
	}
}

// evidence fills in the table of counters.
func (p *page) evidence(d *Data) {
	tables := map[string]*topicTable{}
	for _, title := range topics {
		tables[title] = &topicTable{Title: title}
	}
	for _, c := range d.Verdict.Evidence.Counters() {
		t := tables[topic(c.Name)]
		t.Counters = append(t.Counters, verdict.Counter{Name: counterName(c.Name), Count: c.Count})
	}
	for _, title := range topics {
		if t := tables[title]; len(t.Counters) > 0 {
			p.Topics = append(p.Topics, *t)
		}
	}
}

// notes say what was left out (REP-4).
func notes(p *payload, t *texts) []string {
	var out []string
	if n := p.Omitted; n > 0 {
		out = append(out, fmt.Sprintf("The timeline shows a part of the operations, to stay small: it leaves out %d, evenly, first of those that were acknowledged. All were judged, and rates are of all.", n))
	}
	if g := p.Course.Gap; g != nil {
		out = append(out, fmt.Sprintf("What the nodes went through is not known from %.3f s to %.3f s: %d events were not kept.", float64(g[0])/1e6, float64(g[1])/1e6, g[2]))
	}
	if t.most < 200 {
		out = append(out, fmt.Sprintf("Keys and values are shown up to %d bytes.", t.most))
	}
	return out
}

// describe says what an operation asked for and what it was answered.
func describe(op *history.Operation, c clock) operationText {
	const most = 80
	from, to, open := c.span(op)
	out := operationText{ID: op.ID, Client: op.Client, What: strings.ReplaceAll(op.Kind.String(), "_", " ")}
	if op.Kind.CarriesValue() {
		out.What += " " + quote(op.Value, most)
	}
	switch op.Kind {
	case history.CASValue:
		out.What += " if it is " + quote(op.ExpectValue, most)
	case history.CASVersion:
		out.What += " if its version is " + decimal(op.ExpectVersion)
	}
	out.Period = c.show(from) + " to " + c.show(to)
	if open {
		out.Period = c.show(from) + " to no end"
	}
	out.Answer = answer(op)
	return out
}

func answer(op *history.Operation) string {
	const most = 80
	if op.Outcome != history.OK {
		text := op.Outcome.String()
		if op.Error != "" {
			text += ": " + plain(op.Error, most)
		}
		return text
	}
	seen, observed := op.Observed()
	text := "done"
	switch {
	case observed && op.Kind == history.Get:
		text = "saw " + quote(seen, most)
	case observed:
		text = "refused, saw " + quote(seen, most)
	case op.Kind == history.Get:
		text = "saw no value"
	case op.Kind.Conditional() && !op.Result.Swapped:
		text = "refused"
	case op.Kind == history.Erase && !op.Result.Found:
		text = "there was nothing"
	}
	if op.Result.Version > 0 {
		text += " at version " + decimal(op.Result.Version)
	}
	if op.Result.Node > 0 {
		text += ", by node " + decimal(op.Result.Node)
	}
	return text
}
