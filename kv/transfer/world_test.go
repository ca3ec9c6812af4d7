package transfer

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

const (
	testGroup = raft.GroupID(7)
	testSelf  = raft.ReplicaID(9)
)

// pair is one pair of a test state.
type pair struct{ key, value []byte }

// state is what is transferred: sorted pairs, and its place in the log.
type state struct {
	mark  raft.Mark
	hash  uint64
	pairs []pair
}

func (s *state) id() Identity {
	return Identity{Index: s.mark.Index, Term: s.mark.Term, StateHash: s.hash}
}

// makeState makes a state whose values tell its index.
func makeState(index, term uint64, pairs, valueBytes int) *state {
	s := &state{mark: raft.Mark{Index: index, Term: term, Config: []byte(fmt.Sprint("config ", index))}, hash: index*1000 + term}
	for i := range pairs {
		v := bytes.Repeat([]byte{byte(index)}, valueBytes)
		s.pairs = append(s.pairs, pair{fmt.Appendf(nil, "key%06d", i), v})
	}
	return s
}

func (s *state) sum() uint64 {
	var sum uint64
	for _, p := range s.pairs {
		sum = addPair(sum, p)
	}
	return sum
}

func addPair(sum uint64, p pair) uint64 {
	b := binary.LittleEndian.AppendUint64(nil, sum)
	return xxhash.Sum64(appendBytes(appendBytes(b, p.key), p.value))
}

// export reads the pairs behind a position, as the shell of a sender does.
func (s *state) export(req ReadRequest) ReadResult {
	res := ReadResult{Sum: req.At.Sum}
	i := 0
	for i < len(s.pairs) && bytes.Compare(s.pairs[i].key, req.At.After) <= 0 {
		i++
	}
	for ; i < len(s.pairs); i++ {
		p := s.pairs[i]
		if size := len(p.key) + len(p.value) + 4; len(res.Data) > 0 && len(res.Data)+size > req.MaxBytes {
			return res
		}
		res.Data = appendBytes(appendBytes(res.Data, p.key), p.value)
		res.Last, res.Sum = p.key, addPair(res.Sum, p)
	}
	res.Done, res.Pairs = true, uint64(len(s.pairs))
	return res
}

// stage is what a receiver has stored of a state; the last chunks may get lost in a crash.
type stage struct {
	id     Identity
	chunks [][]pair
	synced int
}

func (s *stage) position() Position {
	p := Position{Next: uint64(len(s.chunks))}
	for _, c := range s.chunks {
		for _, kv := range c {
			p.After, p.Sum = kv.key, addPair(p.Sum, kv)
		}
	}
	return p
}

func (s *stage) pairs() []pair {
	var all []pair
	for _, c := range s.chunks {
		all = append(all, c...)
	}
	return all
}

func parsePairs(data []byte) []pair {
	var out []pair
	r := &reader{rest: data}
	for len(r.rest) > 0 && r.err == nil {
		out = append(out, pair{r.bytes(MaxKey), r.bytes(MaxData)})
	}
	return out
}

// event is something that happens at a time.
type event struct {
	at  env.Instant
	seq int
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// peer is a sender with its shell.
type peer struct {
	*Sender
	state *state
	start env.Instant
	sends []spent
}

// spent is data sent at a time.
type spent struct {
	at    env.Instant
	bytes int
}

// world is a network with faults, some senders, and one receiver with a disk.
type world struct {
	rng    *rand.Rand
	now    env.Instant
	queue  events
	seq    int
	limits Limits

	loss, dup float64
	jobTime   time.Duration

	states map[Identity]*state
	peers  []*peer // the latest one of each leader last
	recv   *Receiver
	life   int // of the receiver: jobs of an earlier one are lost
	disk   *stage
	term   uint64
	have   *state // installed

	installs []Identity
	broken   []string // what went against a promise
}

func newWorld(seed uint64, limits Limits) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 1)), limits: limits, states: make(map[Identity]*state),
		disk: &stage{}, jobTime: 2 * time.Millisecond,
	}
	w.recv = NewReceiver(testGroup, testSelf, limits)
	return w
}

