package core

import (
	"bytes"
	"fmt"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// fakeSession mirrors the rules of kv/machine for one session.
type fakeSession struct {
	floor uint64
	saved map[uint64]*kvpb.Response
}

type fakeValue struct {
	data    []byte
	version uint64
}

// fakeCluster is a model of the servers: one log applied at once, links that carry a
// request at most once, and all the ways in which answers get lost.
type fakeCluster struct {
	t        *rapid.T
	leader   int // -1 while there is none
	up       []bool
	requests []flight
	answers  []flight
	// proposed are requests that the log may still take.
	proposed []flight
	index    uint64
	window   uint64
	sessions map[uint64]*fakeSession
	data     map[string]fakeValue
	// applied counts, by the tag that is part of each write's key, how often it changed
	// something; items does so for each operation of a write.
	applied, items map[string]int
}

type flight struct {
	ep   int
	req  *kvpb.Request
	resp *kvpb.Response
}

func newFakeCluster(t *rapid.T, n int, window uint64) *fakeCluster {
	return &fakeCluster{
		t: t, leader: -1, up: make([]bool, n), window: window,
		sessions: map[uint64]*fakeSession{}, data: map[string]fakeValue{}, applied: map[string]int{}, items: map[string]int{},
	}
}

func (f *fakeCluster) reply(ep int, req *kvpb.Request, resp *kvpb.Response) {
	resp.Id, resp.Node = req.Id, uint64(ep)+1
	f.answers = append(f.answers, flight{ep: ep, resp: resp})
}

// receive handles a request that arrived; harsh adds refusals, losses and doubt.
func (f *fakeCluster) receive(fl flight, harsh bool) {
	// A follower read needs a leader, at any node.
	elsewhere := fl.req.Kind == kvpb.RequestKind_READ && (fl.req.Stale || fl.req.Follower && f.leader >= 0)
	if f.leader != fl.ep && !elsewhere {
		resp := &kvpb.Response{Code: kvpb.Code_NOT_LEADER}
		hint := f.leader
		if harsh && rapid.Bool().Draw(f.t, "wrongHint") {
			hint = rapid.IntRange(-1, len(f.up)-1).Draw(f.t, "hint")
		}
		if hint >= 0 {
			resp.LeaderNode, resp.LeaderAddress = uint64(hint)+1, fmt.Sprintf("addr%d", hint)
		}
		f.reply(fl.ep, fl.req, resp)
		return
	}
	if !harsh {
		f.reply(fl.ep, fl.req, f.execute(fl.req))
		return
	}
	switch rapid.IntRange(0, 9).Draw(f.t, "fate") {
	case 0:
		f.reply(fl.ep, fl.req, &kvpb.Response{Code: kvpb.Code_OVERLOADED})
	case 1:
		f.reply(fl.ep, fl.req, &kvpb.Response{Code: kvpb.Code_UNAVAILABLE})
	case 2: // nobody hears of it again, but the log may take it
		f.proposed = append(f.proposed, fl)
	case 3: // executed, the answer is lost
		f.execute(fl.req)
	case 4:
		if fl.req.Kind != kvpb.RequestKind_READ {
			f.proposed = append(f.proposed, fl)
		}
		f.reply(fl.ep, fl.req, &kvpb.Response{Code: kvpb.Code_OUTCOME_UNKNOWN})
	default:
		f.reply(fl.ep, fl.req, f.execute(fl.req))
	}
}

// execute is the state machine.
func (f *fakeCluster) execute(req *kvpb.Request) *kvpb.Response {
	if req.Kind == kvpb.RequestKind_READ {
		resp := &kvpb.Response{Code: kvpb.Code_OK, Index: f.index}
		for _, op := range req.Ops {
			v, ok := f.data[string(op.Key)]
			resp.Results = append(resp.Results, &kvpb.OpResult{Found: ok, Version: v.version, Value: v.data})
		}
		return resp
	}
	f.index++
	if req.Kind == kvpb.RequestKind_OPEN_SESSION {
		f.sessions[f.index] = &fakeSession{saved: map[uint64]*kvpb.Response{}}
		return &kvpb.Response{Code: kvpb.Code_OK, Session: f.index, Index: f.index}
	}
	s := f.sessions[req.Session]
	if req.Session != 0 && s == nil {
		return &kvpb.Response{Code: kvpb.Code_SESSION_UNKNOWN}
	}
	if s != nil {
		s.floor = max(s.floor, req.Acked)
	}
	switch {
	case req.Kind == kvpb.RequestKind_KEEP_ALIVE:
		return &kvpb.Response{Code: kvpb.Code_OK, Index: f.index}
	case s == nil:
		return f.write(req)
	case s.saved[req.Seq] != nil && req.Seq > s.floor:
		r := s.saved[req.Seq]
		return &kvpb.Response{Code: r.Code, Index: r.Index, Results: r.Results, Duplicate: true}
	case req.Seq <= s.floor:
		return &kvpb.Response{Code: kvpb.Code_SEQUENCE_TOO_OLD}
	case req.Seq > s.floor+f.window:
		return &kvpb.Response{Code: kvpb.Code_WINDOW_FULL}
	}
	resp := f.write(req)
	s.saved[req.Seq] = resp
	return &kvpb.Response{Code: resp.Code, Index: resp.Index, Results: resp.Results}
}

func (f *fakeCluster) holds(op *kvpb.Op) bool {
	v, found := f.data[string(op.Key)]
	switch op.Cond {
	case kvpb.Condition_ABSENT:
		return !found
	case kvpb.Condition_VERSION_IS:
		return found && v.version == op.CondVersion
	case kvpb.Condition_VALUE_IS:
		return found && bytes.Equal(v.data, op.CondValue)
	}
	return true
}

func (f *fakeCluster) write(req *kvpb.Request) *kvpb.Response {
	resp := &kvpb.Response{Code: kvpb.Code_OK, Index: f.index}
	for _, op := range req.Ops {
		if !f.holds(op) {
			resp.Code = kvpb.Code_CONDITION_FAILED
		}
	}
	for _, op := range req.Ops {
		v, found := f.data[string(op.Key)]
		r := &kvpb.OpResult{Found: found}
		resp.Results = append(resp.Results, r)
		if resp.Code == kvpb.Code_CONDITION_FAILED {
			r.Version, r.Value = v.version, v.data
			continue
		}
		r.Applied, r.Version = true, f.index
		f.items[itemTag(op)]++
		if op.Kind == kvpb.OpKind_ERASE {
			delete(f.data, string(op.Key))
		} else {
			f.data[string(op.Key)] = fakeValue{data: op.Value, version: f.index}
		}
	}
	if resp.Code == kvpb.Code_OK {
		f.applied[tagOf(req)]++
	}
	return resp
}

// tagOf finds the operation that a write came from: erases have keys of their own,
// the others unique values.
func tagOf(req *kvpb.Request) string { return itemTag(req.Ops[0]) }

func itemTag(op *kvpb.Op) string {
	if op.Kind == kvpb.OpKind_ERASE {
		return string(op.Key)
	}
	return string(op.Value)
}

// takeAt removes and returns a random element.
func takeAt(t *rapid.T, s *[]flight) (flight, bool) {
	if len(*s) == 0 {
		return flight{}, false
	}
	i := rapid.IntRange(0, len(*s)-1).Draw(t, "which")
	fl := (*s)[i]
	*s = append((*s)[:i], (*s)[i+1:]...)
	return fl, true
}

// disconnect breaks a link: what was on its way arrives without an answer getting
// back, is lost, or was not sent and is returned.
func (f *fakeCluster) disconnect(ep int) (notSent []uint64) {
	f.up[ep] = false
	rest := f.requests[:0]
	for _, fl := range f.requests {
		if fl.ep != ep {
			rest = append(rest, fl)
			continue
		}
		switch rapid.IntRange(0, 2).Draw(f.t, "brokenLink") {
		case 0:
			notSent = append(notSent, fl.req.Id)
		case 1:
			if fl.req.Kind != kvpb.RequestKind_READ {
				f.proposed = append(f.proposed, fl)
			}
		}
	}
	f.requests = rest
	return notSent
}

// world is a core, its cluster, and what the test knows of each operation.
type world struct {
	*fakeCluster
	c      *Core
	now    int64
	open   map[OpID]string
	done   map[string]Completion
	serial int
	// sent records (session, number) → tag, and the highest acked sent per session.
	sent  map[[2]uint64]string
	acked map[uint64]uint64
	ids   map[uint64]bool
}

// pump carries out the output and checks what can be checked of it at once.
func (w *world) pump() {
	require.NoError(w.t, w.c.CheckInvariants())
	out := w.c.Output()
	for _, d := range out.Done {
		tag := d.Tag.(string)
		_, twice := w.done[tag]
		require.False(w.t, twice, "CORE-1: %s completed twice", tag)
		w.done[tag] = d
		delete(w.open, d.Op)
	}
	for _, s := range out.Sends {
		require.True(w.t, w.up[s.Endpoint], "sent to an endpoint that is not connected")
		w.checkSend(s.Request)
		w.requests = append(w.requests, flight{ep: s.Endpoint, req: s.Request})
	}
}

func (w *world) checkSend(req *kvpb.Request) {
	require.False(w.t, w.ids[req.Id], "CORE-2: id %d used twice", req.Id)
	w.ids[req.Id] = true
	if req.Session == 0 {
		return
	}
	w.acked[req.Session] = max(w.acked[req.Session], req.Acked)
	for seq := uint64(1); seq <= req.Acked; seq++ {
		if tag, ok := w.sent[[2]uint64{req.Session, seq}]; ok {
			require.Contains(w.t, w.done, tag, "CORE-4: acknowledged %d before it completed", seq)
		}
	}
	if req.Seq == 0 {
		return
	}
	require.Greater(w.t, req.Seq, w.acked[req.Session], "CORE-4: number sent after it was acknowledged")
	key := [2]uint64{req.Session, req.Seq}
	if tag, ok := w.sent[key]; ok {
		require.Equal(w.t, tag, tagOf(req), "CORE-3: one number for two writes")
	}
	w.sent[key] = tagOf(req)
}
