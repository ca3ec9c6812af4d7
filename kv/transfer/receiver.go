package transfer

import (
	"bytes"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// RequestKind says what a Request asks for.
type RequestKind uint8

const (
	// Open asks for the durable stage of the state, going on with what it holds or starting
	// empty, whatever stage was there before; answered with Begun.
	Open RequestKind = iota + 1
	// Write asks to stage Data; answered with Written.
	Write
	// Install asks to verify the stage against Pairs and Sum and to put it in the place of
	// the state machine's state, durably; answered with Installed.
	Install
	// Discard asks to delete the stage; answered with Discarded.
	Discard
)

// Request is work for the shell, off the loop.
type Request struct {
	Kind RequestKind
	// Mark and Identity are those of the state; zero in Discard.
	Mark     raft.Mark
	Identity Identity
	// Number and Data are the chunk to write.
	Number uint64
	Data   []byte
	// Pairs and Sum are what the sender promises of the whole state; only in Install.
	Pairs, Sum uint64
}

// Receiver takes in states for one replica. Within a turn: SetTerm and SetHave, the chunks
// and the answers to its request, Tick when Deadline has passed; then Acks and Request.
type Receiver struct {
	group  raft.GroupID
	self   raft.ReplicaID
	limits Limits

	term uint64 // the replica's
	have uint64 // the index that the replica's state covers

	cur    *reception // nil: none
	serial uint64     // of the newest reception

	busy   RequestKind // the request that the shell works on, 0 if none
	owner  uint64      // the reception that it is for
	out    Request     // to be handed out, if its Kind is not 0
	dropAt env.Instant // when to discard a stage that no reception owns; Never if there is none

	acks []Ack
}

// reception is one state on its way in.
type reception struct {
	serial uint64
	id     Identity
	mark   raft.Mark
	term   uint64 // the highest of its senders

	peer address // its latest sender
	open bool    // at is known
	at   Position
	// held are chunks from at.Next on, by number, which is within the window.
	held       []Chunk
	heldBytes  int
	installing bool
	heardAt    env.Instant
}

// address is where an answer goes.
type address struct {
	to                raft.ReplicaID
	term, stream, try uint64
}

// NewReceiver returns the receiver of one replica. It panics if the limits are not sound.
func NewReceiver(group raft.GroupID, self raft.ReplicaID, limits Limits) *Receiver {
	limits.mustHold()
	return &Receiver{group: group, self: self, limits: limits, dropAt: env.Never}
}

// Found says that a stage has survived a restart: it is discarded unless a reception takes
// it over within IdleTimeout.
func (r *Receiver) Found(now env.Instant) { r.dropAt = now.Add(r.limits.IdleTimeout) }

// SetTerm tells the replica's term. Senders of older terms are refused.
func (r *Receiver) SetTerm(term uint64) { r.term = max(r.term, term) }

// SetHave tells the index up to which the replica's state covers the log. A reception of
// an older state ends.
func (r *Receiver) SetHave(now env.Instant, index uint64) {
	r.have = max(r.have, index)
	c := r.cur
	if c == nil || c.installing || c.id.Index > r.have {
		return
	}
	r.reply(c.peer, c.id, Ack{Status: Done})
	r.abandon(now)
}

// Receiving returns the mark of the state that is coming in, and how many chunks of it are
// staged.
func (r *Receiver) Receiving() (mark raft.Mark, chunks uint64, ok bool) {
	if r.cur == nil {
		return raft.Mark{}, 0, false
	}
	return r.cur.mark, r.cur.at.Next, true
}

// Chunk takes a message of a sender. The Receiver keeps its byte strings for a while.
func (r *Receiver) Chunk(now env.Instant, c *Chunk) {
	if c.Group != r.group || c.To != r.self || c.check() != nil {
		return
	}
	id := c.Identity()
	from := address{to: c.From, term: c.Term, stream: c.Stream, try: c.Try}
	switch {
	case c.Term < r.term:
		r.reply(from, id, Ack{Status: Refused, Reason: StaleTerm})
		return
	case id.Index <= r.have:
		r.reply(from, id, Ack{Status: Done})
		return
	}
	if ok, why := r.admit(now, c, id); !ok {
		r.reply(from, id, why)
		return
	}
	r.cur.heardAt = now
	r.cur.hear(from)
	r.receive(now, c)
}

// admit makes the chunk's state the current one if it is not and may be (XFER-3); if it may
// not, it returns what to answer.
func (r *Receiver) admit(now env.Instant, c *Chunk, id Identity) (ok bool, why Ack) {
	cur := r.cur
	if cur == nil {
		r.begin(c, id)
		return true, Ack{}
	}
	same := id == cur.id && bytes.Equal(c.Mark.Config, cur.mark.Config)
	switch {
	case c.Term < cur.term:
		return false, Ack{Status: Refused, Reason: StaleTerm}
	case same:
		cur.term = c.Term
		return true, Ack{}
	case c.Term == cur.term && id.Index < cur.id.Index:
		return false, Ack{Status: Refused, Reason: Older}
	case c.Term == cur.term && id.Index == cur.id.Index:
		return false, Ack{Status: Refused, Reason: Conflict}
	case cur.installing:
		return false, Ack{Status: Waiting}
	}
	r.reply(cur.peer, cur.id, Ack{Status: Refused, Reason: superseded(c.Term, cur.term)})
	r.begin(c, id)
	return true, Ack{}
}

// superseded is why a sender of term old gives way to one of a term that is not older.
func superseded(term, old uint64) Reason {
	if term > old {
		return StaleTerm
	}
	return Older
}

// begin starts a reception in the place of the current one.
func (r *Receiver) begin(c *Chunk, id Identity) {
	r.serial++
	mark := c.Mark
	mark.Config = bytes.Clone(mark.Config)
	r.retract()
	r.cur = &reception{serial: r.serial, id: id, mark: mark, term: c.Term}
	r.dropAt = env.Never
	r.next()
}

// hear notes who sent the latest message of the reception.
func (c *reception) hear(from address) {
	if from.term < c.peer.term {
		return
	}
	if from.to == c.peer.to && from.term == c.peer.term && from.stream == c.peer.stream {
		from.try = max(from.try, c.peer.try)
	}
	c.peer = from
}

// receive takes a chunk of the current reception.
func (r *Receiver) receive(now env.Instant, c *Chunk) {
	cur := r.cur
	if !cur.open || cur.installing || c.Kind == Probe || !cur.hold(c, &r.limits) {
		r.answer()
		return
	}
	gap := c.Number != cur.at.Next
	r.next()
	if gap && c.Number > cur.want() {
		r.answer()
	}
}

// hold keeps a chunk until its turn comes, if it is within the window and the memory
// (XFER-7). It tells whether it does. The chunk whose turn it is always has a place, or
// those behind it could keep it out for ever.
func (c *reception) hold(chunk *Chunk, l *Limits) bool {
	if chunk.Number < c.at.Next || chunk.Number-c.at.Next >= uint64(l.Window) {
		return false
	}
	i := 0
	for i < len(c.held) && c.held[i].Number < chunk.Number {
		i++
	}
	if i < len(c.held) && c.held[i].Number == chunk.Number {
		return false
	}
	size := len(chunk.Data)
	if chunk.Number != c.at.Next && c.heldBytes+size > l.Window*l.ChunkBytes {
		return false
	}
	c.held = append(c.held, Chunk{})
	copy(c.held[i+1:], c.held[i:])
	c.held[i] = *chunk
	c.heldBytes += size
	return true
}

// want is the first chunk that the reception neither has staged nor holds.
func (c *reception) want() uint64 {
	n := c.at.Next
	for i := range c.held {
		if c.held[i].Number != n {
			break
		}
		n++
	}
	return n
}

// drop lets go of the first chunk held.
func (c *reception) drop() {
	c.heldBytes -= len(c.held[0].Data)
	c.held[0] = Chunk{}
	c.held = c.held[1:]
}

// next asks the shell for the next step of the reception, once it is idle (XFER-9).
func (r *Receiver) next() {
	cur := r.cur
	if r.busy != 0 || cur == nil {
		return
	}
	if !cur.open {
		r.ask(Request{Kind: Open, Mark: cur.mark, Identity: cur.id})
		return
	}
	if len(cur.held) == 0 || cur.held[0].Number != cur.at.Next {
		return
	}
	c := &cur.held[0]
	switch {
	case !bytes.Equal(c.After, cur.at.After):
		// Another sender's chunks of the same state, cut at other keys: the sender is told
		// where to go on (XFER-1).
		cur.drop()
		r.answer()
	case c.Kind == End:
		cur.installing = true
		req := Request{Kind: Install, Mark: cur.mark, Identity: cur.id, Pairs: c.Pairs, Sum: c.Sum}
		cur.held, cur.heldBytes = nil, 0
		r.ask(req)
		r.answer()
	default:
		r.ask(Request{Kind: Write, Mark: cur.mark, Identity: cur.id, Number: c.Number, Data: c.Data})
	}
}

// ask hands a request to the shell.
func (r *Receiver) ask(req Request) {
	r.out, r.busy, r.owner = req, req.Kind, 0
	if r.cur != nil {
		r.owner = r.cur.serial
	}
}

// retract takes back a request that the shell has not seen.
func (r *Receiver) retract() {
	if r.out.Kind != 0 {
		r.out, r.busy = Request{}, 0
	}
}

// completed ends the outstanding request; it tells whether it was for the current reception.
func (r *Receiver) completed(kind RequestKind) bool {
	if r.busy != kind || r.out.Kind != 0 {
		panic(fmt.Sprintf("transfer: the result of a request (kind %d) that the shell does not work on", kind))
	}
	r.busy = 0
	return r.cur != nil && r.cur.serial == r.owner
}

// Begun answers Open: the stage stands at the position. An error ends the reception.
func (r *Receiver) Begun(now env.Instant, at Position, err error) {
	if !r.completed(Open) {
		r.orphan(now)
		r.next()
		return
	}
	if err != nil {
		r.refuse(now, StageFailed)
		return
	}
	r.cur.open, r.cur.at = true, at.clone()
	r.answer()
}

// Written answers Write: the stage stands at the position now, which must be one chunk
// further. An error ends the reception.
func (r *Receiver) Written(now env.Instant, at Position, err error) {
	if !r.completed(Write) {
		r.orphan(now)
		r.next()
		return
	}
	cur := r.cur
	if err != nil {
		r.refuse(now, StageFailed)
		return
	}
	if at.Next != cur.at.Next+1 {
		panic(fmt.Sprintf("transfer: chunk %d was written, and the stage stands at %d", cur.at.Next, at.Next))
	}
	cur.at = at.clone()
	cur.drop()
	r.next()
	if !cur.installing {
		r.answer()
	}
}

// Installed answers Install: the state machine's state is now durably the one that was
// received, and the raft core knows. An error ends the reception, and its stage.
func (r *Receiver) Installed(now env.Instant, err error) {
	if !r.completed(Install) {
		panic("transfer: the reception changed while its state was being installed")
	}
	if err != nil {
		r.refuse(now, InstallFailed)
		return
	}
	cur := r.cur
	r.have = max(r.have, cur.id.Index)
	r.cur = nil
	r.reply(cur.peer, cur.id, Ack{Status: Done})
}

// Discarded answers Discard.
func (r *Receiver) Discarded() {
	r.completed(Discard)
	r.next()
}

// refuse ends the reception.
func (r *Receiver) refuse(now env.Instant, why Reason) {
	r.reply(r.cur.peer, r.cur.id, Ack{Status: Refused, Reason: why})
	r.abandon(now)
}

// abandon ends the reception and lets its stage be discarded as soon as the shell is idle.
func (r *Receiver) abandon(now env.Instant) {
	r.retract()
	r.cur = nil
	r.dropAt = now
	r.Tick(now)
}

// orphan lets the stage be discarded that a request has left behind, if no reception follows.
func (r *Receiver) orphan(now env.Instant) {
	if r.cur == nil {
		r.dropAt = now
		r.Tick(now)
	}
}

// Tick does what is due.
func (r *Receiver) Tick(now env.Instant) {
	if c := r.cur; c != nil && !c.installing && r.busy == 0 && now.Sub(c.heardAt) >= r.limits.IdleTimeout {
		r.cur = nil
		r.dropAt = now
	}
	if r.cur == nil && r.busy == 0 && r.dropAt <= now {
		r.dropAt = env.Never
		r.ask(Request{Kind: Discard})
	}
}

// Deadline is when Tick is due next.
func (r *Receiver) Deadline() env.Instant {
	switch c := r.cur; {
	case r.busy != 0:
		return env.Never
	case c == nil:
		return r.dropAt
	default:
		return c.heardAt.Add(r.limits.IdleTimeout)
	}
}

// answer tells the latest sender where the reception stands.
func (r *Receiver) answer() {
	c := r.cur
	a := Ack{Status: Going, At: c.at, Want: c.want()}
	switch {
	case !c.open:
		a = Ack{Status: Waiting}
	case c.installing:
		a = Ack{Status: Installing}
	}
	r.reply(c.peer, c.id, a)
}

// reply addresses an answer (XFER-4).
func (r *Receiver) reply(to address, id Identity, a Ack) {
	a.Group, a.From, a.To = r.group, r.self, to.to
	a.Term, a.Identity, a.Stream, a.Try = to.term, id, to.stream, to.try
	r.acks = append(r.acks, a)
}

// Acks returns what to send since the last call. Their byte strings are not the caller's to change.
func (r *Receiver) Acks() []Ack {
	out := r.acks
	r.acks = nil
	return out
}

// Request returns the work that the shell is to do now, if there is any. There is no other
// before its answer.
func (r *Receiver) Request() (Request, bool) {
	req := r.out
	r.out = Request{}
	return req, req.Kind != 0
}
