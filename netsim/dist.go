package netsim

import "time"

// Dist is a distribution of durations: Base plus a uniform part of [0, Jitter],
// and with probability Tail, on top, a uniform part of [TailMin, TailMax]. The zero
// value is always 0.
type Dist struct {
	Base    time.Duration
	Jitter  time.Duration
	Tail    float64 // probability in [0,1]
	TailMin time.Duration
	TailMax time.Duration
}

// IsZero reports whether every draw is 0.
func (d Dist) IsZero() bool { return d == Dist{} }

// sample draws from the distribution with the stream *s; tail reports whether the
// long tail was hit.
func (d *Dist) sample(s *uint64) (v time.Duration, tail bool) {
	v = d.Base
	if d.Jitter > 0 {
		v += uniform(s, d.Jitter)
	}
	if d.Tail > 0 && chance(s, d.Tail) {
		v += d.TailMin
		if d.TailMax > d.TailMin {
			v += uniform(s, d.TailMax-d.TailMin)
		}
		return v, true
	}
	return v, false
}

// uniform draws a duration of [0, limit].
func uniform(s *uint64, limit time.Duration) time.Duration {
	return time.Duration(splitmix(s) % (uint64(limit) + 1))
}

// below draws a number of [0, n).
func below(s *uint64, n int) int { return int(splitmix(s) % uint64(n)) }

// chance draws true with probability p.
func chance(s *uint64, p float64) bool {
	if p <= 0 {
		return false
	}
	// 2^-53 steps are exact in a float64, so the comparison is the same everywhere.
	return float64(splitmix(s)>>11)*(1.0/(1<<53)) < p
}

// identity numbers the draws of one source (a link, a lane). A draw is keyed by
// the source, the bucket of virtual time it falls in, and its ordinal in that
// bucket. Plain ordinals would shift all later draws when one message is
// removed; with buckets the draws are the same again from the next bucket on.
type identity struct {
	key    uint64
	bucket int64
	n      uint64
}

// identityBucket is the width of the buckets of identity.
const identityBucket = int64(time.Millisecond)

// draw returns the state of the stream that belongs to the next draw at time now.
func (i *identity) draw(now int64) uint64 {
	if b := now / identityBucket; b != i.bucket {
		i.bucket, i.n = b, 0
	}
	i.n++
	return mix(mix(i.key, uint64(i.bucket)), i.n)
}
