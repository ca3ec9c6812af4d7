package report

import (
	"cmp"
	"slices"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
)

// maxOperations is how many operations a report holds; of more it keeps a part. maxStrikes is how many faults are
// in the list.
const (
	maxOperations = 120_000
	maxStrikes    = 2_000
	// maxTexts is how many bytes all keys and values together may take.
	maxTexts = 12 << 20
)

// payload is what the page's script gets.
type payload struct {
	// Unit is "us" or "event"; End is the last time.
	Unit     string   `json:"unit"`
	End      int64    `json:"end"`
	Texts    []string `json:"texts"`
	Clients  []uint64 `json:"clients"`
	Kinds    []string `json:"kinds"`
	Outcomes []string `json:"outcomes"`
	Ops      columns  `json:"ops"`
	// Omitted is how many operations are not here, Weights how many of an outcome each that is here stands for.
	Omitted  int         `json:"omitted"`
	Weights  [3]float64  `json:"weights"`
	Nodes    int         `json:"nodes"`
	Groups   []groupInfo `json:"groups"`
	Roles    []string    `json:"roles"`
	Course   course      `json:"course"`
	Faults   []strike    `json:"faults"`
	Findings []named     `json:"findings"`
	Alarms   []alarm     `json:"alarms"`

	ends *ends
}

type groupInfo struct {
	Name      string `json:"name"`
	Partition bool   `json:"partition"`
}

// named are the operations that a finding names, by their places in the columns.
type named struct {
	Op      int   `json:"op"`
	Related []int `json:"related"`
}

// alarm is when an oracle fired.
type alarm struct {
	At   int64  `json:"at"`
	Text string `json:"text"`
}

// columns are the operations, each field a column. At is the time since the operation before, Took how long it
// was until it ended, negative if it never did: then -1-Took is how long the client waited.
type columns struct {
	ID        []int64  `json:"id"`
	Client    []int    `json:"client"`
	Kind      []int    `json:"kind"`
	Outcome   []int    `json:"outcome"`
	At        []int64  `json:"at"`
	Took      []int64  `json:"took"`
	Key       []int    `json:"key"`
	Value     []int    `json:"value"`
	Expect    []int    `json:"expect"`
	Result    []int    `json:"result"`
	Error     []int    `json:"error"`
	Version   []uint64 `json:"version"`
	Node      []uint64 `json:"node"`
	Partition []uint64 `json:"partition"`
	Index     []uint64 `json:"index"`
	// Flags: 1 found, 2 swapped, 4 stale.
	Flags []int `json:"flags"`
}

const (
	flagFound = 1 << iota
	flagSwapped
	flagStale
)

// build makes the payload of data, with keys and values cut to a length at which all of them fit.
func build(d *Data) (*payload, *texts) {
	kept := keep(d.History.Operations, d.Findings, maxOperations)
	var p *payload
	var t *texts
	for _, most := range []int{200, 64, 24, 10} {
		t = newTexts(most)
		p = fill(d, kept, t)
		if t.size <= maxTexts {
			break
		}
	}
	p.Texts = t.list
	return p, t
}

// keep chooses the operations that are shown: all, or if there are more than most those that findings name, those
// that were not acknowledged as far as they take half of the room, and of the others every so many.
func keep(ops []history.Operation, findings []linear.Finding, most int) []*history.Operation {
	kept := make([]*history.Operation, 0, min(len(ops), most))
	name := map[history.OpID]bool{}
	for i := range findings {
		name[findings[i].Operation] = true
		for _, id := range beside(&findings[i]) {
			name[id] = true
		}
	}
	var there [2]int // acknowledged, and others
	for i := range ops {
		there[class(&ops[i])]++
	}
	room := most - len(name)
	var quota [2]int
	quota[1] = min(there[1], max(room/2, room-there[0]))
	quota[0] = min(there[0], room-quota[1])
	var seen [2]int
	for i := range ops {
		c := class(&ops[i])
		// The n-th of its class is kept if its share of the quota grows with it.
		share := seen[c] * quota[c] / there[c]
		seen[c]++
		if len(ops) <= most || name[ops[i].ID] || seen[c]*quota[c]/there[c] > share {
			kept = append(kept, &ops[i])
		}
	}
	return kept
}

// beside are the operations to show next to the one of a finding: those that contradict it, or if they are not known
// those to look at.
func beside(f *linear.Finding) []history.OpID {
	if len(f.Contradiction) == 0 {
		return f.Related
	}
	return slices.DeleteFunc(slices.Clone(f.Contradiction), func(id history.OpID) bool { return id == f.Operation })
}

func class(op *history.Operation) int {
	if op.Outcome == history.OK {
		return 0
	}
	return 1
}

