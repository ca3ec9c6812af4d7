package raft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// shards is the number of parts of the set of known states, chunk and batch the number of
	// states that a worker takes at once and that are expanded before the new ones are
	// sorted in. None of them depends on the number of workers, so that no result does.
	shards = 64
	chunk  = 256
	batch  = 256 * chunk
)

// step is how a state was reached: from which state of the level before, and by what.
type step struct {
	parent uint32
	node   uint8
	code   uint32
}

// candidate is a state that may be new.
type candidate struct {
	name     hash128
	from     step
	past     history
	used     budget
	reaction *reaction
}

// Result is what a search found.
type Result struct {
	Bounds Bounds
	// Complete: every state within the bounds was seen.
	Complete bool
	// States counts them, up to renaming; Named counts those that renaming makes of them.
	// Depth is the number of events to the farthest one.
	States, Named, Depth int
	// Steps counts the events tried, Locals the states of single replicas, Letters the messages.
	Steps, Locals, Letters int
	// Seen says what the replicas got to.
	Seen Seen
	// Levels counts the new states at each depth.
	Levels []int
	// Err is the violation that the fewest events lead to, Trace what they are.
	Err   error
	Trace []Happening
	// Script tells the trace in the language of package rafttest.
	Script string
	// Final is the state that the script's last command shows; empty if the core panics.
	Final string
}

// Seen counts states of replicas, to tell a search from one in which nothing happens.
type Seen struct {
	// Leaders of the last term, replicas that know entries to be committed in it, that are in a joint
	// configuration, that took over a snapshot, that have hand-offs under way.
	Leaders, Committed, Joint, Restored, Writing int
}

func (s *search) seen() (seen Seen) {
	count := func(n *int, is bool) {
		if is {
			*n++
		}
	}
	for _, l := range s.locals {
		c := l.sim.Core
		last := l.term == s.bounds.MaxTerm
		count(&seen.Leaders, last && l.role == Leader)
		commitTerm, _ := c.log.termAt(c.commit)
		count(&seen.Committed, commitTerm == s.bounds.MaxTerm)
		count(&seen.Joint, c.Configuration().Joint())
		count(&seen.Restored, l.sim.Disk.Installed.Index > 0)
		count(&seen.Writing, len(l.sim.Pending) > 0)
	}
	return seen
}

// violation is a broken invariant and where.
type violation struct {
	from step
	err  error
}

// search is a breadth-first search. Levels are searched one after the other; within a level the
// workers expand states in parallel, and then sort in what is new, each a part of the names.
type search struct {
	*explorer
	known  [shards]map[hash128]struct{}
	levels [][]step
	// alive: a letter was taken for dead that is not.
	alive  bool
	result Result
}

// Explore searches all states within the bounds, until the first violation.
func Explore(b Bounds) Result {
	s := explore(b)
	if !s.alive {
		return s.result
	}
	// What was left out as dead was not: without leaving it out the search is longer, but may find what it does.
	b.NoDead, b.MaxStates = true, maxRepeat
	if again := explore(b).result; again.Err != nil {
		return again
	}
	return s.result
}

// maxRepeat bounds the search for what a letter does that was taken for dead.
const maxRepeat = 1_000_000

func explore(b Bounds) *search {
	s := &search{explorer: newExplorer(b)}
	for i := range s.known {
		s.known[i] = map[hash128]struct{}{}
	}
	s.result.Bounds = s.bounds
	first, err := s.start()
	if err != nil {
		s.result.Err = err
		return s.sum(false)
	}
	name, named := s.newWorker().name(&first)
	s.known[name[0]%shards][name] = struct{}{}
	s.levels = [][]step{{{}}}
	s.result.States, s.result.Named, s.result.Levels = 1, named, []int{1}
	frontier := []state{first}
	for len(frontier) > 0 && s.result.Err == nil {
		if b.MaxStates > 0 && s.result.States > b.MaxStates {
			return s.sum(false)
		}
		frontier = s.level(frontier)
	}
	if s.result.Err == nil && !b.NoDead {
		s.result.Err = s.justify()
		s.alive = s.result.Err != nil
	}
	return s.sum(s.result.Err == nil)
}

