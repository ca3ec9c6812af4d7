package transfer

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// throttle is a token bucket. Its unit is a billionth of a byte, so that
// credit for a nanosecond is a whole number at any rate.
type throttle struct {
	rate   int64 // bytes per second; 0: no bound
	full   int64 // the bucket's size
	credit int64 // negative after a chunk larger than the bucket
	at     env.Instant
}

const byteCredit = int64(time.Second)

func newThrottle(now env.Instant, bytesPerSecond int64, burst int) throttle {
	full := int64(burst) * byteCredit
	return throttle{rate: bytesPerSecond, full: full, credit: full, at: now}
}

// refill adds what time has earned.
func (t *throttle) refill(now env.Instant) {
	elapsed := int64(now.Sub(t.at))
	if t.rate == 0 || elapsed <= 0 {
		return
	}
	t.at = now
	// The comparison spares the product an overflow.
	if elapsed > (t.full-t.credit)/t.rate {
		t.credit = t.full
		return
	}
	t.credit += elapsed * t.rate
}

// take spends n bytes if that is allowed now. A chunk larger than the bucket needs a full one and
// leaves a debt.
func (t *throttle) take(now env.Instant, n int) bool {
	if t.rate == 0 {
		return true
	}
	t.refill(now)
	if t.credit < t.price(n) {
		return false
	}
	t.credit -= int64(n) * byteCredit
	return true
}

// price is the credit needed to spend n bytes.
func (t *throttle) price(n int) int64 { return min(int64(n)*byteCredit, t.full) }

// ready is when n bytes may be spent.
func (t *throttle) ready(n int) env.Instant {
	lack := t.price(n) - t.credit
	if t.rate == 0 || lack <= 0 {
		return t.at
	}
	return t.at.Add(time.Duration((lack + t.rate - 1) / t.rate))
}
