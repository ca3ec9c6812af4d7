package replica

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// compaction keeps the log short. Whenever CompactBytes of entries have been applied
// since the last time, the engine is flushed; what the flush before made durable leaves the log
// then, so that followers which are a little behind still find their entries.
//
// A group whose entries stay below CompactBytes is never flushed: it holds back at most that
// many bytes of the node's log, and the segments that they lie in. A node with many groups flushes the engine for
// all of them together (Config.SharedFlush), since the few bytes of an idle one would keep all segments since.
type compaction struct {
	// total is the size of the entries applied so far, counted from the first point.
	total int
	// points are where flushes began, ascending: the first is where the log starts or
	// shortly before, the last where the newest flush began.
	points []logPoint
	// flushing is set while a flush runs.
	flushing bool
	// flushed is what the engine holds durably.
	flushed uint64
}

// logPoint is a place in the log: total bytes of entries were applied up to index.
type logPoint struct {
	index uint64
	total int
}

// pinPatience times CompactBytes is how long the log may grow for the sake of followers
// that answer but are behind. Beyond, they will need a snapshot.
const pinPatience = 8

// newCompaction begins with a log that earlier lives left. Its size is not known, only that of its
// newest entries. If it is too long, because no life lasted until a flush, the next flush is due at once.
func newCompaction(startsAfter, applied uint64, newest []raft.Entry, compactBytes int) compaction {
	c := compaction{flushed: applied, points: []logPoint{{index: startsAfter}}}
	if applied <= startsAfter {
		return c
	}
	size, n := 0, len(newest)
	for i := range newest {
		size += newest[i].Size()
	}
	if n == 0 {
		size, n = (&raft.Entry{}).Size(), 1
	}
	c.total = int(applied-startsAfter) * (size / n)
	began := c.total
	if began > 2*compactBytes {
		began -= compactBytes
	}
	c.points = append(c.points, logPoint{index: applied, total: began})
	return c
}

// installed begins anew after a snapshot that is durable.
func (c *compaction) installed(index uint64) {
	c.flushed = max(c.flushed, index)
	c.points = append(c.points[:0], logPoint{index: index, total: c.total})
}

// held is about how many bytes of applied entries the log still has.
func (c *compaction) held() int { return c.total - c.points[0].total }

// startsAfter notes where the log starts now.
func (c *compaction) startsAfter(index uint64) {
	n := 0
	for n+1 < len(c.points) && c.points[n+1].index <= index {
		n++
	}
	c.points = append(c.points[:0], c.points[n:]...)
}

// flushJob makes durable what the engine holds. It runs beside applying.
type flushJob struct {
	replica *Replica
	// at is what was applied when the flush was asked for.
	at  logPoint
	err error
}

// startFlush begins a flush when enough has been applied.
func (r *Replica) startFlush() {
	c := &r.compaction
	newest := c.points[len(c.points)-1]
	if r.stopped || r.cfg.CompactBytes <= 0 || r.cfg.SharedFlush || c.flushing || c.total-newest.total < r.cfg.CompactBytes {
		return
	}
	c.flushing = true
	r.node.Submit(r, env.LaneSnapshot, &flushJob{replica: r, at: logPoint{index: r.applied, total: c.total}})
}

// Run implements env.Job.
func (j *flushJob) Run() { j.err = j.replica.machine.Flush() }

// Done implements env.Job.
func (j *flushJob) Done() { j.replica.flushed(j.at, j.err) }

// FlushPoint is what a replica had applied when a flush of the engine began.
type FlushPoint struct{ at logPoint }

// AppliedBytes is the size of the entries applied so far, in this life.
func (r *Replica) AppliedBytes() int { return r.compaction.total }

// BeginFlush says that the engine is about to be flushed for all replicas of the node; EndFlush must follow. It
// tells whether there is anything to it: something was applied since the flush before, and none is under way.
func (r *Replica) BeginFlush() (p FlushPoint, needed bool) {
	c := &r.compaction
	if r.stopped || c.flushing || r.applied <= c.points[len(c.points)-1].index {
		return p, false
	}
	c.flushing = true
	return FlushPoint{logPoint{index: r.applied, total: c.total}}, true
}

// EndFlush says that the flush has ended; what was applied when it began is durable, unless err is set.
func (r *Replica) EndFlush(p FlushPoint, err error) { r.flushed(p.at, err) }

// flushed takes in the end of a flush.
func (r *Replica) flushed(at logPoint, err error) {
	c := &r.compaction
	c.flushing = false
	if r.stopped {
		return
	}
	if err != nil {
		r.node.Fail(fmt.Errorf("partition %d: flushing the storage engine: %w; the node stops serving", r.Group(), err))
		return
	}
	before := c.flushed
	c.flushed = max(c.flushed, at.index)
	if newest := &c.points[len(c.points)-1]; at.index > newest.index {
		c.points = append(c.points, at)
	} else {
		newest.total = max(newest.total, at.total)
	}
	r.compactTo(before)
}

// compactTo lets the log forget what is not needed any more, up to index. The engine
// holds it durably (SNAP-11, SNAP-19).
func (r *Replica) compactTo(index uint64) {
	c := &r.compaction
	if r.stopped || index > c.flushed {
		return
	}
	if pin, ok := r.pin(); ok && c.held() < pinPatience*r.cfg.CompactBytes {
		index = min(index, pin)
	}
	r.raft.Compact(min(index, r.raft.Applied()))
	c.startsAfter(r.raft.FirstIndex() - 1)
}

// pin is the oldest index behind which a leader had better keep the log: for the followers that are
// receiving a state, and for those that answer and get entries.
func (r *Replica) pin() (index uint64, ok bool) {
	if r.raft.Role() != raft.Leader {
		return 0, false
	}
	index, ok = r.sendings.pin()
	for _, p := range r.raft.Status().Peers {
		behind := p.NeedsSnapshot || p.Match+1 < r.raft.FirstIndex()
		if behind || p.SinceHeard >= r.cfg.Raft.ElectionTimeout {
			continue
		}
		if !ok || p.Match < index {
			index, ok = p.Match, true
		}
	}
	return index, ok
}

// LogBytes is about how many bytes of applied entries the log still holds.
func (r *Replica) LogBytes() int { return r.compaction.held() }
