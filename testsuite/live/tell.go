package live

import (
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
)

// teller makes a course of what nodes say of themselves. It knows only what they were asked for: a leader of less than the
// time between two questions may be missing.
type teller struct {
	course *target.Course
	said   map[uint64]*saying
}

// saying is what a node said last, in one of its starts.
type saying struct {
	start  int
	failed bool
	table  uint64
	roles  map[uint64]standing
}

type standing struct {
	role string
	term uint64
}

func newTeller(course *target.Course) teller {
	return teller{course: course, said: map[uint64]*saying{}}
}

// tell notes what is new in an answer.
func (t *teller) tell(id uint64, start int, s *kvpb.NodeStatus) {
	was := t.said[id]
	if was == nil || was.start != start {
		was = &saying{start: start, roles: map[uint64]standing{}}
		t.said[id] = was
	}
	add := func(e events.Event) {
		e.Node = int(id)
		t.course.Told(start, e)
	}
	if s.Failure != "" && !was.failed {
		was.failed = true
		add(events.Event{Kind: events.Stopped, Name: s.Failure})
	}
	has := map[uint64]bool{}
	for _, g := range s.Groups {
		if g.Replica == 0 {
			continue
		}
		has[g.Group] = true
		if is := (standing{g.Role, g.Term}); was.roles[g.Group] != is {
			was.roles[g.Group] = is
			add(events.Event{Kind: events.Role, Group: g.Group, Term: g.Term, Name: g.Role})
		}
	}
	for _, group := range slices.Sorted(maps.Keys(was.roles)) {
		if !has[group] {
			delete(was.roles, group)
			add(events.Event{Kind: events.Role, Group: group})
		}
	}
	if s.TableVersion > was.table {
		was.table = s.TableVersion
		add(events.Event{Kind: events.Table, Count: s.TableVersion})
	}
}
