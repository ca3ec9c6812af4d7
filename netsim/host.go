package netsim

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
)

// host is what one incarnation stands on. Once that incarnation is over, its
// calls have no effect.
type host struct {
	p           *Process
	incarnation uint64
	origin      env.Instant
}

var _ env.Host = (*host)(nil)

// over reports whether the incarnation is over, or about to be: a machine that
// crashed in the middle of a callback does nothing more.
func (h *host) over() bool {
	p := h.p
	if p.alive && p.incarnation == h.incarnation && p.pending == noCrash {
		return false
	}
	p.w.stats.LateHostCalls++
	return true
}

// Now implements env.Clock.
func (h *host) Now() env.Instant {
	return h.origin + env.Instant(h.p.clock.local(int64(h.p.w.now)))
}

// WallNow implements env.Clock.
func (h *host) WallNow() int64 { return h.p.clock.wall() }

// Arm implements env.Timer.
func (h *host) Arm(at env.Instant) {
	if h.over() {
		return
	}
	h.p.arm(at)
}

// Send implements env.Transport.
func (h *host) Send(to env.NodeID, channel env.Channel, payload []byte) {
	if channel < 0 || channel >= env.NumChannels {
		panic(fmt.Sprintf("netsim: process %d sends to %d on channel %d, want one below %d",
			h.p.id, to, channel, env.NumChannels))
	}
	if h.over() {
		return
	}
	h.p.w.send(h.p, to, channel, payload)
}

// Submit implements env.Executor.
func (h *host) Submit(lane env.Lane, job env.Job) {
	if lane < 0 || lane >= env.NumLanes || job == nil {
		panic(fmt.Sprintf("netsim: process %d submits job %v to lane %d, want a job and a lane below %d",
			h.p.id, job, lane, env.NumLanes))
	}
	if h.over() {
		return
	}
	h.p.submit(lane, job)
}
