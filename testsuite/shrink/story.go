package shrink

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// step is one thing that happened, in the words of the story and in those of the drawing.
type step struct {
	at time.Duration
	// lane is whose it is: a node's number, that of a client plus netsim.FirstClient, or 0 for all.
	lane int
	text string
	mark string
	// state is what the node is from now on, 0 for as before.
	state rune
}

// The states of a node in the drawing.
const (
	stateUp     = '|'
	stateLeads  = '#'
	stateDown   = ' '
	statePaused = ':'
)

// story is an execution, told.
type story struct {
	plan   *plan.Plan
	result *run.Result
	steps  []step
	// said are things that are told once: candidacies, votes and leaders.
	said map[string]bool
	// leading is who leads what in which term, as far as others know.
	leading map[leadership]uint64
}

// leadership is a node at the head of a group.
type leadership struct {
	node  int
	group raft.GroupID
}

// tell executes a plan once more and gathers what happened.
func tell(p *plan.Plan) *story {
	s := &story{plan: p, said: make(map[string]bool), leading: make(map[leadership]uint64)}
	s.result = run.Execute(p, run.Options{Sink: s.see, Struck: s.struck})
	for i := range s.result.History.Operations {
		s.operation(&s.result.History.Operations[i])
	}
	if s.result.Virtual >= p.HealAt && s.result.Virtual > 0 {
		s.add(p.HealAt, 0, "All faults end here. From now on each client must get a write and a read of every key through.", "all is healed")
	}
	last := s.violations()
	slices.SortStableFunc(s.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	s.steps = slices.DeleteFunc(s.steps, func(st step) bool { return st.at > last })
	return s
}

// violations adds them, and returns when the last was: what comes after has no part in the story. Without any it ends with
// the run.
func (s *story) violations() (last time.Duration) {
	if len(s.result.Verdict.Violations) == 0 {
		return s.result.Virtual
	}
	for _, v := range s.result.Verdict.Violations {
		at, lane := time.Duration(v.At), 0
		if at == 0 {
			at = s.result.Virtual
		}
		if v.Node > 0 && v.Node <= uint64(s.plan.Machines()) {
			lane = int(v.Node)
		}
		s.add(at, lane, "VIOLATION of "+v.Oracle+": "+firstLine(v.Message), "VIOLATION")
		last = max(last, at)
	}
	return last
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func (s *story) add(at time.Duration, lane int, text, mark string) {
	s.steps = append(s.steps, step{at: at, lane: lane, text: text, mark: mark})
}

// once adds a step unless it was told before.
func (s *story) once(at time.Duration, lane int, text, mark string, state rune) bool {
	if s.said[text] {
		return false
	}
	s.said[text] = true
	s.steps = append(s.steps, step{at: at, lane: lane, text: text, mark: mark, state: state})
	return true
}

// see takes one event of the trace.
func (s *story) see(e netsim.Event) {
	at, n := time.Duration(e.At), int(e.To)
	if n >= int(netsim.FirstClient) || e.From >= netsim.FirstClient {
		return
	}
	state := func(text, mark string, now rune) {
		s.steps = append(s.steps, step{at: at, lane: n, text: fmt.Sprintf("Node %d %s.", n, text), mark: mark, state: now})
	}
	if e.Kind == netsim.KindCrash {
		maps.DeleteFunc(s.leading, func(l leadership, _ uint64) bool { return l.node == n })
	}
	switch e.Kind {
	case netsim.KindStart:
		state("starts", "starts", stateUp)
	case netsim.KindBootFail:
		state("cannot start: "+e.Note, "cannot start", stateDown)
	case netsim.KindCrash:
		state("goes down ("+e.Note+")", "down", stateDown)
	case netsim.KindPause:
		state("stands still", "stands still", statePaused)
	case netsim.KindResume:
		state("goes on", "goes on", s.stateOf(n))
	}
	if e.Payload == nil {
		return
	}
	if m, ok := node.PeekRaft(e.Payload); ok {
		s.message(at, int(e.From), int(e.To), &m, e.Kind == netsim.KindDeliver)
	}
}

// message takes a message between replicas: what it says of candidates, votes and leaders.
func (s *story) message(at time.Duration, from, to int, m *raft.Message, arrived bool) {
	group, where, short := s.groupNames(m.Group)
	switch m.Type {
	case raft.MsgVote:
		s.once(at, from, fmt.Sprintf("Node %d wants to lead%s in term %d; its log ends at %d of term %d.", from, group, m.Term, m.LogIndex, m.LogTerm),
			fmt.Sprintf("%swants t%d", short, m.Term), 0)
		return
	case raft.MsgVoteResp:
		if !arrived {
			return
		}
		word, mark := "votes for", "votes"
		if m.Reject {
			word, mark = "refuses its vote to", "refuses"
		}
		s.once(at, to, fmt.Sprintf("Node %d %s node %d%s, in term %d: the answer arrives.", from, word, to, where, m.Term),
			fmt.Sprintf("%sn%d %s t%d", short, from, mark, m.Term), 0)
		return
	case raft.MsgAppend, raft.MsgHeartbeat:
		if s.once(at, from, fmt.Sprintf("Node %d leads%s in term %d.", from, group, m.Term), fmt.Sprintf("%sLEADS t%d", short, m.Term), stateLeads) {
			s.leading[leadership{from, m.Group}] = m.Term
		}
		return
	case raft.MsgAppendResp, raft.MsgHeartbeatResp:
	default:
		return
	}
	// Who answers a leader of a later term does not lead.
	me := leadership{from, m.Group}
	if term, leads := s.leading[me]; leads && m.Term > term {
		delete(s.leading, me)
		s.once(at, from, fmt.Sprintf("Node %d no longer leads%s; it follows in term %d.", from, group, m.Term),
			fmt.Sprintf("%sfollows t%d", short, m.Term), s.stateOf(from))
	}
}

// groupNames are the words for a group: as what is led, as where, and briefly. A cluster of one group needs none.
func (s *story) groupNames(g raft.GroupID) (group, where, short string) {
	switch {
	case !s.plan.Sharded():
		return "", "", ""
	case g == placement.MetaGroup:
		group, short = " the metadata group", "meta "
	default:
		group, short = fmt.Sprintf(" group %d", g), fmt.Sprintf("g%d ", g)
	}
	return group, " in" + group, short
}

// stateOf is the state of a node that runs.
func (s *story) stateOf(n int) rune {
	for l := range s.leading {
		if l.node == n {
			return stateLeads
		}
	}
	return stateUp
}

// struck takes a fault that begins.
func (s *story) struck(f run.Struck) {
	text := faultWords(f.Fault, f.Target)
	if f.Fault.Leader {
		text += " It was aimed at the leader."
	}
	s.add(f.At, f.Target, text, "!"+string(f.Fault.Kind))
}

// operation takes what a client did.
func (s *story) operation(op *history.Operation) {
	lane := int(netsim.FirstClient) + int(op.Client)
	ask, short := asked(&op.Input)
	healed := time.Duration(op.CallTime) >= s.plan.HealAt
	if healed && op.Outcome == history.OK && !s.accused(op.Key) {
		return // the final operations that went well are many, and say nothing
	}
	s.add(time.Duration(op.CallTime), lane, fmt.Sprintf("Client %d asks to %s.", op.Client, ask), short)
	switch op.Outcome {
	case history.OK:
		s.add(time.Duration(op.ReturnTime), lane, fmt.Sprintf("Client %d learns of its %s: %s.", op.Client, short, answered(op)), "-> "+brief(op))
	case history.Failed:
		s.add(time.Duration(op.ReturnTime), lane, fmt.Sprintf("Client %d is told that its %s failed, and was not applied: %s.", op.Client, short, op.Error), "-> failed")
	case history.Unknown:
		if op.ReturnTime > 0 {
			s.add(time.Duration(op.ReturnTime), lane, fmt.Sprintf("Client %d gives up on its %s: nobody knows whether it was applied.", op.Client, short), "-> unknown")
		}
	}
}

// accused reports whether a violation is about a key.
func (s *story) accused(key string) bool {
	if s.result.Linear == nil {
		return false
	}
	for i := range s.result.Linear.Findings {
		if s.result.Linear.Findings[i].Key == key {
			return true
		}
	}
	return false
}

// mostSteps is how many steps are told; of a longer story the beginning and the end.
const mostSteps = 400

// write writes the story: what is attacked, what happened step by step, and the drawing.
func (s *story) write(w io.Writer) error {
	var b strings.Builder
	p := s.plan
	fmt.Fprintf(&b, "%s\n\n", SizeOf(p))
	for _, v := range s.result.Verdict.Violations {
		fmt.Fprintf(&b, "It ends in %s:\n  %s\n\n", v.Fingerprint, firstLine(v.String()))
	}
	b.WriteString("WHAT HAPPENED\n\n")
	left := max(len(s.steps)-mostSteps, 0)
	for i, st := range s.steps {
		if left > 0 && i == mostSteps/2 {
			fmt.Fprintf(&b, "            ... %d more steps, in trace.txt ...\n", left)
		}
		if i < mostSteps/2 || i >= mostSteps/2+left {
			fmt.Fprintf(&b, "%10.6fs %s\n", st.at.Seconds(), st.text)
		}
	}
	b.WriteString("\nTHE SAME, DRAWN\n\n")
	s.draw(&b)
	_, err := io.WriteString(w, b.String())
	return err
}
