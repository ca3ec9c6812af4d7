package netsim

import (
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/kv/env"
)

type linkKey struct{ from, to env.NodeID }

// link is one direction between two processes.
type link struct {
	from, to env.NodeID
	target   *Process // nil until there is one
	cfg      *LinkConfig
	override bool
	cut      bool
	clogged  bool
	held     []record // messages held back while clogged
	ordinal  uint64   // of the last message sent
	newest   uint64   // greatest ordinal delivered
	channels [env.NumChannels]channel
	stats    LinkStats
}

// channel is one stream of messages on a link. None waits for another.
type channel struct {
	ident    identity
	inFlight int
	lastAt   env.Instant // latest arrival so far, for FIFO
	freeAt   env.Instant // when the channel has sent what it took, for bandwidth
}

// Message is what World.OnSend sees and may change.
type Message struct {
	From, To env.NodeID
	Channel  env.Channel
	Ordinal  uint64        // on its link, from 1
	Payload  []byte        // read only
	Drop     bool          // set to lose the message
	Copies   int           // set to deliver that many further copies
	Delay    time.Duration // further delay, not below 0
}

// link returns the link, which comes to be on first use.
func (w *World) link(from, to env.NodeID) *link {
	key := linkKey{from, to}
	if l := w.links[key]; l != nil {
		return l
	}
	l := &link{from: from, to: to, target: w.byID[to], cfg: w.linkDefault(from, to)}
	for i := range l.channels {
		l.channels[i].ident.key = Derive(w.seed, "link", uint64(from), uint64(to), uint64(i))
	}
	w.links[key] = l
	w.linkList = append(w.linkList, l)
	return l
}

func (w *World) linkDefault(from, to env.NodeID) *LinkConfig {
	switch {
	case from == to:
		return &w.self
	case w.cfg.ClientLink != nil && (from >= FirstClient || to >= FirstClient):
		return w.cfg.ClientLink
	}
	return &w.cfg.Link
}

// send decides the fate of a message. The identity of link and channel and nothing
// else feeds it, so that it does not depend on other links and channels.
func (w *World) send(from *Process, to env.NodeID, id env.Channel, payload []byte) {
	l := from.lastLink
	if l == nil || l.to != to {
		l = w.link(from.id, to)
		from.lastLink = l
	}
	w.stats.Sent++
	l.ordinal++
	c := &l.channels[id]
	rnd := c.ident.draw(int64(w.now))
	r := record{
		kind: KindDeliver, channel: id, from: from.id, p: l.target, l: l,
		ordinal: l.ordinal, hash: xxhash.Sum64(payload), payload: payload,
	}
	copies, extra, drop := 0, time.Duration(0), false
	if w.OnSend != nil {
		w.onSend = Message{From: from.id, To: to, Channel: id, Ordinal: l.ordinal, Payload: payload}
		w.OnSend(&w.onSend)
		copies, extra, drop = w.onSend.Copies, w.onSend.Delay, w.onSend.Drop
	}
	lost := chance(&rnd, l.cfg.Loss)
	if chance(&rnd, l.cfg.Duplicate) {
		copies++
	}
	if from.id != to && !drop && l.target != nil && !l.cut {
		w.offered(l)
	}
	switch {
	case drop:
		w.stats.DroppedHook++
		w.message(KindDropHook, &r)
	case l.target == nil:
		w.stats.DroppedDead++
		w.message(KindDropDead, &r)
	case l.cut:
		w.stats.DroppedCut++
		w.message(KindDropCut, &r)
	case lost:
		w.stats.DroppedLoss++
		w.message(KindDropLoss, &r)
	case l.cfg.MaxInFlight > 0 && c.inFlight >= l.cfg.MaxInFlight:
		w.stats.DroppedFull++
		l.stats.Refused++
		w.message(KindDropFull, &r)
	default:
		w.launch(l, &r, &rnd, extra)
		for range copies {
			d := r
			d.dup = true
			d.payload = append([]byte(nil), payload...)
			w.launch(l, &d, &rnd, extra)
		}
	}
}

