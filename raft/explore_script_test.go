package raft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

// Happening is one event of a trace: what happened to which replica.
type Happening struct {
	Replica int
	event   exploreEvent
	arg     uint16
}

// trace follows the steps back from the last one to the start. Each level's steps name
// their parents by position in the level before.
func (s *search) trace(last step) []Happening {
	var out []Happening
	for level, at := len(s.levels)-1, last; level >= 0; level-- {
		ev, arg := decodeEvent(at.code)
		out = append(out, Happening{int(at.node), ev, arg})
		at = s.levels[level][at.parent]
	}
	slices.Reverse(out)
	return out
}

// A teller retells a trace in the language of package rafttest: it knows what is in the pool
// of messages there, and what hand-offs are called.
type teller struct {
	*explorer
	state   state
	pool    []uint16
	handed  [maxExploreNodes]uint64
	text    strings.Builder
	history []Happening
}

// script writes the trace as a golden script, and the state that the replicas are in then.
func (x *explorer) script(trace []Happening) (script, final string) {
	start, err := x.start()
	if err != nil {
		return err.Error(), ""
	}
	t := &teller{explorer: x, state: start, history: trace}
	b := &x.bounds
	t.say("add-replicas %d prevote=%t checkquorum=false%s", b.Nodes-b.Added, b.PreVote, map[bool]string{true: " disk=manual"}[b.AsyncDisks])
	for i := range trace {
		if !t.tell(i) {
			return t.text.String(), ""
		}
	}
	t.say("status")
	return t.text.String(), t.status()
}

// status shows the replicas as the command of that name does.
func (t *teller) status() string {
	var b strings.Builder
	name := scriptName
	for i := range t.bounds.Nodes {
		s := t.locals[t.state.nodes[i]].sim.Core.Status()
		fmt.Fprintf(&b, "%s %v term=%d vote=%s leader=%s last=%d@%d durable=%d commit=%d applied=%d\n", name(s.ID), s.Role,
			s.Term, name(s.Vote), name(s.Leader), s.LastIndex, s.LastTerm, s.Durable, s.Commit, s.Applied)
		for _, q := range s.Peers {
			fmt.Fprintf(&b, "  %s %v match=%d next=%d inflight=%d paused=%t fetching=%t\n",
				name(q.ID), q.State, q.Match, q.Next, q.Inflight, q.Paused, q.Fetching)
		}
	}
	return b.String()
}

// say writes one command.
func (t *teller) say(format string, args ...any) {
	fmt.Fprintf(&t.text, format+"\n----\n\n", args...)
}

// tell writes what happened i-th, and follows it; false if it is the violation itself.
func (t *teller) tell(i int) bool {
	h := t.history[i]
	at := h.Replica
	node := t.locals[t.state.nodes[at]]
	who := scriptName(t.ids[at])
	switch h.event {
	case evTimeout:
		t.say("campaign %s", who)
	case evHeartbeat:
		t.say("tick %s", who)
	case evPropose:
		t.say("propose %s %c", who, 'a'+rune(h.arg))
	case evPersisted:
		t.say("persist %s seq=%d", who, t.handed[at]-uint64(len(node.sim.Pending))+1)
	case evCrash, evCrashAll:
		t.say("crash %s", who)
		t.say("restart %s%s", who, map[bool]string{true: " applied=0"}[h.event == evCrashAll])
		t.handed[at] = 0
	case evChange:
		t.say("change %s %s", who, scriptChange(&t.changes[h.arg]))
	case evCompact:
		t.say("compact %s", who)
	case evDeliver:
		t.deliver(i)
	case numEvents:
	}
	r := t.react(t.state.nodes[at], encodeEvent(h.event, h.arg))
	if r.err != nil {
		return false
	}
	t.pool = append(t.pool, r.sent...)
	t.handed[at] += r.handed
	t.state.nodes[at] = r.node
	return true
}

func scriptName(id ReplicaID) string {
	switch g := id.Generation(); {
	case id == 0:
		return "none"
	case g > 0:
		return fmt.Sprintf("r%d.%d", id.Node(), g)
	}
	return fmt.Sprintf("r%d", id)
}

func scriptChange(c *confchange.Change) string {
	who := scriptName(ReplicaID(c.Member.ID))
	switch c.Kind {
	case confchange.AddLearner:
		return fmt.Sprintf("learner=%s store=%d", who, c.Member.Store)
	case confchange.Promote:
		return "promote=" + who
	default:
		return "remove=" + who
	}
}

var scriptTypes = [...]string{
	MsgPreVote: "prevote", MsgPreVoteResp: "prevote-resp", MsgVote: "vote", MsgVoteResp: "vote-resp", MsgAppend: "append",
	MsgAppendResp: "append-resp", MsgHeartbeat: "heartbeat", MsgHeartbeatResp: "heartbeat-resp", MsgTimeoutNow: "timeout-now",
	MsgReadIndex: "read-index", MsgReadIndexResp: "read-index-resp", MsgRemoved: "removed",
}

// deliver picks the message from the pool; it leaves a copy there if that arrives later on.
func (t *teller) deliver(i int) {
	h := t.history[i]
	m := &t.letters[h.arg].msg
	switch m.Type {
	case msgSnapshot:
		// In a script it is taken, sent and taken over at once.
		t.say("snapshot %s to=%s", scriptName(m.From), scriptName(m.To))
		return
	case msgTaken:
		return
	}
	skip, at := 0, slices.Index(t.pool, h.arg)
	for _, id := range t.pool[:at] {
		o := &t.letters[id].msg
		if o.From == m.From && o.To == m.To && o.Type == m.Type && o.Term == m.Term {
			skip++
		}
	}
	command := fmt.Sprintf("deliver from=%s to=%s type=%s term=%d", scriptName(m.From), scriptName(m.To), scriptTypes[m.Type], m.Term)
	if skip > 0 {
		command += fmt.Sprintf(" skip=%d", skip)
	}
	command += " count=1"
	if slices.ContainsFunc(t.history[i+1:], func(o Happening) bool { return o.event == evDeliver && o.arg == h.arg }) {
		command += " dup"
	} else {
		t.pool = slices.Delete(t.pool, at, at+1)
	}
	t.say("%s", command)
}
