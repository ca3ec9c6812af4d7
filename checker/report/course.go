package report

import (
	"cmp"
	"slices"

	"github.com/holdfastdb/holdfast/checker/events"
)

// States of a node, as the page knows them.
const (
	nodeUp = iota
	nodePaused
	nodeDown
	nodeStopped
)

// roles are the names of roles, at the numbers by which the page knows them.
var roles = []string{"follower", "pre-candidate", "candidate", "leader"}

// course is what the events say, as periods of time in microseconds.
type course struct {
	// States have node, state, from, to, and the number of a text.
	States [][5]int64 `json:"states"`
	// Roles have node, number of the group, role, term, from, to.
	Roles [][6]int64 `json:"roles"`
	// Loads have node, time, how many partitions the node leads from then on, and how many it holds.
	Loads [][4]int64 `json:"loads"`
	// Marks have time, node, the number of a text.
	Marks [][3]int64 `json:"marks"`
	// Healed is when the faults ended, -1 if they did not.
	Healed int64 `json:"healed"`
	// Gap is the first and last time of the events that were not kept, and their number.
	Gap *[3]int64 `json:"gap,omitempty"`
}

// reader makes a course of events.
type reader struct {
	clock  clock
	texts  *texts
	groups map[uint64]int
	names  map[uint64]string
	course course
	// state and held are what is under way.
	state map[int]period
	held  map[place]period
}

type period struct {
	what, term, from int64
	text             int
}

type place struct {
	node  int
	group uint64
}

// readCourse makes the course of a log of events that lasts until end.
func readCourse(log *events.Log, groups []Group, c clock, t *texts, end int64) course {
	r := reader{clock: c, texts: t, groups: map[uint64]int{}, names: map[uint64]string{}, state: map[int]period{}, held: map[place]period{}}
	r.course = course{States: [][5]int64{}, Roles: [][6]int64{}, Loads: [][4]int64{}, Marks: [][3]int64{}, Healed: -1}
	if log == nil {
		return r.course
	}
	for i, g := range groups {
		r.groups[g.ID], r.names[g.ID] = i, g.Name
	}
	r.read(log.Before())
	if gap := log.Gap(); gap.Events > 0 {
		r.course.Gap = &[3]int64{c.us(gap.From), c.us(gap.To), int64(gap.Events)}
		r.close(c.us(gap.From))
	}
	r.read(log.After())
	r.close(end)
	slices.SortFunc(r.course.States, func(a, b [5]int64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[2], b[2])) })
	slices.SortFunc(r.course.Roles, func(a, b [6]int64) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]), cmp.Compare(a[4], b[4]))
	})
	r.course.Loads = loads(r.course.Roles, groups)
	return r.course
}

func (r *reader) read(list []events.Event) {
	for i := range list {
		r.one(&list[i])
	}
}

func (r *reader) one(e *events.Event) {
	at := r.clock.us(e.At)
	switch e.Kind {
	case events.Up:
		r.become(e.Node, nodeUp, at, "")
	case events.Down:
		r.lose(e.Node, at)
		r.become(e.Node, nodeDown, at, e.Name)
	case events.Pause:
		r.become(e.Node, nodePaused, at, "")
	case events.Resume:
		if r.state[e.Node].what == nodePaused {
			r.become(e.Node, nodeUp, at, "")
		}
	case events.Stopped:
		r.lose(e.Node, at)
		r.become(e.Node, nodeStopped, at, e.Name)
	case events.Role:
		r.role(e, at)
	case events.Snapshot:
		r.mark(at, e.Node, "installed a snapshot of "+r.names[e.Group])
	case events.Table:
		r.mark(at, e.Node, "got a new table of partitions")
	case events.Healed:
		r.course.Healed = at
	}
}

func (r *reader) mark(at int64, node int, text string) {
	r.course.Marks = append(r.course.Marks, [3]int64{at, int64(node), int64(r.texts.add(text))})
}

// become ends the state of a node and begins another.
func (r *reader) become(node int, state, at int64, why string) {
	r.settle(node, at)
	r.state[node] = period{what: state, from: at, text: r.texts.said(why)}
}

func (r *reader) settle(node int, at int64) {
	if was, ok := r.state[node]; ok && at > was.from {
		r.course.States = append(r.course.States, [5]int64{int64(node), was.what, was.from, at, int64(was.text)})
	}
	delete(r.state, node)
}

// role ends what a replica was and begins what it is.
func (r *reader) role(e *events.Event, at int64) {
	p := place{e.Node, e.Group}
	r.leave(p, at)
	if as := slices.Index(roles, e.Name); as >= 0 {
		r.held[p] = period{what: int64(as), term: int64(e.Term), from: at}
	}
}

func (r *reader) leave(p place, at int64) {
	was, ok := r.held[p]
	delete(r.held, p)
	group, known := r.groups[p.group]
	if !ok || !known || at <= was.from {
		return
	}
	r.course.Roles = append(r.course.Roles, [6]int64{int64(p.node), int64(group), was.what, was.term, was.from, at})
}

// lose ends all that a node's replicas were.
func (r *reader) lose(node int, at int64) {
	for p := range r.held {
		if p.node == node {
			r.leave(p, at)
		}
	}
}

// close ends everything under way. The order of the maps does not show: what they give is sorted after.
func (r *reader) close(at int64) {
	for p := range r.held {
		r.leave(p, at)
	}
	for node := range r.state {
		r.settle(node, at)
	}
}

// loads counts how many partitions each node leads and holds, at each time that this changes.
func loads(list [][6]int64, groups []Group) [][4]int64 {
	type change struct{ node, at, leads, holds int64 }
	var changes []change
	for _, s := range list {
		if !groups[s[1]].Partition {
			continue
		}
		leads := int64(0)
		if s[2] == int64(len(roles)-1) {
			leads = 1
		}
		changes = append(changes, change{s[0], s[4], leads, 1}, change{s[0], s[5], -leads, -1})
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.at, b.at)) })
	out := [][4]int64{}
	var leads, holds int64
	for i, c := range changes {
		if i == 0 || changes[i-1].node != c.node {
			leads, holds = 0, 0
		}
		leads, holds = leads+c.leads, holds+c.holds
		if i+1 < len(changes) && changes[i+1].node == c.node && changes[i+1].at == c.at {
			continue
		}
		if n := len(out); n > 0 && out[n-1][0] == c.node && out[n-1][2] == leads && out[n-1][3] == holds {
			continue
		}
		out = append(out, [4]int64{c.node, c.at, leads, holds})
	}
	return out
}