func (s *search) sum(complete bool) *search {
	s.result.Complete = complete
	s.result.Depth = len(s.result.Levels) - 1
	s.result.Locals, s.result.Letters, s.result.Seen = len(s.locals), len(s.letters), s.seen()
	if s.result.Trace != nil {
		s.result.Script, s.result.Final = s.script(s.result.Trace)
	}
	return s
}

// level expands all states of one depth and returns those of the next.
func (s *search) level(frontier []state) []state {
	var next []state
	var steps []step
	for at := 0; at < len(frontier); at += batch {
		part := frontier[at:min(at+batch, len(frontier))]
		found, broken := s.expandAll(part, at)
		s.result.Steps += found.steps
		if broken != nil {
			s.fail(broken)
			return nil
		}
		states, from, broken := s.sortIn(frontier, found)
		next, steps = append(next, states...), append(steps, from...)
		if broken != nil {
			s.fail(broken)
			return nil
		}
	}
	if len(next) > 0 {
		s.levels = append(s.levels, steps)
		s.result.Levels = append(s.result.Levels, len(next))
		s.result.States += len(next)
	}
	return next
}

// fail takes down the violation and how it came about.
func (s *search) fail(v *violation) {
	s.result.Err = v.err
	s.result.Trace = s.trace(v.from)
}

// harvest is what expanding a batch yields: for each chunk, in order, candidates by shard.
type harvest struct {
	chunks [][shards][]candidate
	steps  int
}

// parallel runs the tasks 0 to n-1 on all workers.
func (s *search) parallel(n int, task func(w *worker, i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(s.bounds.Workers, n) {
		wg.Go(func() {
			w := s.newWorker()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				task(w, i)
			}
		})
	}
	wg.Wait()
}

func (s *search) expandAll(part []state, offset int) (*harvest, *violation) {
	n := (len(part) + chunk - 1) / chunk
	h := &harvest{chunks: make([][shards][]candidate, n)}
	broken := make([]*violation, n)
	var steps atomic.Int64
	s.parallel(n, func(w *worker, i int) {
		w.found, w.broken, w.steps = &h.chunks[i], nil, 0
		for j := i * chunk; j < min((i+1)*chunk, len(part)); j++ {
			w.expand(&part[j], uint32(offset+j))
		}
		broken[i] = w.broken
		steps.Add(int64(w.steps))
	})
	h.steps = int(steps.Load())
	for _, v := range broken {
		if v != nil {
			return h, v
		}
	}
	return h, nil
}

// sortIn adds the candidates that are new to what is known, and checks them.
func (s *search) sortIn(frontier []state, h *harvest) ([]state, []step, *violation) {
	type shardResult struct {
		states []state
		steps  []step
		broken *violation
		named  int
	}
	results := make([]shardResult, shards)
	s.parallel(shards, func(w *worker, i int) {
		r, known := &results[i], s.known[i]
		for c := range h.chunks {
			for j := range h.chunks[c][i] {
				cand := &h.chunks[c][i][j]
				if _, ok := known[cand.name]; ok {
					continue
				}
				known[cand.name] = struct{}{}
				st := w.successor(&frontier[cand.from.parent], cand)
				if err := w.check(&st, int(cand.from.node)); err != nil && r.broken == nil {
					r.broken = &violation{cand.from, err}
				}
				_, named := w.name(&st)
				r.named += named
				r.states, r.steps = append(r.states, st), append(r.steps, cand.from)
			}
		}
	})
	var states []state
	var steps []step
	var broken *violation
	for i := range results {
		r := &results[i]
		states, steps = append(states, r.states...), append(steps, r.steps...)
		s.result.Named += r.named
		if r.broken != nil && (broken == nil || r.broken.from.parent < broken.from.parent) {
			broken = r.broken
		}
	}
	return states, steps, broken
}

// worker is one goroutine's part of a search, with its own memory of what all share.
type worker struct {
	*search
	reactionOf map[uint64]*reaction
	letterOf   []*simLetter
	localOf    []*local
	nodes      [maxExploreNodes]*local
	found      *[shards][]candidate
	broken     *violation
	steps      int
}

