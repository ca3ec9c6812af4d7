package live

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
)

// Pace is how a load fared in a stretch of time.
type Pace struct {
	// Rate is in acknowledged operations a second.
	Rate          float64
	P50, P99, Max time.Duration
	// Unanswered is how many operations did not end OK.
	Unanswered int
}

// PaceOf is the pace of the operations that were called between the two times. The times of a live history are in
// nanoseconds since 1970.
func PaceOf(h *history.History, from, to time.Time) (p Pace) {
	var taken []time.Duration
	for i := range h.Operations {
		op := &h.Operations[i]
		switch {
		case op.CallTime < from.UnixNano() || op.CallTime >= to.UnixNano():
		case op.Outcome == history.OK:
			taken = append(taken, time.Duration(op.ReturnTime-op.CallTime))
		default:
			p.Unanswered++
		}
	}
	if len(taken) == 0 {
		return p
	}
	slices.Sort(taken)
	at := func(percent int) time.Duration { return taken[(len(taken)-1)*percent/100] }
	p.Rate = float64(len(taken)) / to.Sub(from).Seconds()
	p.P50, p.P99, p.Max = at(50), at(99), taken[len(taken)-1]
	return p
}

func (p Pace) String() string {
	milli := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("%6.0f operations/s, p50 %6.1f ms, p99 %6.1f ms, max %7.1f ms, %d not ok",
		p.Rate, milli(p.P50), milli(p.P99), milli(p.Max), p.Unanswered)
}
