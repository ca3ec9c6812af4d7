package progress

import "fmt"

// State says how a follower is sent to.
type State uint8

const (
	// Probe: one append at a time, to find where the logs agree.
	Probe State = iota
	// Replicate: pipelined appends.
	Replicate
	// Snapshot: it needs entries that the log no longer holds; no appends.
	Snapshot
	numStates
)

// String names the state.
func (s State) String() string { return [...]string{"probe", "replicate", "snapshot"}[s] }

// legal[from][to] are the allowed transitions. Replicate to Replicate would
// lose the record of what is in flight.
var legal = [numStates][numStates]bool{
	Probe:     {Replicate: true, Snapshot: true},
	Replicate: {Probe: true, Snapshot: true},
	Snapshot:  {Probe: true, Replicate: true},
}

// Limits bounds what is on its way to one follower; both are at least 1.
type Limits struct {
	MaxAppends int
	MaxBytes   int
}

// Progress is what a leader knows of one follower (nextIndex and matchIndex of
// Figure 2, and the pacing of appends). Make it with New.
type Progress struct {
	limits Limits
	state  State
	match  uint64
	next   uint64
	// paused: nothing is sent until Resume (or an answer, in Probe).
	paused bool
	// fetchLo is the first index of the outstanding fetch, 0 if there is none.
	fetchLo uint64
	flight  inflights
}

// New returns the progress of a follower of which nothing is known but the
// leader's guess that it lacks the entries from next on (§5.3). match starts at 0:
// only the follower's own answers move it.
func New(next uint64, limits Limits) Progress {
	if next == 0 || limits.MaxAppends < 1 || limits.MaxBytes < 1 {
		panic(fmt.Sprintf("progress: next %d and limits %+v must be at least 1", next, limits))
	}
	return Progress{limits: limits, next: next}
}

// State returns how the follower is sent to.
func (p *Progress) State() State { return p.state }

// Match returns the last index that the follower acknowledged as durable.
func (p *Progress) Match() uint64 { return p.match }

// Next returns the index of the next entry to send.
func (p *Progress) Next() uint64 { return p.next }

// Paused tells whether sending waits for an answer or for Resume.
func (p *Progress) Paused() bool { return p.paused }

// Fetching returns the first index of the outstanding fetch, 0 if there is none.
func (p *Progress) Fetching() uint64 { return p.fetchLo }

// Inflight returns the number and bytes of appends on their way.
func (p *Progress) Inflight() (appends, bytes int) { return p.flight.count, p.flight.bytes }

// Ready tells whether an append should be sent now, given the leader's last
// index. A probe is due even if there is nothing new.
func (p *Progress) Ready(last uint64) bool {
	if p.paused || p.fetchLo != 0 || p.state == Snapshot {
		return false
	}
	if p.state == Probe {
		return true
	}
	return p.next <= last && p.flight.count < p.limits.MaxAppends
}

// Fits tells whether an append of this many bytes keeps within the limit. The
// first one in flight always fits: an entry larger than the limit must get through.
func (p *Progress) Fits(bytes int) bool {
	return p.flight.count == 0 || p.flight.bytes+bytes <= p.limits.MaxBytes
}

// Room returns how many more bytes may be in flight.
func (p *Progress) Room() int { return max(0, p.limits.MaxBytes-p.flight.bytes) }

// Sent records an append that was sent: entries next..last of this many bytes; last = next-1 if
// it carried none.
func (p *Progress) Sent(last uint64, bytes int) {
	if last+1 < p.next || p.paused || p.fetchLo != 0 || p.state == Snapshot || !p.Fits(bytes) {
		panic(fmt.Sprintf("progress: append to %d (%d bytes) sent against the rules: %v", last, bytes, p))
	}
	if p.state == Probe {
		p.paused = true
		return
	}
	if last+1 == p.next || p.flight.count == p.limits.MaxAppends {
		panic(fmt.Sprintf("progress: append to %d (%d bytes) sent against the rules: %v", last, bytes, p))
	}
	p.flight.add(flight{last: last, bytes: bytes})
	p.next = last + 1
}

