package attack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// takeAlong makes some operations of a plan ones on two keys, and some scans.
func takeAlong(p *plan.Plan) {
	for i := range p.Operations {
		op := &p.Operations[i]
		op.Also, op.Scan = nil, 0
		other := plan.Item{Kind: op.Kind, Key: op.Key + "-too"}
		switch {
		case i%3 > 0 || op.Kind.Conditional():
			continue
		case i%2 == 0 && op.Kind == history.Get && !op.Stale:
			op.Scan = 2
			continue
		case op.Kind == history.Put:
			other.Value = fmt.Sprintf("also-%d", i)
		}
		op.Also = []plan.Item{other}
	}
}

// single is a client that knows what each operation gets, by kind and key; what it does not know is unknown. It notes its requests.
type single struct {
	answers map[string]history.Result

	mu   sync.Mutex
	sent []string
}

func (s *single) answer(in history.Input) target.Answer {
	if r, ok := s.answers[in.Kind.String()+" "+in.Key]; ok {
		return target.Answer{Result: r, Outcome: history.OK}
	}
	return target.Answer{Outcome: history.Unknown, Why: errors.New("nobody knows")}
}

func (s *single) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, what)
}

func (s *single) Do(_ context.Context, in history.Input, _ target.How) (history.Result, history.Outcome, error) {
	s.note(in.Kind.String() + " " + in.Key)
	a := s.answer(in)
	return a.Result, a.Outcome, a.Why
}
func (s *single) Close() error { return nil }

// many can ask for several keys at once, too.
type many struct{ single }

func (m *many) DoSeveral(_ context.Context, ins []history.Input, how target.How) (out []target.Answer) {
	m.note(fmt.Sprintf("%d at once, %+v", len(ins), how))
	for _, in := range ins {
		out = append(out, m.answer(in))
	}
	return out
}

func (m *many) Scan(_ context.Context, page int, _ target.How) (map[string]history.Result, history.Outcome, error) {
	m.note(fmt.Sprintf("scan by %d", page))
	return map[string]history.Result{"a": m.answers["get a"]}, history.OK, nil
}

// Goal: an operation on several keys, or a scan, is one operation of the history for each key, with its own outcome and answer; a
// client that can sends one request for all. Method: clients that can and cannot, which answer from a table; the history is read.
func TestEachKeyIsAnOperationOfTheHistory(t *testing.T) {
	write := plan.Operation{Client: 1, Kind: history.Put, Key: "a", Value: "v1", NoSession: true, Also: []plan.Item{{Kind: history.Erase, Key: "b"}, {Kind: history.Put, Key: "c", Value: "v2"}}}
	scan := plan.Operation{Client: 1, Kind: history.Get, Key: "a", Scan: 2}
	p := &plan.Plan{Clients: 1, Operations: []plan.Operation{write, scan}}
	table := map[string]history.Result{
		"put a": {Version: 7}, "erase b": {Found: true}, "get a": {Found: true, Value: "v1", Version: 7}, "get b": {}, "get c": {},
	}
	atOnce, each := &many{single: single{answers: table}}, &single{answers: table}
	for _, c := range []struct {
		client      target.Client
		notes       *single
		sent        []string
		differently int
	}{
		{atOnce, &atOnce.single, []string{"3 at once, {NoSession:true Follower:false}", "scan by 2"}, 0},
		{each, each, []string{"erase b", "get a", "get b", "get c", "put a", "put c"}, 2},
	} {
		all := &clients{run: &Run{Plan: p}, recorder: history.NewSyncRecorder(), keys: p.Keys()}
		a := &actor{number: 1, client: c.client, seen: map[string]history.Result{}}
		require.EqualValues(t, 2, all.play(t.Context(), a, &write))
		require.EqualValues(t, 3, all.play(t.Context(), a, &scan))
		slices.Sort(c.notes.sent)
		require.Equal(t, c.sent, c.notes.sent)
		var got []string
		for _, op := range all.recorder.History(history.Header{}).Operations {
			got = append(got, fmt.Sprintf("%s %s %q: %s %v %q", op.Kind, op.Key, op.Value, op.Outcome, op.Result.Found, op.Result.Value))
		}
		slices.Sort(got)
		require.Equal(t, []string{
			`erase b "": ok true ""`, `get a "": ok true "v1"`, `get b "": ok false ""`, `get c "": ok false ""`,
			`put a "v1": ok false ""`, `put c "v2": unknown false ""`,
		}, got)
		require.EqualValues(t, 7, a.seen["a"].Version, "conditions expect what was seen")
		tr := &Translation{}
		tr.operations(p, c.client)
		require.Len(t, tr.Differently, c.differently, tr.Differently)
	}
}
