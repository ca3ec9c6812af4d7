package machine_test

import (
	"slices"

	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

// model is a naive machine: it never forgets a result and looks through all
// sessions each time. It shares no code with the real one.
type model struct {
	limits   machine.Limits
	data     map[string]modelValue
	sessions []*modelSession // in order of last activity
	now      int64
}

type modelValue struct {
	value   string
	version uint64
}

type modelSession struct {
	id     uint64
	active int64
	acked  uint64
	first  map[uint64]machine.Result // every first result there ever was
}

func newModel(l machine.Limits) *model {
	return &model{limits: l, data: map[string]modelValue{}}
}

func (m *model) apply(e raft.Entry, c *machine.Command) machine.Result {
	res := machine.Result{Index: e.Index, Term: e.Term, ResultIndex: e.Index}
	if c == nil {
		return res
	}
	m.now = max(m.now, c.Time)
	m.sessions = slices.DeleteFunc(m.sessions, func(s *modelSession) bool {
		return m.now-s.active > int64(m.limits.SessionTTL)
	})
	at := slices.IndexFunc(m.sessions, func(s *modelSession) bool { return s.id == c.Session })
	switch {
	case c.Kind == machine.CmdOpenSession:
		if len(m.sessions) == m.limits.MaxSessions {
			m.sessions = m.sessions[1:]
		}
		m.sessions = append(m.sessions, &modelSession{
			id: e.Index, active: m.now, first: map[uint64]machine.Result{},
		})
		res.Session = e.Index
		return res
	case c.Session == 0 && c.Kind == machine.CmdApply:
		res.Status, res.Ops = m.execute(e.Index, c.Ops)
		return res
	case at < 0:
		res.Status = machine.StatusSessionUnknown
		return res
	}
	s := m.sessions[at]
	m.sessions = slices.Delete(m.sessions, at, at+1)
	if c.Kind == machine.CmdCloseSession {
		return res
	}
	m.sessions = append(m.sessions, s)
	s.active, s.acked = m.now, max(s.acked, c.Acked)
	if c.Kind == machine.CmdKeepAlive {
		return res
	}
	return m.once(s, e, c, res)
}

func (m *model) once(s *modelSession, e raft.Entry, c *machine.Command, res machine.Result) machine.Result {
	if c.Seq <= s.acked {
		res.Status = machine.StatusSeqTooOld
		return res
	}
	if first, done := s.first[c.Seq]; done {
		res.Status, res.Ops = first.Status, first.Ops
		res.Duplicate, res.ResultIndex = true, first.Index
		return res
	}
	open := 0
	for _, s := range m.sessions {
		for seq := range s.first {
			if seq > s.acked {
				open++
			}
		}
	}
	window := uint64(m.limits.SessionWindow)
	if open >= m.limits.MaxSavedResults {
		window = max(1, window/64)
	}
	if c.Seq > s.acked+window {
		res.Status = machine.StatusWindowFull
		return res
	}
	res.Status, res.Ops = m.execute(e.Index, c.Ops)
	s.first[c.Seq] = res
	return res
}

func (m *model) look(key []byte) machine.OpResult {
	v, ok := m.data[string(key)]
	if !ok {
		return machine.OpResult{}
	}
	return machine.OpResult{Found: true, Version: v.version, Value: []byte(v.value)}
}

func (m *model) execute(index uint64, ops []machine.Op) (machine.Status, []machine.OpResult) {
	out := make([]machine.OpResult, len(ops))
	status := machine.StatusOK
	for i, op := range ops {
		is := m.look(op.Key)
		ok := map[machine.CondKind]bool{
			machine.CondNone:    true,
			machine.CondAbsent:  !is.Found,
			machine.CondExists:  is.Found,
			machine.CondVersion: is.Found && is.Version == op.CondVersion,
			machine.CondValue:   is.Found && string(is.Value) == string(op.CondValue),
		}[op.Cond]
		if !ok {
			status = machine.StatusConditionFailed
			out[i] = is
			out[i].CondFailed = true
		}
	}
	if status != machine.StatusOK {
		return status, out
	}
	for i, op := range ops {
		is := m.look(op.Key)
		switch op.Kind {
		case machine.OpPut:
			m.data[string(op.Key)] = modelValue{string(op.Value), index}
			out[i] = machine.OpResult{Version: index}
		case machine.OpErase:
			delete(m.data, string(op.Key))
			out[i] = machine.OpResult{Found: is.Found, Version: index}
		case machine.OpGet:
			out[i] = is
		}
		out[i].Applied = true
	}
	return status, out
}
