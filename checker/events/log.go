package events

import (
	"encoding/json"
	"io"
)

// DefaultLimit is the number of events that a log of a run keeps: some megabytes in a file.
const DefaultLimit = 40_000

// Log gathers the events of a run, in the order of their times.
type Log struct {
	limit int
	first []Event
	// last is a ring of the newest events once first is full; next is the oldest of them.
	last []Event
	next int
	gap  Gap
}

// Gap is what a log does not hold (EVT-1).
type Gap struct {
	// Events is how many are missing, 0 for none; From and To are the times of the first and the last.
	Events   int
	From, To int64
}

// NewLog returns a log for at most limit events, at least 2.
func NewLog(limit int) *Log { return &Log{limit: max(limit, 2)} }

// Add appends an event, which is not older than the one before.
func (l *Log) Add(e Event) {
	switch half := l.limit / 2; {
	case len(l.first) < half:
		l.first = append(l.first, e)
	case len(l.last) < l.limit-half:
		l.last = append(l.last, e)
	default:
		out := l.last[l.next].At
		if l.gap.Events == 0 {
			l.gap.From = out
		}
		l.gap.Events, l.gap.To = l.gap.Events+1, out
		l.last[l.next] = e
		l.next = (l.next + 1) % len(l.last)
	}
}

// Before are the events up to the gap, After those behind it. Without a gap the two are the whole run.
func (l *Log) Before() []Event { return l.first }

// After are the events behind the gap.
func (l *Log) After() []Event {
	return append(append([]Event{}, l.last[l.next:]...), l.last[:l.next]...)
}

// Gap is what is missing between Before and After.
func (l *Log) Gap() Gap { return l.gap }

// head is the first line of a file of events.
type head struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Events  int    `json:"events"`
	// Missing and the times around it are there if not all events were kept.
	Missing     int   `json:"missing,omitempty"`
	MissingFrom int64 `json:"missing_from,omitempty"`
	MissingTo   int64 `json:"missing_to,omitempty"`
}

// Write writes the log as JSON lines: a header, then an event a line (EVT-2).
func (l *Log) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	h := head{
		Format: "holdfast-events", Version: 1, Events: len(l.first) + len(l.last),
		Missing: l.gap.Events, MissingFrom: l.gap.From, MissingTo: l.gap.To,
	}
	if err := enc.Encode(h); err != nil {
		return err
	}
	for _, part := range [][]Event{l.Before(), l.After()} {
		for i := range part {
			if err := enc.Encode(&part[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