func (s *search) newWorker() *worker { return &worker{search: s, reactionOf: map[uint64]*reaction{}} }

func (w *worker) refresh() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.letterOf, w.localOf = w.letters[:len(w.letters):len(w.letters)], w.locals[:len(w.locals):len(w.locals)]
}

func (w *worker) letter(id uint16) *simLetter {
	if int(id) >= len(w.letterOf) {
		w.refresh()
	}
	return w.letterOf[id]
}

func (w *worker) local(id uint32) *local {
	if int(id) >= len(w.localOf) {
		w.refresh()
	}
	return w.localOf[id]
}

func (w *worker) reaction(node, code uint32) *reaction {
	key := uint64(node)<<32 | uint64(code)
	r, ok := w.reactionOf[key]
	if !ok {
		r = w.react(node, code)
		w.reactionOf[key] = r
	}
	return r
}

// sums returns the state's hash under each renaming, without history and budget.
func (w *worker) sums(st *state) (sums [maxRenamings]hash128) {
	for p := range w.renamings {
		for i := range w.bounds.Nodes {
			sums[p] = sums[p].plus(w.local(st.nodes[i]).hash[p])
		}
		for _, id := range st.sent {
			sums[p] = sums[p].plus(w.letter(id).hash[p])
		}
	}
	return sums
}

// rest hashes what does not change with the names.
func rest(past *history, used *budget) hash128 {
	var b [2 + 3*maxLogLength + 6]byte
	b[0], b[1] = 'p', past.n
	for i := range maxLogLength {
		binary.LittleEndian.PutUint16(b[2+2*i:], past.entry[i])
	}
	copy(b[2+2*maxLogLength:], past.in[:])
	copy(b[2+3*maxLogLength:], []byte{used.timeouts, used.proposals, used.crashes, used.heartbeats, used.changes, used.compactions})
	return hashOf(b[:])
}

// name returns the name of a state, which all its renamings share, and how many they are.
func (w *worker) name(st *state) (hash128, int) {
	sums := w.sums(st)
	least, different := sums[0], 0
	for p := range w.renamings {
		if sums[p].less(least) {
			least = sums[p]
		}
		if !slices.Contains(sums[:p], sums[p]) {
			different++
		}
	}
	return least.plus(rest(&st.past, &st.used)), different
}

// expand tries all events in a state.
func (w *worker) expand(st *state, parent uint32) {
	sums := w.sums(st)
	for i := range w.bounds.Nodes {
		w.nodes[i] = w.local(st.nodes[i])
	}
	for i := range w.bounds.Nodes {
		l := w.nodes[i]
		for ev := range numEvents {
			used, ok := w.enabled(l, ev, st.used)
			if !ok {
				continue
			}
			first, n := w.arguments(ev, st)
			for arg := first; arg < first+n; arg++ {
				w.try(st, &sums, used, step{parent, uint8(i), encodeEvent(ev, arg)})
			}
		}
	}
	for _, id := range st.sent {
		m := &w.letter(id).msg
		if m.Type == msgLed || m.Type == MsgTimeoutNow && w.nodes[nodeOf(m.To)].term >= w.bounds.MaxTerm {
			continue
		}
		w.try(st, &sums, st.used, step{parent, uint8(nodeOf(m.To)), encodeEvent(evDeliver, id)})
	}
}

// arguments returns the first argument of an event, and how many there are: which command, or which change.
func (w *worker) arguments(ev exploreEvent, st *state) (first, n uint16) {
	switch ev {
	case evPropose:
		return uint16(st.used.proposals), 1
	case evChange:
		return 0, uint16(len(w.changes))
	default:
		return 0, 1
	}
}

