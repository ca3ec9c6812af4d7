package plan

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Quirks are what the seams (kv/env) allow the world to do at any time, and hardly ever see it do: FoundationDB's
// buggify, from outside of the production code. Each is a probability for each occasion until HealAt, but for the first two.
type Quirks struct {
	// Crowd is how many inputs a turn of a node's loop takes at most when they queue (0: one), and LoopBusy how long each
	// turn keeps the loop busy, so that they do.
	Crowd    int           `json:"crowd,omitempty"`
	LoopBusy time.Duration `json:"loop_busy,omitempty"`
	// SpareTick brings a tick before the timer is due, LateTick brings it late, by up to half an election timeout.
	SpareTick float64 `json:"spare_tick,omitempty"`
	LateTick  float64 `json:"late_tick,omitempty"`
	// LateDone tells the node of the end of a job long after it ran, by up to an election timeout.
	LateDone float64 `json:"late_done,omitempty"`
	// FullQueue drops a message, and what follows it on its channel for up to half an election timeout, as a transport does whose
	// queue is full.
	FullQueue float64 `json:"full_queue,omitempty"`
}

// maxLoopBusy and maxCrowd bound what a plan may ask for.
const (
	maxLoopBusy = 10 * time.Millisecond
	maxCrowd    = 1 << 16
)

// drawQuirks gives half of the plans some.
func (p *Plan) drawQuirks(s *rand.Rand) {
	q := Quirks{
		Crowd: pick(s, 0, 2, 8, 64), LoopBusy: pick(s, 0, 20*time.Microsecond, 200*time.Microsecond, time.Millisecond),
		SpareTick: pick(s, 0, 0, 0.01, 0.2), LateTick: pick(s, 0, 0, 0.01, 0.1),
		LateDone: pick(s, 0, 0, 0.005, 0.05), FullQueue: pick(s, 0, 0, 0.0005, 0.005),
	}
	if s.IntN(2) == 0 {
		p.Quirks = q
	}
}

func (q *Quirks) check() error {
	for _, chance := range []float64{q.SpareTick, q.LateTick, q.LateDone, q.FullQueue} {
		if !(chance >= 0 && chance <= 1) {
			return fmt.Errorf("plan: quirks: %v is no probability", chance)
		}
	}
	if q.Crowd < 0 || q.Crowd > maxCrowd || q.LoopBusy < 0 || q.LoopBusy > maxLoopBusy {
		return fmt.Errorf("plan: quirks: crowd is 0 to %d, loop_busy up to %v", maxCrowd, maxLoopBusy)
	}
	return nil
}
