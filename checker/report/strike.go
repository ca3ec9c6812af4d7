package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/history"
)

// strike is one fault that struck, and what happened while it was on.
type strike struct {
	Number  int    `json:"n"`
	Kind    string `json:"kind"`
	Targets []int  `json:"targets"`
	// Change says that it was a change that an operator asked for, which takes until it is done.
	Change bool  `json:"change"`
	From   int64 `json:"from"`
	To     int64 `json:"to"`
	// Effects is how many effects it had. 0 is none: it found nothing to hit.
	Effects uint64 `json:"effects"`
	// Bites is when it had the first of them, -1 if that is not known.
	Bites int64 `json:"bites"`
	meanwhile
}

// Nodes names the nodes that were hit.
func (s *strike) Nodes() string {
	if len(s.Targets) == 0 {
		return "all"
	}
	var names []string
	for _, n := range s.Targets {
		names = append(names, strconv.Itoa(n))
	}
	return strings.Join(names, ", ")
}

// strikes finds the faults in a log.
func strikes(log *events.Log, c clock, end int64) []strike {
	list := []strike{}
	if log == nil {
		return list
	}
	at := map[int]int{}
	for _, part := range [][]events.Event{log.Before(), log.After()} {
		for i := range part {
			e := &part[i]
			switch e.Kind {
			case events.Fault, events.Change:
				at[e.Fault] = len(list)
				list = append(list, strike{Number: e.Fault, Kind: e.Name, Targets: slices.Clone(e.Targets), From: c.us(e.At), To: end, Bites: -1, Change: e.Kind == events.Change})
			case events.Bites:
				if n, ok := at[e.Fault]; ok {
					list[n].Bites = c.us(e.At)
				}
			case events.FaultEnd:
				if n, ok := at[e.Fault]; ok {
					list[n].To, list[n].Effects = c.us(e.At), e.Count
				}
			}
		}
	}
	return list
}

// tally counts times that lie in periods.
type tally []int64

// in is how many of the times lie in a period.
func (t tally) in(from, to int64) int {
	low, _ := slices.BinarySearch(t, from)
	high, _ := slices.BinarySearch(t, to+1)
	return high - low
}

// ends are when operations ended, by outcome, and when leaders were elected.
type ends struct {
	byOutcome [history.Unknown + 1]tally
	leaders   tally
}

func endsOf(h *history.History, leaders tally, c clock) *ends {
	e := &ends{leaders: leaders}
	for i := range h.Operations {
		op := &h.Operations[i]
		_, to, _ := c.span(op)
		e.byOutcome[op.Outcome] = append(e.byOutcome[op.Outcome], to)
	}
	for o := range e.byOutcome {
		slices.Sort(e.byOutcome[o])
	}
	slices.Sort(e.leaders)
	return e
}

// meanwhile is what happened in a period.
type meanwhile struct {
	// OK, Failed and Unknown are the operations that ended so, Leaders the leaders elected.
	OK      int `json:"ok"`
	Failed  int `json:"failed"`
	Unknown int `json:"unknown"`
	Leaders int `json:"leaders"`
}

func (e *ends) in(from, to int64) meanwhile {
	return meanwhile{
		OK: e.byOutcome[history.OK].in(from, to), Failed: e.byOutcome[history.Failed].in(from, to),
		Unknown: e.byOutcome[history.Unknown].in(from, to), Leaders: e.leaders.in(from, to),
	}
}

// kindRow sums up the faults of one kind. Where several were on at once, that counts once.
type kindRow struct {
	Kind        string
	Struck, Bit int
	meanwhile
	On int64 // microseconds that at least one was on
	// until is the end of the last one so far.
	until int64
}

// byKind sums up faults, which are ascending in From, the most frequent kind first.
func byKind(list []strike, e *ends) []kindRow {
	rows := map[string]*kindRow{}
	var out []kindRow
	for i := range list {
		s := &list[i]
		r := rows[s.Kind]
		if r == nil {
			r = &kindRow{Kind: s.Kind, until: -1}
			rows[s.Kind] = r
		}
		r.Struck++
		if s.Effects > 0 {
			r.Bit++
		}
		from := max(s.From, r.until+1)
		if from > s.To {
			continue
		}
		m := e.in(from, s.To)
		r.OK, r.Failed, r.Unknown, r.Leaders = r.OK+m.OK, r.Failed+m.Failed, r.Unknown+m.Unknown, r.Leaders+m.Leaders
		r.On, r.until = r.On+s.To-from, s.To
	}
	for _, r := range rows {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b kindRow) int { return cmp.Or(cmp.Compare(b.Struck, a.Struck), cmp.Compare(a.Kind, b.Kind)) })
	return out
}