// try lets one event happen and adds the state it leads to, unless that is known.
func (w *worker) try(st *state, sums *[maxRenamings]hash128, used budget, from step) {
	w.steps++
	before := w.nodes[from.node]
	r := w.reaction(st.nodes[from.node], from.code)
	if r.err != nil {
		if w.broken == nil {
			w.broken = &violation{from, r.err}
		}
		return
	}
	if r.idle && used == st.used {
		return
	}
	after := w.local(r.node)
	past := st.past
	if after.commit > 0 && r.node != st.nodes[from.node] {
		view := View{nodes: w.nodes[:w.bounds.Nodes], state: &state{past: past}}
		view.nodes[from.node] = after
		err := view.commit(int(from.node))
		past = view.state.past
		w.nodes[from.node] = before
		if err != nil {
			if w.broken == nil {
				w.broken = &violation{from, err}
			}
			return
		}
	}
	var fresh, gone [64]uint16
	w.nodes[from.node] = after
	news, dead := w.unsent(fresh[:0], st, r), w.died(gone[:0], st, int(from.node), before)
	w.nodes[from.node] = before
	least := hash128{}
	for p := range w.renamings {
		sum := sums[p].minus(before.hash[p]).plus(after.hash[p])
		for _, id := range news {
			sum = sum.plus(w.letter(id).hash[p])
		}
		for _, id := range dead {
			sum = sum.minus(w.letter(id).hash[p])
		}
		if p == 0 || sum.less(least) {
			least = sum
		}
	}
	name := least.plus(rest(&past, &used))
	shard := name[0] % shards
	if _, ok := w.known[shard][name]; !ok {
		w.found[shard] = append(w.found[shard], candidate{name, from, past, used, r})
	}
}

// unsent returns which letters of a reaction are new, and not dead already.
func (w *worker) unsent(dst []uint16, st *state, r *reaction) []uint16 {
	for _, id := range r.letters {
		if !slices.Contains(st.sent, id) && !slices.Contains(dst, id) && !w.isDead(id) {
			dst = append(dst, id)
		}
	}
	return dst
}

// died returns which letters a replica's change killed.
func (w *worker) died(dst []uint16, st *state, i int, before *local) []uint16 {
	if w.bounds.NoDead || before.standing == w.nodes[i].standing {
		return dst
	}
	for _, id := range st.sent {
		if m := &w.letter(id).msg; (nodeOf(m.To) == i || nodeOf(m.From) == i) && w.isDead(id) {
			dst = append(dst, id)
		}
	}
	return dst
}

func (w *worker) isDead(id uint16) bool {
	m := &w.letter(id).msg
	return !w.bounds.NoDead && m.Type != msgLed && w.dead(m, &w.nodes[nodeOf(m.From)].standing, &w.nodes[nodeOf(m.To)].standing)
}

// successor makes the state that a candidate stands for.
func (w *worker) successor(st *state, c *candidate) state {
	next := *st
	i := c.from.node
	next.nodes[i] = c.reaction.node
	next.past, next.used = c.past, c.used
	for j := range w.bounds.Nodes {
		w.nodes[j] = w.local(next.nodes[j])
	}
	before := w.local(st.nodes[i])
	news, dead := w.unsent(nil, st, c.reaction), w.died(nil, st, int(i), before)
	if len(news)+len(dead) > 0 {
		next.sent = make([]uint16, 0, len(st.sent)+len(news)-len(dead))
		for _, id := range st.sent {
			if !slices.Contains(dead, id) {
				next.sent = append(next.sent, id)
			}
		}
		next.sent = append(next.sent, news...)
	}
	return next
}

var errNever = errors.New("a state that must never be")

func (w *worker) check(st *state, i int) error {
	for j := range w.bounds.Nodes {
		w.nodes[j] = w.local(st.nodes[j])
	}
	v := &View{x: w.explorer, nodes: w.nodes[:w.bounds.Nodes], state: st}
	if w.bounds.Never != nil && w.bounds.Never(v) {
		return errNever
	}
	return v.check(i)
}

// String sums up a search in a line.
func (r Result) String() string {
	return fmt.Sprintf("%d states (%d named), depth %d, %d steps, %d replica states, %d messages, complete=%t, %+v",
		r.States, r.Named, r.Depth, r.Steps, r.Locals, r.Letters, r.Complete, r.Seen)
}