func (w *world) breach(format string, args ...any) {
	w.broken = append(w.broken, fmt.Sprintf("%v: ", time.Duration(w.now))+fmt.Sprintf(format, args...))
}

func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.queue, event{w.now.Add(d), w.seq, do})
}

func (w *world) some(limit time.Duration) time.Duration {
	return time.Duration(1 + w.rng.Int64N(int64(limit)))
}

// lead starts a sender of a leader.
func (w *world) lead(id raft.ReplicaID, term uint64, s *state) *peer {
	w.states[s.id()] = s
	task := Task{
		Group: testGroup, From: id, To: testSelf, Term: term, Join: 5,
		Mark: s.mark, StateHash: s.hash, Stream: w.rng.Uint64(),
	}
	p := &peer{Sender: NewSender(w.now, task, w.limits), state: s, start: w.now}
	w.peers = append(w.peers, p)
	return p
}

// post sends a message over the network.
func (w *world) post(msg []byte) {
	copies := 1
	if w.rng.Float64() < w.loss {
		copies = 0
	} else if w.rng.Float64() < w.dup {
		copies = 2
	}
	for range copies {
		w.after(w.some(20*time.Millisecond), func() { w.deliver(msg) })
	}
}

func (w *world) deliver(msg []byte) {
	if !IsAck(msg) {
		c, err := DecodeChunk(bytes.Clone(msg))
		if err != nil {
			w.breach("a chunk does not decode: %v", err)
			return
		}
		w.recv.Chunk(w.now, &c)
		return
	}
	a, err := DecodeAck(bytes.Clone(msg))
	if err != nil {
		w.breach("an ack does not decode: %v", err)
		return
	}
	for _, p := range w.peers {
		if p.task.From == a.To {
			p.Ack(w.now, &a)
		}
	}
}

// turn carries out what senders and receiver ask for.
func (w *world) turn() {
	for _, p := range w.peers {
		if p.Deadline() <= w.now {
			p.Tick(w.now)
		}
		for _, c := range p.Output() {
			if c.Kind == Data {
				p.sends = append(p.sends, spent{w.now, len(c.Data)})
			}
			w.post(AppendChunk(nil, &c))
		}
		if req, ok := p.Next(); ok {
			w.after(w.some(w.jobTime), func() { p.Read(w.now, p.state.export(req)) })
		}
		w.watchSender(p)
	}
	if w.recv.Deadline() <= w.now {
		w.recv.Tick(w.now)
	}
	for _, a := range w.recv.Acks() {
		w.post(AppendAck(nil, &a))
	}
	if req, ok := w.recv.Request(); ok {
		life := w.life
		w.after(w.some(w.jobTime), func() {
			if life == w.life {
				w.work(&req)
			}
		})
	}
	w.watchReceiver()
}

// largest is the most that one chunk can have.
func (w *world) largest() int {
	most := w.limits.ChunkBytes
	for _, s := range w.states {
		for _, p := range s.pairs {
			most = max(most, len(p.key)+len(p.value)+4)
		}
	}
	return most
}

func (w *world) watchSender(p *peer) {
	bytes, ahead := 0, uint64(0)
	for i := range p.window {
		bytes += len(p.window[i].chunk.Data)
		if p.window[i].try != 0 {
			ahead++
		}
	}
	if bound := w.limits.Window*w.limits.ChunkBytes + w.largest(); bytes > bound || bytes != p.held {
		w.breach("a sender holds %d bytes (counted %d), the bound is %d", bytes, p.held, bound)
	}
	if ahead > uint64(w.limits.Window) || len(p.window) > w.limits.Window+1 {
		w.breach("a sender has %d chunks on their way", ahead)
	}
}