// offered counts a message that the link's configuration decides about.
func (w *World) offered(l *link) {
	w.stats.Offered++
	if l.from < FirstClient && l.to < FirstClient {
		w.stats.OfferedNodes++
	}
}

// launch puts a message on its way.
func (w *World) launch(l *link, r *record, rnd *uint64, extra time.Duration) {
	at, c := w.now, &l.channels[r.channel]
	if bps := l.cfg.BytesPerSecond; bps > 0 {
		if c.freeAt > at {
			w.stats.Throttled++
			l.stats.Throttled++
			at = c.freeAt
		}
		at += env.Instant(int64(len(r.payload)) * 1_000_000_000 / bps)
		c.freeAt = at
	}
	delay, tail := l.cfg.Delay.sample(rnd)
	if tail {
		w.stats.TailDelays++
	}
	at = at.Add(delay + max(extra, 0))
	if l.cfg.FIFO {
		at = max(at, c.lastAt)
	}
	c.lastAt = max(c.lastAt, at)
	c.inFlight++
	w.push(at, r)
}

// arrive is what happens when a message reaches the receiver's end.
func (w *World) arrive(r *record) bool {
	l := r.l
	if l.clogged && !l.cut {
		w.stats.Clogged++
		w.message(KindClog, r)
		l.held = append(l.held, *r)
		return false
	}
	l.channels[r.channel].inFlight--
	p := l.target
	switch {
	case l.cut:
		w.events++
		w.stats.DroppedCut++
		w.message(KindDropCut, r)
		return true
	case !p.alive:
		w.events++
		w.stats.DroppedDead++
		w.message(KindDropDead, r)
		return true
	}
	r.inc = p.incarnation
	return p.take(r)
}

// delivered counts a message that is handed over, and checks that nobody changed
// it on the way: a sender that keeps writing to a buffer it gave away shares
// memory with the receiver.
func (w *World) delivered(r *record) {
	w.stats.Delivered++
	if r.dup {
		w.stats.Duplicated++
	} else if r.ordinal < r.l.newest {
		w.stats.Reordered++
	}
	r.l.newest = max(r.l.newest, r.ordinal)
	w.message(KindDeliver, r)
	if xxhash.Sum64(r.payload) != r.hash {
		panic(fmt.Sprintf("netsim: message #%d %d>%d was changed after it was sent: the sender or an "+
			"earlier receiver writes to a buffer it no longer owns", r.ordinal, r.from, r.l.to))
	}
}

// SetLink gives one direction between two processes its own configuration.
func (w *World) SetLink(from, to env.NodeID, cfg LinkConfig) {
	l := w.link(from, to)
	l.cfg, l.override = &cfg, true
	w.happen(KindFault, nil, fmt.Sprintf("link %d>%d %+v", from, to, cfg), 0)
}

// ResetLink takes back SetLink.
func (w *World) ResetLink(from, to env.NodeID) {
	l := w.link(from, to)
	l.cfg, l.override = w.linkDefault(from, to), false
	w.happen(KindFault, nil, fmt.Sprintf("link %d>%d reset", from, to), 0)
}

// LinkStats returns what the configuration of one direction did to its messages so far.
func (w *World) LinkStats(from, to env.NodeID) LinkStats { return w.link(from, to).stats }

// LinkConfig returns the configuration one direction has now.
func (w *World) LinkConfig(from, to env.NodeID) LinkConfig { return *w.link(from, to).cfg }

// SetDefaultLink changes the configuration of all links between nodes that have
// none of their own; with clients that of links from and to clients.
func (w *World) SetDefaultLink(cfg LinkConfig, clients bool) {
	if clients {
		w.cfg.ClientLink = &cfg
	} else {
		w.cfg.Link = cfg
	}
	for _, l := range w.linkList {
		if !l.override {
			l.cfg = w.linkDefault(l.from, l.to)
		}
	}
	w.happen(KindFault, nil, fmt.Sprintf("links (clients %v) %+v", clients, cfg), 0)
}