func fill(d *Data, kept []*history.Operation, t *texts) *payload {
	c := clockOf(d.History, d.Events)
	p := &payload{Unit: "us", Nodes: d.Nodes, Roles: roles, Outcomes: []string{"ok", "failed", "unknown"}}
	if c.byEvent {
		p.Unit = "event"
	}
	for k := history.Get; k <= history.PutIfAbsent; k++ {
		p.Kinds = append(p.Kinds, k.String())
	}
	p.End = lastTime(d, c)
	p.Groups = []groupInfo{}
	for _, g := range d.Groups {
		p.Groups = append(p.Groups, groupInfo{g.Name, g.Partition})
	}
	p.operations(kept, c, t)
	p.omit(d.History.Operations, kept)
	p.Course = readCourse(d.Events, d.Groups, c, t, p.End)
	p.Faults = strikes(d.Events, c, p.End)
	var leaders tally
	for _, s := range p.Course.Roles {
		if s[2] == int64(len(roles)-1) {
			leaders = append(leaders, s[4])
		}
	}
	p.ends = endsOf(d.History, leaders, c)
	for i := range p.Faults {
		p.Faults[i].meanwhile = p.ends.in(p.Faults[i].From, p.Faults[i].To)
	}
	p.alarm(d, kept, c)
	return p
}

// lastTime is the end of the time axis, a little after everything.
func lastTime(d *Data, c clock) int64 {
	end := int64(1)
	for i := range d.History.Operations {
		_, to, _ := c.span(&d.History.Operations[i])
		end = max(end, to)
	}
	if d.Events != nil {
		for _, part := range [2]int{0, 1} {
			list := d.Events.Before()
			if part == 1 {
				list = d.Events.After()
			}
			if n := len(list); n > 0 {
				end = max(end, c.us(list[n-1].At))
			}
		}
	}
	return end + 1
}

// operations fills the columns.
func (p *payload) operations(kept []*history.Operation, c clock, t *texts) {
	for _, op := range kept {
		p.Clients = append(p.Clients, op.Client)
	}
	slices.Sort(p.Clients)
	p.Clients = slices.Compact(p.Clients)
	last, o := int64(0), &p.Ops
	for _, op := range kept {
		from, to, open := c.span(op)
		client, _ := slices.BinarySearch(p.Clients, op.Client)
		took := to - from
		if open {
			took = -1 - took
		}
		o.ID, o.Client = append(o.ID, int64(op.ID)), append(o.Client, client)
		o.Kind, o.Outcome = append(o.Kind, int(op.Kind-history.Get)), append(o.Outcome, int(op.Outcome-history.OK))
		o.At, o.Took = append(o.At, from-last), append(o.Took, took)
		last = from
		o.Key, o.Value = append(o.Key, t.quoted(op.Key)), append(o.Value, quotedIf(t, op.Kind.CarriesValue(), op.Value))
		o.Expect = append(o.Expect, expectation(t, op))
		seen, observed := op.Observed()
		o.Result, o.Error = append(o.Result, quotedIf(t, observed, seen)), append(o.Error, t.said(op.Error))
		o.Version, o.Node = append(o.Version, op.Result.Version), append(o.Node, op.Result.Node)
		o.Partition, o.Index = append(o.Partition, op.Result.Partition), append(o.Index, op.Result.Index)
		flags := 0
		for flag, on := range map[int]bool{flagFound: op.Result.Found, flagSwapped: op.Result.Swapped, flagStale: op.Stale} {
			if on {
				flags |= flag
			}
		}
		o.Flags = append(o.Flags, flags)
	}
}

func quotedIf(t *texts, there bool, s string) int {
	if !there {
		return 0
	}
	return t.quoted(s)
}

// expectation is the condition of a conditional write.
func expectation(t *texts, op *history.Operation) int {
	switch op.Kind {
	case history.CASValue:
		return t.quoted(op.ExpectValue)
	case history.CASVersion:
		return t.add("version " + decimal(op.ExpectVersion))
	}
	return 0
}

// omit notes how many operations are missing, and how many each of those that are there stands for.
func (p *payload) omit(all []history.Operation, kept []*history.Operation) {
	p.Omitted = len(all) - len(kept)
	var of, here [history.Unknown + 1]int
	for i := range all {
		of[all[i].Outcome]++
	}
	for _, op := range kept {
		here[op.Outcome]++
	}
	for o := history.OK; o <= history.Unknown; o++ {
		p.Weights[o-history.OK] = 1
		if here[o] > 0 {
			p.Weights[o-history.OK] = float64(of[o]) / float64(here[o])
		}
	}
}

// alarm notes when oracles fired and which operations findings name.
func (p *payload) alarm(d *Data, kept []*history.Operation, c clock) {
	at := func(id history.OpID) int {
		i, _ := slices.BinarySearchFunc(kept, id, func(op *history.Operation, id history.OpID) int { return cmp.Compare(op.ID, id) })
		return i
	}
	p.Findings, p.Alarms = []named{}, []alarm{}
	for i := range d.Findings {
		f := named{Op: at(d.Findings[i].Operation), Related: []int{}}
		for _, id := range beside(&d.Findings[i]) {
			f.Related = append(f.Related, at(id))
		}
		p.Findings = append(p.Findings, f)
	}
	for _, v := range d.Verdict.Violations {
		if v.At != 0 && !c.byEvent {
			p.Alarms = append(p.Alarms, alarm{c.us(v.At), v.Oracle})
		}
	}
}