// Ack records that the follower durably holds everything up to index. It tells
// whether that was news. It does not end the state Snapshot: CaughtUp does.
func (p *Progress) Ack(index uint64) bool {
	if index < p.match || (index == p.match && p.state != Probe) {
		return false
	}
	p.match = max(p.match, index)
	p.next = max(p.next, p.match+1)
	p.flight.freeTo(index)
	if p.state == Probe {
		p.transition(Replicate)
	}
	return true
}

// Refuse records that the follower does not hold the entry before an append at
// index prev, and that the leader should look at hint next. It tells whether
// that was news: refusals of appends that are superseded, or of what the
// follower has since acknowledged, are ignored.
func (p *Progress) Refuse(prev, hint uint64) bool {
	if prev <= p.match || prev >= p.next || p.state == Snapshot {
		return false
	}
	if p.state == Probe && prev != p.next-1 {
		return false
	}
	if p.state == Replicate {
		p.transition(Probe)
	}
	p.next = max(p.match+1, min(prev, hint+1))
	p.paused = false
	return true
}

// NeedSnapshot records that the log does not hold the entries from Next on: only the state
// machine's state can bring the follower on.
func (p *Progress) NeedSnapshot() { p.transition(Snapshot) }

// CaughtUp ends the state Snapshot: what the follower acknowledged meanwhile is enough for the log
// to go on from there.
func (p *Progress) CaughtUp() {
	if p.state != Snapshot {
		panic(fmt.Sprintf("progress: caught up without a snapshot: %v", p))
	}
	p.transition(Replicate)
}

// SnapshotEnded ends the state Snapshot when the sending is over, with what success only the follower
// can tell: it is probed with the first entry that the log holds. After a failure that
// waits for Resume.
func (p *Progress) SnapshotEnded(first uint64, ok bool) {
	if p.state != Snapshot {
		return
	}
	p.transition(Probe)
	p.next = max(p.next, first)
	p.paused = !ok
}

// Resume ends a pause: the append it waits for may have been lost.
func (p *Progress) Resume() { p.paused = false }

// FetchStarted records that the entries from Next on were asked for.
func (p *Progress) FetchStarted() {
	if p.fetchLo != 0 {
		panic(fmt.Sprintf("progress: second fetch while one is outstanding: %v", p))
	}
	p.fetchLo = p.next
}

// FetchEnded records the answer to the fetch from lo on and tells whether it was
// the outstanding one and is still wanted. A failed fetch pauses until Resume.
func (p *Progress) FetchEnded(lo uint64, failed bool) bool {
	if lo == 0 || lo != p.fetchLo {
		return false
	}
	p.fetchLo = 0
	if failed {
		p.paused = true
	}
	return !failed && !p.paused && lo == p.next
}

// transition is the only place where the state changes.
func (p *Progress) transition(to State) {
	if !legal[p.state][to] {
		panic(fmt.Sprintf("progress: illegal transition from %v to %v", p.state, to))
	}
	p.state = to
	p.paused = false
	p.flight.reset()
	if to == Replicate {
		p.next = p.match + 1
	}
}

// Check returns an error that names the invariant that does not hold. It costs
// the same however much is in flight.
func (p *Progress) Check() error {
	if p.match >= p.next {
		return fmt.Errorf("PROG-1: match is not below next: %v", p)
	}
	if p.flight.count > 0 && p.state != Replicate {
		return fmt.Errorf("PROG-3: appends in flight: %v", p)
	}
	if p.flight.count > p.limits.MaxAppends {
		return fmt.Errorf("PROG-4: more than %d appends in flight: %v", p.limits.MaxAppends, p)
	}
	if p.flight.count > 1 && p.flight.bytes > p.limits.MaxBytes {
		return fmt.Errorf("PROG-4: more than %d bytes in flight: %v", p.limits.MaxBytes, p)
	}
	if n := p.flight.count; n > 0 && (p.flight.at(0).last <= p.match || p.flight.at(n-1).last >= p.next) {
		return fmt.Errorf("PROG-3: append in flight outside (match, next): %v", p)
	}
	return nil
}

// String shows the progress for people.
func (p *Progress) String() string {
	return fmt.Sprintf("%v match=%d next=%d inflight=%d/%dB paused=%t fetching=%d",
		p.state, p.match, p.next, p.flight.count, p.flight.bytes, p.paused, p.fetchLo)
}
