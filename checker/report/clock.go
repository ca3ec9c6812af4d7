package report

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/history"
)

// clock turns the times of a run into microseconds since its beginning: the first event, or the first call if that was earlier,
// where the clock is not a virtual one. A history without times is shown by the numbers of its events.
type clock struct {
	base    int64
	byEvent bool
}

func clockOf(h *history.History, log *events.Log) clock {
	c := clock{byEvent: true}
	first := int64(0)
	for i := range h.Operations {
		if t := h.Operations[i].CallTime; t != 0 || h.Operations[i].ReturnTime != 0 {
			c.byEvent = false
			if first == 0 || t < first {
				first = t
			}
		}
	}
	if h.Header.Clock != "virtual" && !c.byEvent {
		c.base = first
		if log != nil && len(log.Before()) > 0 {
			c.base = min(first, log.Before()[0].At)
		}
	}
	return c
}

// us is a time of the run's clock.
func (c clock) us(ns int64) int64 { return (ns - c.base) / int64(time.Microsecond) }

// span is when an operation was called and when it ended; open says that it never did.
func (c clock) span(op *history.Operation) (from, to int64, open bool) {
	open = op.Return == history.Never
	switch {
	case c.byEvent && open:
		return op.Call, op.Call, true
	case c.byEvent:
		return op.Call, op.Return, false
	}
	from = c.us(op.CallTime)
	return from, max(from, c.us(op.ReturnTime)), open
}

// show is a time for people, after the beginning.
func (c clock) show(us int64) string {
	if c.byEvent {
		return fmt.Sprintf("event %d", us)
	}
	return fmt.Sprintf("%.3f s", float64(us)/1e6)
}
