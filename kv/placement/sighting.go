package placement

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// maxSightings bounds the logs that a driver remembers to have heard of.
const maxSightings = 4 * MaxNodes

// origin is a node with one of its logs. Two processes that use one id are told apart by it.
type origin struct{ node, store uint64 }

func (o origin) compare(p origin) int {
	return cmp.Or(cmp.Compare(o.node, p.node), cmp.Compare(o.store, p.store))
}

// sighting is what the driver knows of a node in one of its logs.
type sighting struct {
	// since is when the driver first knew of it, heard when it last reported, or never.
	since, heard env.Instant
	ever         bool
	// listed says that this log is in the table.
	listed bool
	// flaps counts how often it came back from the dead, trusted is when it may get replicas again.
	flaps   int
	trusted env.Instant
	report  Report
}

// last is when it was last known to live; who was never heard is given the benefit of the doubt
// from since on.
func (x *sighting) last() env.Instant {
	if x.ever {
		return x.heard
	}
	return x.since
}

// silent is how long it was not heard of, as far as the driver was awake to hear it.
func (d *Driver) silent(now env.Instant, x *sighting) time.Duration {
	return now.Sub(max(x.last(), d.began))
}

// wake notices that the driver was not called for long, as when the process was stopped: then the silence is its own.
// It begins anew, as far as silence goes.
func (d *Driver) wake(now env.Instant) {
	if now.Sub(d.called) > suspectAfter*d.cfg.ReportEvery {
		d.began = now
	}
	d.called = now
}

func (d *Driver) isDead(now env.Instant, x *sighting) bool {
	return d.silent(now, x) >= d.cfg.DeadAfter
}

// probation is how long the node must answer before it gets replicas again.
func (d *Driver) probation(flaps int) time.Duration {
	return d.cfg.FlapDamping << min(flaps-1, 6)
}

// sight returns what is known of the log, remembering it if it is new.
func (d *Driver) sight(now env.Instant, o origin) *sighting {
	x := d.seen[o]
	if x == nil {
		d.forget()
		x = &sighting{since: now}
		d.seen[o] = x
	}
	return x
}

// forget makes room for one more: of the logs that are not in the table the one that was silent for longest
// goes. There are at most MaxNodes others.
func (d *Driver) forget() {
	if len(d.seen) < maxSightings {
		return
	}
	var oldest origin
	for o, x := range d.seen {
		y := d.seen[oldest]
		if !x.listed && (y == nil || cmp.Or(cmp.Compare(x.last(), y.last()), o.compare(oldest)) < 0) {
			oldest = o
		}
	}
	delete(d.seen, oldest)
}

// hear notes that the node lives.
func (d *Driver) hear(now env.Instant, r Report) {
	x := d.sight(now, origin{r.Node, r.Store})
	if d.isDead(now, x) {
		x.flaps++
		x.trusted = now.Add(d.probation(x.flaps))
	}
	if x.flaps > 0 && now >= x.trusted.Add(d.probation(x.flaps)) {
		x.flaps = 0
	}
	d.pace.note(d, now, x, &r)
	x.heard, x.ever, x.report = now, true, r
}

// list notes which logs are in the table.
func (d *Driver) list(now env.Instant, s *State) {
	for _, x := range d.seen {
		x.listed = false
	}
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.State != Removed {
			d.sight(now, origin{n.ID, n.Store}).listed = true
		}
	}
}

// standing is what a node is good for at the moment.
type standing struct {
	*Node
	// dead: it was silent for too long. recent: it was heard of lately. steady: it may get replicas.
	dead, recent, steady bool
}

// live tells whether the node counts as one that answers.
func (x standing) live() bool { return x.Node != nil && !x.dead }

// inRing tells whether the node takes part in the placement.
func (x standing) inRing() bool { return x.live() && x.State == Up }

// badness orders the reasons for which a node is to lose what it has: 0 for none.
func (x standing) badness() int {
	switch {
	case x.Node == nil || x.State == Removed:
		return 3
	case x.dead:
		return 2
	case x.State == Draining:
		return 1
	}
	return 0
}

func (d *Driver) standing(now env.Instant, n *Node) standing {
	x := d.seen[origin{n.ID, n.Store}]
	if x == nil {
		return standing{Node: n} // the driver has just learned of it
	}
	st := standing{Node: n, dead: d.isDead(now, x)}
	st.recent = x.ever && now.Sub(x.heard) < suspectAfter*d.cfg.ReportEvery
	st.steady = st.recent && n.State == Up && (x.flaps == 0 || now >= x.trusted)
	return st
}

// nextDue is when the next silence becomes too long, or the next probation ends, or the driver must show that it is
// awake.
func (d *Driver) nextDue(now env.Instant) env.Instant {
	due := now.Add(suspectAfter * d.cfg.ReportEvery / 2) // else it would seem to have slept
	consider := func(at env.Instant) {
		if at > now {
			due = min(due, at)
		}
	}
	consider(d.began.Add(d.cfg.DeadAfter))
	for _, x := range d.seen {
		if x.listed {
			consider(max(x.last(), d.began).Add(d.cfg.DeadAfter))
			consider(x.trusted)
		}
	}
	for _, v := range d.views {
		consider(v.heard.Add(d.cfg.DeadAfter))
	}
	return due
}

// origins returns the logs that were heard of, ascending.
func (d *Driver) origins() []origin {
	all := make([]origin, 0, len(d.seen))
	for o := range d.seen {
		all = append(all, o)
	}
	slices.SortFunc(all, origin.compare)
	return all
}
