package transfer

import (
	"bytes"
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// Task says what a Sender sends, and to whom.
type Task struct {
	Group    raft.GroupID
	From, To raft.ReplicaID
	// Term is the term that From leads; a Sender does not outlive it.
	Term uint64
	// Join is the receiver's confchange.Member.Store if it is a learner.
	Join      uint64
	Mark      raft.Mark
	StateHash uint64
	// Stream is a number that no other Sender of this leader has: a random one.
	Stream uint64
}

// ReadRequest asks the shell for the pairs behind At.After, about MaxBytes of them.
type ReadRequest struct {
	At       Position
	MaxBytes int
}

// ReadResult is what the shell read.
type ReadResult struct {
	// Data is one or more whole pairs, Last the key of the last one; both empty if there
	// are none. The Sender keeps them.
	Data, Last []byte
	// Sum is the checksum behind Data, going on from ReadRequest.At.Sum.
	Sum uint64
	// Done: no pairs follow. Pairs and Sum are then what Install verifies.
	Done  bool
	Pairs uint64
	// Err is why nothing could be read; it ends the transfer.
	Err error
}

// State is how far a Sender is.
type State uint8

const (
	Running State = iota
	// Succeeded: the receiver has the state, or a newer one.
	Succeeded
	// Failed: Sender.Err says why. The receiver may have part of the state; another Sender of
	// the same state goes on from there.
	Failed
)

// Progress counts a Sender's work.
type Progress struct {
	// Chunks and Bytes of data were sent, again or for the first time.
	Chunks, Bytes uint64
	// AckedChunks and AckedBytes of what this Sender has sent are staged.
	AckedChunks, AckedBytes uint64
	// Restarts is how often the receiver fell back.
	Restarts int
	// At is the number of chunks that the receiver has staged, whoever sent them.
	At uint64
}

// sent is a chunk that the receiver has not staged yet.
type sent struct {
	chunk Chunk
	end   Position // behind the chunk
	try   uint64   // of its latest sending; 0: to be sent
}

// Sender streams one state to one replica. Within a turn: Ack and Read as they come, Tick when
// Deadline has passed, then Output and Next.
type Sender struct {
	task   Task
	limits Limits

	state State
	err   error

	known    bool     // base is what the receiver said
	base     Position // the receiver's stage, as far as known
	highest  uint64   // the highest base.Next so far
	window   []sent   // chunks from base.Next on
	held     int      // bytes in window
	read     Position // behind what was read
	readDone bool
	reading  bool
	discard  bool // the outstanding read is for a position that was left

	try  uint64 // of the latest message
	echo uint64 // the highest try answered
	want uint64 // Want of the latest answer

	installing bool

	backoff    time.Duration
	retryAt    env.Instant // when to probe; Never if nothing is awaited
	heardAt    env.Instant // latest answer, or when waiting for one began
	progressAt env.Instant
	throttle   throttle
	progress   Progress
	out        []Chunk
}

// NewSender starts a transfer: its first output is a probe. It panics if the limits are not
// sound (Limits.Check) or the task's ids are zero.
func NewSender(now env.Instant, task Task, limits Limits) *Sender {
	limits.mustHold()
	s := &Sender{
		task: task, limits: limits, backoff: limits.RetryAfter, heardAt: now, progressAt: now,
		retryAt: env.Never, throttle: newThrottle(now, limits.BytesPerSecond, limits.ChunkBytes),
	}
	probe := s.chunk(Probe)
	probe.Try = 1
	if err := probe.check(); err != nil {
		panic(fmt.Sprintf("transfer: a sender needs a group, two replicas and a mark: %+v", task))
	}
	s.probe(now)
	return s
}

// State is how far the transfer is.
func (s *Sender) State() State { return s.state }

// Err is why the transfer failed; nil unless it did.
func (s *Sender) Err() error { return s.err }

// Progress counts the transfer's work so far.
func (s *Sender) Progress() Progress {
	p := s.progress
	p.At = s.base.Next
	return p
}

// Task is what the sender was started with.
func (s *Sender) Task() Task { return s.task }

// Next returns a read to do, if one is wanted. Its result goes to Read; until then there
// is no other.
func (s *Sender) Next() (ReadRequest, bool) {
	room := len(s.window) < s.limits.Window && s.held < s.limits.Window*s.limits.ChunkBytes
	if s.state != Running || !s.known || s.reading || s.readDone || s.installing || !room {
		return ReadRequest{}, false
	}
	s.reading = true
	most := min(s.limits.ChunkBytes, s.limits.Window*s.limits.ChunkBytes-s.held)
	return ReadRequest{At: s.read.clone(), MaxBytes: most}, true
}

// Read takes the result of the read that Next asked for.
func (s *Sender) Read(now env.Instant, res ReadResult) {
	if !s.reading {
		panic("transfer: the result of a read that nobody asked for")
	}
	s.reading = false
	stale := s.discard
	s.discard = false
	if s.state != Running || stale {
		return
	}
	switch {
	case res.Err != nil:
		s.fail(fmt.Errorf("reading the state: %w", res.Err))
		return
	case len(res.Data) > MaxData || len(res.Last) > MaxKey:
		s.fail(fmt.Errorf("a pair of the state is too large to send: %d bytes, the bound is %d", len(res.Data), MaxData))
		return
	case s.read.Next >= maxNumber:
		s.fail(fmt.Errorf("the receiver claims to have staged %d chunks", s.read.Next))
		return
	case len(res.Data) == 0 && !res.Done, len(res.Data) > 0 && bytes.Equal(res.Last, s.read.After):
		s.fail(fmt.Errorf("reading the state brought nothing behind chunk %d, and not its end", s.read.Next))
		return
	}
	if len(res.Data) > 0 {
		c := s.chunk(Data)
		c.Data = res.Data
		s.queue(c, Position{Next: s.read.Next + 1, After: res.Last, Sum: res.Sum})
	}
	if res.Done {
		c := s.chunk(End)
		c.Pairs, c.Sum = res.Pairs, res.Sum
		s.queue(c, s.read)
		s.readDone = true
	}
	s.pump(now)
}

// queue appends a chunk at the read position to the window.
func (s *Sender) queue(c Chunk, end Position) {
	c.Number, c.After = s.read.Next, s.read.After
	s.window = append(s.window, sent{chunk: c, end: end})
	s.held += len(c.Data)
	s.read = end
}

// Ack takes an answer. One that is not for this sender is ignored (XFER-4).
func (s *Sender) Ack(now env.Instant, a *Ack) {
	t := &s.task
	id := Identity{Index: t.Mark.Index, Term: t.Mark.Term, StateHash: t.StateHash}
	mine := a.Group == t.Group && a.From == t.To && a.To == t.From && a.Term == t.Term && a.Identity == id && a.Stream == t.Stream
	if s.state != Running || !mine || a.check() != nil || a.Try > s.try || a.Try < s.echo {
		return
	}
	fresh := a.Try > s.echo
	s.echo, s.heardAt = a.Try, now
	switch a.Status {
	case Done:
		s.state, s.retryAt = Succeeded, env.Never
		s.release()
		return
	case Refused:
		s.fail(fmt.Errorf("replica %d refused: %v", t.To, a.Reason))
		return
	case Installing:
		s.installing = true
		if s.retryAt == env.Never {
			s.retryAt = now.Add(s.backoff)
		}
	case Going:
		s.going(now, a, fresh)
	}
	s.pump(now)
}

// going takes the receiver's position. Among answers to the same message, which may
// overtake each other, only one that is further ahead counts.
func (s *Sender) going(now env.Instant, a *Ack, fresh bool) {
	ahead := a.At.Next > s.base.Next || a.At.Next == s.base.Next && a.Want > s.want
	if s.known && !fresh && (!ahead || s.installing) {
		return
	}
	s.installing = false
	s.want = a.Want
	n, ok := s.follows(&a.At)
	switch {
	case ok:
		s.staged(now, n)
	case !s.known || s.restart():
		s.jump(a.At)
	default:
		return
	}
	if s.base.Next > s.highest || !s.known {
		s.highest, s.progressAt = s.base.Next, now
	}
	if !s.inFlight() {
		s.retryAt = env.Never
	}
	s.known = true
	s.resend()
}

// follows tells whether a position is that of the base, or behind the n-th chunk of the window.
func (s *Sender) follows(p *Position) (n int, ok bool) {
	if !s.known || p.Next < s.base.Next || p.Next-s.base.Next > uint64(len(s.window)) {
		return 0, false
	}
	n = int(p.Next - s.base.Next)
	at := &s.base
	if n > 0 {
		at = &s.window[n-1].end
	}
	return n, at.Next == p.Next && bytes.Equal(at.After, p.After)
}

// staged drops the first n chunks of the window: the receiver has them.
func (s *Sender) staged(now env.Instant, n int) {
	if n == 0 {
		return
	}
	for i := range n {
		size := len(s.window[i].chunk.Data)
		s.held -= size
		s.progress.AckedChunks++
		s.progress.AckedBytes += uint64(size)
	}
	s.base = s.window[n-1].end
	// A fresh array lets go of the data of what was staged.
	s.window = append([]sent(nil), s.window[n:]...)
	s.backoff = s.limits.RetryAfter
	s.retryAt = env.Never
	if s.inFlight() {
		s.retryAt = now.Add(s.backoff)
	}
}

// restart counts that the receiver fell back, and tells whether that may go on (XFER-6).
func (s *Sender) restart() bool {
	s.progress.Restarts++
	if s.progress.Restarts > s.limits.MaxRestarts {
		s.fail(fmt.Errorf("replica %d fell back %d times: it loses what it has received", s.task.To, s.progress.Restarts))
		return false
	}
	return true
}

// jump goes on at the position that the receiver names (XFER-2).
func (s *Sender) jump(to Position) {
	s.release()
	s.base = to.clone()
	s.read = s.base
	s.readDone = false
	s.discard = s.reading
}

// release lets go of the data.
func (s *Sender) release() { s.window, s.held = nil, 0 }

// resend marks the chunk that the receiver wants if it was sent before the message that was
// answered, and so is lost or late.
func (s *Sender) resend() {
	if s.want < s.base.Next || s.want-s.base.Next >= uint64(len(s.window)) {
		return
	}
	if w := &s.window[s.want-s.base.Next]; w.try < s.echo {
		w.try = 0
	}
}

// pump sends what may be sent.
func (s *Sender) pump(now env.Instant) {
	if s.state != Running || s.installing {
		return
	}
	for i := range s.sendable() {
		w := &s.window[i]
		if w.try != 0 {
			continue
		}
		if !s.throttle.take(now, len(w.chunk.Data)) {
			return
		}
		if size := len(w.chunk.Data); size > 0 {
			s.progress.Chunks++
			s.progress.Bytes += uint64(size)
		}
		s.send(now, w.chunk)
		w.try = s.try
	}
}

// sendable is the number of chunks of the window that may be on their way: the end may make it
// one too many.
func (s *Sender) sendable() int { return min(len(s.window), s.limits.Window) }

// blocked returns the first chunk that only the throttle holds back.
func (s *Sender) blocked() (*sent, bool) {
	if s.state != Running || s.installing {
		return nil, false
	}
	for i := range s.sendable() {
		if s.window[i].try == 0 {
			return &s.window[i], true
		}
	}
	return nil, false
}

// inFlight tells whether a chunk was sent whose answer is awaited.
func (s *Sender) inFlight() bool {
	for i := range s.window {
		if s.window[i].try != 0 {
			return true
		}
	}
	return false
}

// probe asks where the receiver stands.
func (s *Sender) probe(now env.Instant) { s.send(now, s.chunk(Probe)) }

// send puts a message out and waits for its answer.
func (s *Sender) send(now env.Instant, c Chunk) {
	s.try++
	c.Try = s.try
	s.out = append(s.out, c)
	if s.retryAt == env.Never {
		s.retryAt = now.Add(s.backoff)
		s.heardAt = max(s.heardAt, now)
	}
}

func (s *Sender) chunk(kind Kind) Chunk {
	t := &s.task
	return Chunk{
		Kind: kind, Group: t.Group, From: t.From, To: t.To, Term: t.Term, Join: t.Join,
		Mark: t.Mark, StateHash: t.StateHash, Stream: t.Stream,
	}
}

// Tick does what is due.
func (s *Sender) Tick(now env.Instant) {
	if s.state != Running {
		return
	}
	switch {
	case s.retryAt != env.Never && now.Sub(s.heardAt) >= s.limits.SilenceTimeout:
		s.fail(fmt.Errorf("replica %d was silent for %v", s.task.To, s.limits.SilenceTimeout))
		return
	case now.Sub(s.progressAt) >= s.limits.StallTimeout:
		s.fail(fmt.Errorf("no progress at chunk %d for %v", s.base.Next, s.limits.StallTimeout))
		return
	case s.retryAt <= now:
		s.backoff = min(2*s.backoff, s.limits.MaxRetryAfter)
		s.retryAt = now.Add(s.backoff)
		s.probe(now)
	}
	s.pump(now)
}

// Deadline is when Tick is due next.
func (s *Sender) Deadline() env.Instant {
	if s.state != Running {
		return env.Never
	}
	at := s.progressAt.Add(s.limits.StallTimeout)
	if s.retryAt != env.Never {
		at = min(at, s.retryAt, s.heardAt.Add(s.limits.SilenceTimeout))
	}
	if w, ok := s.blocked(); ok {
		at = min(at, s.throttle.ready(len(w.chunk.Data)))
	}
	return at
}

// Output returns what to send since the last call. The chunks' byte strings are not the caller's to
// change.
func (s *Sender) Output() []Chunk {
	out := s.out
	s.out = nil
	return out
}

func (s *Sender) fail(err error) {
	s.state, s.retryAt = Failed, env.Never
	s.err = fmt.Errorf("transfer: the state (index %d) of group %d was not sent to replica %d: %w",
		s.task.Mark.Index, s.task.Group, s.task.To, err)
	s.release()
	s.out = nil
}
