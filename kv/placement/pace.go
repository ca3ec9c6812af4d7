package placement

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// paceWindow is how many reports are looked at to tell the pace of copying.
const paceWindow = 10

// pace observes how fast copies grow, for the estimate of what remains.
type pace struct {
	since env.Instant
	bytes uint64
	// rate is in bytes per second, 0 if nothing was copied yet.
	rate uint64
}

// note compares a report with the one before of the same log, as far as it speaks of replicas that are no
// voters yet.
func (p *pace) note(d *Driver, now env.Instant, x *sighting, r *Report) {
	for i := range r.Replicas {
		c := &r.Replicas[i]
		if v := d.views[c.Group]; v == nil || !v.learner(c.Replica) {
			continue
		}
		before := uint64(0)
		if old := x.report.of(c.Group); old != nil && old.Replica == c.Replica {
			before = old.Bytes
		}
		if c.Bytes > before {
			p.bytes += c.Bytes - before
		}
	}
	elapsed := now.Sub(p.since)
	if elapsed < paceWindow*d.cfg.ReportEvery {
		return
	}
	// A window in which nothing was copied says nothing about the pace of copying.
	if p.bytes > 0 {
		rate := uint64(float64(p.bytes) / elapsed.Seconds())
		if p.rate > 0 {
			rate = (rate + p.rate) / 2
		}
		p.rate = max(rate, 1)
	}
	p.since, p.bytes = now, 0
}

// learner tells whether the replica gets a copy at the moment.
func (v *view) learner(replica uint64) bool {
	for _, m := range v.members {
		if m.Replica == replica {
			return !m.Voter && !m.Outgoing
		}
	}
	return false
}

// left is how long copying so many bytes takes at the pace that was observed; negative if that is not known.
func (p *pace) left(bytes uint64) time.Duration {
	switch {
	case bytes == 0:
		return 0
	case p.rate == 0:
		return -1
	}
	return time.Duration(bytes/p.rate)*time.Second + time.Duration(bytes%p.rate*uint64(time.Second)/p.rate)
}