func (w *world) watchReceiver() {
	cur := w.recv.cur
	if cur == nil {
		return
	}
	bytes := 0
	for i := range cur.held {
		bytes += len(cur.held[i].Data)
	}
	if bound := w.limits.Window*w.limits.ChunkBytes + w.largest(); bytes > bound || len(cur.held) > w.limits.Window || bytes != cur.heldBytes {
		w.breach("the receiver holds %d chunks of %d bytes (counted %d)", len(cur.held), bytes, cur.heldBytes)
	}
}

// work does a request of the receiver on its disk.
func (w *world) work(req *Request) {
	switch req.Kind {
	case Open:
		if w.disk.id != req.Identity {
			w.disk = &stage{id: req.Identity}
		}
		w.recv.Begun(w.now, w.disk.position(), nil)
	case Write:
		w.write(req)
		w.recv.Written(w.now, w.disk.position(), nil)
	case Install:
		w.recv.Installed(w.now, w.install(req))
	case Discard:
		w.disk = &stage{}
		w.recv.Discarded()
	}
}

func (w *world) write(req *Request) {
	want := w.states[req.Identity].pairs
	at := len(w.disk.pairs())
	got := parsePairs(req.Data)
	for i, p := range got {
		if at+i >= len(want) || !bytes.Equal(p.key, want[at+i].key) || !bytes.Equal(p.value, want[at+i].value) {
			w.breach("chunk %d of state %v: pair %d is not that of the state", req.Number, req.Identity, at+i)
		}
	}
	if w.disk.id != req.Identity || req.Number != uint64(len(w.disk.chunks)) {
		w.breach("chunk %d of %v is written to a stage of %v with %d chunks", req.Number, req.Identity, w.disk.id, len(w.disk.chunks))
	}
	w.disk.chunks = append(w.disk.chunks, got)
	if w.rng.IntN(3) == 0 {
		w.disk.synced = len(w.disk.chunks)
	}
}

func (w *world) install(req *Request) error {
	s := w.states[req.Identity]
	if p := w.disk.position(); p.Sum != req.Sum || uint64(len(w.disk.pairs())) != req.Pairs || s.sum() != req.Sum {
		w.breach("the state %v is incomplete at its installation", req.Identity)
		return errors.New("incomplete")
	}
	if !bytes.Equal(req.Mark.Config, s.mark.Config) {
		w.breach("the configuration of another state")
	}
	if w.have != nil && w.have.mark.Index >= s.mark.Index {
		w.breach("index %d replaces index %d", s.mark.Index, w.have.mark.Index)
	}
	w.have, w.disk = s, &stage{}
	w.installs = append(w.installs, req.Identity)
	return nil
}

// crash ends the receiver's life and starts another on what its disk kept.
func (w *world) crash() {
	w.life++
	if n := len(w.disk.chunks); n > 0 {
		keep := w.disk.synced + w.rng.IntN(n-w.disk.synced+1)
		w.disk.chunks = w.disk.chunks[:keep]
		w.disk.synced = keep
	}
	w.recv = NewReceiver(testGroup, testSelf, w.limits)
	w.recv.SetTerm(w.term)
	if w.have != nil {
		w.recv.SetHave(w.now, w.have.mark.Index)
	}
	w.recv.Found(w.now)
}

// run lets time pass until the condition holds, at most for d; it tells whether it does.
func (w *world) run(d time.Duration, until func() bool) bool {
	end := w.now.Add(d)
	for range 1_000_000 { // a bound on what is due again and again at one time
		w.turn()
		if until() {
			return true
		}
		next := w.recv.Deadline()
		for _, p := range w.peers {
			next = min(next, p.Deadline())
		}
		if len(w.queue) > 0 {
			next = min(next, w.queue[0].at)
		}
		if next > end {
			w.now = end
			return false
		}
		w.now = max(w.now, next)
		for len(w.queue) > 0 && w.queue[0].at <= w.now {
			heap.Pop(&w.queue).(event).do()
		}
	}
	return false
}

func never() bool { return false }
