package attack

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/report"
	"github.com/holdfastdb/holdfast/testsuite/live/proxy"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// requireCourse holds the course of the run of TestMembersChangeUnderAttack to what its plan asks for.
func requireCourse(t *testing.T, res *Result) {
	t.Helper()
	all := append(append([]events.Event{}, res.Course.Before()...), res.Course.After()...)
	count := map[events.Kind]int{}
	begun, effects := map[int]events.Event{}, map[string]uint64{}
	for _, e := range all {
		count[e.Kind]++
		switch e.Kind {
		case events.Fault, events.Change:
			begun[e.Fault] = e
			require.Equal(t, e.Kind == events.Change, plan.FaultKind(e.Name).Changes(), e.Name)
		case events.FaultEnd:
			require.Contains(t, begun, e.Fault, "what ends has begun")
			require.Equal(t, begun[e.Fault].Name, e.Name)
			effects[e.Name] += e.Count
		}
	}
	require.Equal(t, len(begun), count[events.FaultEnd], "all that begins ends")
	require.Equal(t, 1, count[events.Healed])
	for _, kind := range []plan.FaultKind{plan.AddNode, plan.Kill} {
		require.Positive(t, effects[string(kind)], kind)
	}
	require.GreaterOrEqual(t, count[events.Up], 5, "three founders, one to come, and the killed one again")
	require.Positive(t, count[events.Down])
	require.Positive(t, count[events.Role])
}

// acted is a store that does what it is told, in no processes.
type acted struct {
	still
	net    *proxy.Net
	course *target.Course
	refuse error
}

func (s *acted) Net() *proxy.Net                      { return s.net }
func (s *acted) Course() *target.Course               { return s.course }
func (s *acted) Kill(context.Context, uint64) error   { return nil }
func (s *acted) Start(context.Context, uint64) error  { return nil }
func (s *acted) Pause(context.Context, uint64) error  { return nil }
func (s *acted) Resume(context.Context, uint64) error { return nil }
func (s *acted) Change(context.Context, *plan.Fault, uint64) (func(context.Context) error, error) {
	return nil, s.refuse
}

// Goal: the course has each fault with its targets and how often it bit, 0 for those that found nothing to hit, and each change
// with whether it was made. Method: a nemesis over a store that only says yes, or no.
func TestCourseHasFaultsAndWhatTheyDid(t *testing.T) {
	for _, refuse := range []error{nil, errors.New("not now")} {
		s := &acted{still: still{members: []uint64{1, 2, 3}, running: []uint64{1, 2, 3}}, net: proxy.New(nil), course: target.NewCourse(), refuse: refuse}
		defer s.net.Close()
		ms := time.Millisecond
		p := &plan.Plan{Nodes: 3, Spares: 1, HealAt: 60 * ms, Faults: []plan.Fault{
			{At: ms, For: 9 * ms, Kind: plan.Kill, Targets: []int{2}},
			{At: 2 * ms, For: 9 * ms, Kind: plan.Isolate, Targets: []int{3}},
			{At: 3 * ms, For: 9 * ms, Kind: plan.Blackout},
			{At: 4 * ms, For: 9 * ms, Kind: plan.Split, Targets: []int{3, 1}},
			{At: 5 * ms, Kind: plan.AddNode, Targets: []int{4}},
			{At: 6 * ms, For: time.Second, Kind: plan.Pause, Targets: []int{1}},
		}}
		n := newNemesis(&Run{Store: s, Plan: p, Scale: 1, Patience: time.Minute, Log: t.Logf})
		n.rage(t.Context(), p.Faults)
		type strike struct {
			kind    events.Kind
			targets []int
			bit     uint64
		}
		got, byNumber, healed := map[string]strike{}, map[int]string{}, 0
		for _, e := range s.course.End().Before() {
			switch e.Kind {
			case events.Fault, events.Change:
				byNumber[e.Fault] = e.Name
				got[e.Name] = strike{e.Kind, e.Targets, 99}
			case events.FaultEnd:
				require.Equal(t, byNumber[e.Fault], e.Name)
				g := got[e.Name]
				g.bit = e.Count
				got[e.Name] = g
			case events.Healed:
				healed++
			}
		}
		added := uint64(1)
		if refuse != nil {
			added = 0
		}
		require.Equal(t, map[string]strike{
			"kill": {events.Fault, []int{2}, 1}, "isolate": {events.Fault, []int{3}, 0}, "blackout": {events.Fault, nil, 3},
			"split": {events.Fault, []int{1, 3}, 0}, "add-node": {events.Change, []int{4}, added}, "pause": {events.Fault, []int{1}, 1},
		}, got)
		require.Equal(t, 1, healed)
	}
}

// What was not played as the plan says is a part of the report, by its kind.
func TestReportSaysWhatWasNotPlayed(t *testing.T) {
	tr := &Translation{Differently: []string{"split: as a cut between nodes"}, Skipped: []string{"bit-rot: 2 faults; it cannot be done"}}
	require.Equal(t, []report.Fact{
		{Name: "split", Value: "played differently: as a cut between nodes"}, {Name: "bit-rot", Value: "not played: 2 faults; it cannot be done"},
	}, tr.section().Facts)
	for store, commands := range map[string]int{nameOfHoldfast: 4, "careless": 1} {
		list := (&Result{Store: store}).commands("runs/x")
		require.Len(t, list, commands, "the simulation knows one store only")
		require.Equal(t, "holdfast check history runs/x/history.jsonl", list[len(list)-1].Command)
	}
}
