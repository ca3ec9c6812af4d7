package bench

import (
	"sync/atomic"
	"time"
)

// timetable hands out the times at which operations are due at a fixed rate.
// They are computed from the number of the operation, so that no error adds up.
type timetable struct {
	rate  float64 // per second
	total int64   // operations due before the end
	taken atomic.Int64
}

func newTimetable(rate float64, duration time.Duration) *timetable {
	return &timetable{rate: rate, total: int64(rate * duration.Seconds())}
}

// next returns how long after the start the next operation is due; false when
// there are no more.
func (t *timetable) next() (time.Duration, bool) {
	n := t.taken.Add(1) - 1
	if n >= t.total {
		return 0, false
	}
	return t.due(n), true
}

func (t *timetable) due(n int64) time.Duration {
	return time.Duration(float64(n) / t.rate * float64(time.Second))
}
