package run

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// answer is what a scripted cluster says to a request.
type answer struct {
	code   kvpb.Code
	done   bool
	lost   bool
	leader int
}

// scripted is a cluster that answers requests in turn from a script, the last one for ever.
type scripted struct {
	leader  int
	answers []answer
	log     []string
}

func (s *scripted) Leader() int             { return s.leader }
func (s *scripted) Store(number int) uint64 { return uint64(number) * 11 }

func (s *scripted) answer(what string) answer {
	s.log = append(s.log, what)
	a := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return a
}

func (s *scripted) ChangeMembers(number int, req *kvpb.ChangeMembersRequest, reply func(*kvpb.ChangeMembersResponse)) {
	what := ""
	switch c := req.Change.(type) {
	case *kvpb.ChangeMembersRequest_Add:
		what = fmt.Sprintf("add %d store %d learner %v", c.Add.Node, c.Add.Store, c.Add.AsLearner)
	case *kvpb.ChangeMembersRequest_Remove:
		what = fmt.Sprintf("remove %d", c.Remove.Node)
	case *kvpb.ChangeMembersRequest_Promote:
		what = fmt.Sprintf("promote %d", c.Promote.Node)
	case *kvpb.ChangeMembersRequest_Demote:
		what = fmt.Sprintf("demote %d", c.Demote.Node)
	}
	if a := s.answer(fmt.Sprintf("%d: %s", number, what)); !a.lost {
		reply(&kvpb.ChangeMembersResponse{Code: a.code, Done: a.done})
		reply(&kvpb.ChangeMembersResponse{Code: a.code, Done: a.done})
	}
}

func (s *scripted) TransferLeader(number int, req *kvpb.TransferLeaderRequest, reply func(*kvpb.TransferLeaderResponse)) {
	if a := s.answer(fmt.Sprintf("%d: transfer to %d", number, req.ToNode)); !a.lost {
		reply(&kvpb.TransferLeaderResponse{Code: a.code, LeaderNode: uint64(a.leader)})
	}
}

// operate runs one change on a scripted cluster of three nodes and a spare for a minute.
func operate(c *scripted, f *plan.Fault, target int, p *plan.Plan) (o *operator, done int) {
	w := netsim.New(1, netsim.Config{})
	o = newOperator(w, p, c, newAtlas(p))
	o.start(f, target, func() { done++ })
	w.RunUntil(env.Instant(time.Minute))
	return o, done
}

var (
	yes   = answer{code: kvpb.Code_OK, done: true}
	three = &plan.Plan{Nodes: 3, Spares: 1}
)

// Goal: each kind of change asks for the right steps in their order, of whoever leads. Method: a
// cluster that does all that is asked.
func TestChangesAskForTheirSteps(t *testing.T) {
	for _, c := range []struct {
		fault  plan.Fault
		target int
		want   []string
	}{
		{plan.Fault{Kind: plan.AddNode}, 4, []string{"2: add 4 store 44 learner false"}},
		{plan.Fault{Kind: plan.AddNode, Param: 1}, 1, []string{"2: add 4 store 44 learner true"}},
		{plan.Fault{Kind: plan.RemoveNode}, 2, []string{"2: remove 2"}},
		{plan.Fault{Kind: plan.RemoveNode}, 4, []string{"2: remove 1"}},
		{plan.Fault{Kind: plan.Demote}, 3, []string{"2: demote 3"}},
		{plan.Fault{Kind: plan.Promote}, 3, []string{"2: add 4 store 44 learner true", "2: promote 4"}},
		{plan.Fault{Kind: plan.Replace, Targets: []int{1, 4}}, 1, []string{"2: add 4 store 44 learner false", "2: remove 1"}},
		{plan.Fault{Kind: plan.Replace, Param: 1, Targets: []int{1, 4}}, 1, []string{"2: remove 1", "2: add 4 store 44 learner false"}},
	} {
		s := &scripted{leader: 2, answers: []answer{yes}}
		_, done := operate(s, &c.fault, c.target, three)
		require.Equal(t, c.want, s.log, "%v", c.fault)
		require.Equal(t, 1, done)
	}
	s := &scripted{leader: 2, answers: []answer{yes}}
	_, done := operate(s, &plan.Fault{Kind: plan.Promote, For: time.Second}, 3, &plan.Plan{Nodes: 3})
	require.Equal(t, []string{"2: demote 3", "2: promote 3"}, s.log, "there is no other node")
	require.Equal(t, 1, done)
}

// Goal: a change is asked for until it is done, whatever becomes of the requests, and then no
// more. Method: lost, refused and unfinished answers, in turn.
func TestTheOperatorAsksUntilItIsDone(t *testing.T) {
	s := &scripted{leader: 1, answers: []answer{
		{lost: true}, {code: kvpb.Code_NOT_LEADER}, {code: kvpb.Code_OVERLOADED}, {code: kvpb.Code_OK}, yes,
	}}
	o, done := operate(s, &plan.Fault{Kind: plan.RemoveNode}, 3, three)
	require.Len(t, s.log, 5)
	require.Equal(t, 1, done)
	require.False(t, o.present(3))

	s = &scripted{leader: 1, answers: []answer{{code: kvpb.Code_OK, leader: 1}, {code: kvpb.Code_UNAVAILABLE}, {code: kvpb.Code_OK, leader: 2}}}
	_, done = operate(s, &plan.Fault{Kind: plan.TransferLeader}, 2, three)
	require.Equal(t, []string{"1: transfer to 2", "1: transfer to 2", "1: transfer to 2"}, s.log)
	require.Equal(t, 1, done)

	s = &scripted{leader: 1, answers: []answer{{code: kvpb.Code_OK, leader: 3}}}
	_, done = operate(s, &plan.Fault{Kind: plan.TransferLeader}, 1, three)
	require.Equal(t, []string{"1: transfer to 0"}, s.log, "the leader cannot be given to itself")
	require.Equal(t, 1, done)
}

// Goal: without a leader, and once it was stopped, the operator asks nobody, and never for what
// the atlas forbids. Method: each.
func TestTheOperatorHoldsBack(t *testing.T) {
	s := &scripted{answers: []answer{yes}}
	_, done := operate(s, &plan.Fault{Kind: plan.RemoveNode}, 3, three)
	require.Empty(t, s.log)
	require.Zero(t, done)

	s = &scripted{leader: 2, answers: []answer{yes}}
	_, done = operate(s, &plan.Fault{Kind: plan.RemoveNode}, 3, &plan.Plan{Nodes: 3, StayDead: []int{1}})
	require.Empty(t, s.log)
	require.Zero(t, done)

	s = &scripted{leader: 2, answers: []answer{{lost: true}}}
	w := netsim.New(1, netsim.Config{})
	task := newOperator(w, three, s, newAtlas(three)).start(&plan.Fault{Kind: plan.Demote}, 3, func() { t.Fatal("done") })
	w.RunUntil(env.Instant(time.Second))
	asked := len(s.log)
	require.Greater(t, asked, 1)
	task.stop()
	w.RunUntil(env.Instant(time.Minute))
	require.Len(t, s.log, asked)
}
