package netsim

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// MaxDrift is the greatest drift of a clock, in parts per million.
const MaxDrift = 500_000

// Clock is the clock of one machine. Its monotonic side runs at a rate of its
// own and never goes back; its wall side follows that and may be displaced.
type Clock struct {
	w   *World
	p   *Process
	ppm int64
	// The rate holds from the anchor on.
	anchorWorld, anchorLocal int64
	offset                   int64 // of the wall clock
	strobe                   int64 // displacement of the wall clock in every second period
	strobePeriod             int64
	strobeStart              int64
}

// local is the time of the machine at a virtual time not before the anchor.
func (c *Clock) local(world int64) int64 {
	e := world - c.anchorWorld
	if c.ppm == 0 {
		return c.anchorLocal + e
	}
	return c.anchorLocal + e + e/1_000_000*c.ppm + e%1_000_000*c.ppm/1_000_000
}

// world is the first virtual time, from now on, at which the machine's time is
// at least local.
func (c *Clock) world(local int64) int64 {
	now := int64(c.w.now)
	e := local - c.anchorLocal
	if e <= 0 {
		return now
	}
	hi, lo := bits.Mul64(uint64(e), 1_000_000)
	q, _ := bits.Div64(hi, lo, uint64(1_000_000+c.ppm))
	t := max(c.anchorWorld+int64(q), now)
	for t > now && c.local(t-1) >= local {
		t--
	}
	for c.local(t) < local {
		t++
	}
	return t
}

func (c *Clock) wall() int64 {
	c.p.stats.WallReadings++
	now := int64(c.w.now)
	t := c.w.cfg.WallStart + c.local(now) + c.offset
	if c.strobePeriod > 0 && (now-c.strobeStart)/c.strobePeriod%2 == 1 {
		c.w.stats.ClockStrobes++
		c.p.stats.ClockStrobes++
		t += c.strobe
	}
	return t
}

// SetDrift makes the clock run ppm parts per million faster than virtual time
// from now on; |ppm| is at most MaxDrift.
func (c *Clock) SetDrift(ppm int64) {
	if ppm > MaxDrift || ppm < -MaxDrift {
		panic(fmt.Sprintf("netsim: clock drift of %d ppm, want at most %d either way", ppm, MaxDrift))
	}
	now := int64(c.w.now)
	c.anchorLocal, c.anchorWorld = c.local(now), now
	c.ppm = ppm
	c.w.happen(KindFault, c.p, "drift", uint64(ppm))
	if c.p.timer.want != env.Never {
		c.p.arm(c.p.timer.want)
	}
}

// Drift returns the drift in parts per million.
func (c *Clock) Drift() int64 { return c.ppm }

// Jump moves the wall clock by d, either way.
func (c *Clock) Jump(d time.Duration) {
	c.offset += int64(d)
	c.w.stats.ClockJumps++
	c.w.happen(KindFault, c.p, "jump", uint64(d))
}

// SetOffset puts the wall clock d away from where it would be without jumps.
func (c *Clock) SetOffset(d time.Duration) { c.Jump(d - time.Duration(c.offset)) }

// Offset returns how far the wall clock has jumped in all.
func (c *Clock) Offset() time.Duration { return time.Duration(c.offset) }

// Strobe makes the wall clock jump ahead by amplitude and back again, each after
// one period; a period of 0 stops it.
func (c *Clock) Strobe(amplitude, period time.Duration) {
	c.strobe, c.strobePeriod, c.strobeStart = int64(amplitude), int64(period), int64(c.w.now)
	c.w.happen(KindFault, c.p, "strobe", mix(uint64(amplitude), uint64(period)))
}

// timer is the one timer of a process.
type timer struct {
	want   env.Instant // local time asked for, Never for none
	due    env.Instant // virtual time of want, slack included
	queued env.Instant // virtual time of the queued event that counts, Never for none
	gen    uint64      // of that event
}

// arm asks for a Tick at a local time. An event that is queued for earlier is
// left to look again, so that re-arming for later costs nothing.
func (p *Process) arm(at env.Instant) {
	t := &p.timer
	t.want = at
	local := int64(at - p.host.origin)
	if at == env.Never || local-p.clock.local(int64(p.w.now)) > 1<<60 {
		t.want = env.Never
		return
	}
	t.due = env.Instant(p.clock.world(local))
	if !p.w.cfg.TimerSlack.IsZero() {
		rnd := mix(mix(p.w.seed, uint64(p.id)), uint64(t.due))
		slack, _ := p.w.cfg.TimerSlack.sample(&rnd)
		t.due = t.due.Add(slack)
	}
	p.queueTimer()
}

func (p *Process) queueTimer() {
	t := &p.timer
	if t.queued <= t.due {
		return
	}
	t.queued = t.due
	t.gen++
	p.w.push(t.due, &record{kind: KindTimer, p: p, inc: t.gen})
}

// timerDue reports whether the timer event of that generation is to be a Tick
// now, and disarms the timer if so.
func (p *Process) timerDue(gen uint64) bool {
	t := &p.timer
	if gen != t.gen || !p.alive {
		return false
	}
	at := t.queued
	t.queued = env.Never
	if t.want == env.Never {
		return false
	}
	if t.due > at {
		p.queueTimer()
		return false
	}
	t.want = env.Never
	return true
}
