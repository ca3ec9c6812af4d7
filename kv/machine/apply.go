package machine

import (
	"bytes"
	"fmt"

	"github.com/holdfastdb/holdfast/raft"
)

// Apply applies committed entries and appends one Result for each to out. The
// entries follow the applied index without a gap; it panics otherwise, because a
// machine that skips or repeats an entry is worse than one that stops (MACH-1).
//
// Data, sessions and position go to the engine in one batch (MACH-2). An error
// comes from the engine and is final: every later call returns it, and out gains nothing.
func (m *Machine) Apply(entries []raft.Entry, out []Result) ([]Result, error) {
	if m.failed != nil {
		return out, m.failed
	}
	if len(entries) == 0 {
		return out, nil
	}
	m.checkOrder(entries)
	m.batch = m.engine.NewBatch()
	if m.meta.index == 0 {
		m.batch.Set(m.keys.key(nil, kindFormat), []byte{formatVersion})
	}
	before := len(out)
	for i := range entries {
		res, err := m.applyEntry(&entries[i])
		if err != nil {
			return out[:before], m.fail(err)
		}
		out = append(out, res)
	}
	if err := m.commit(); err != nil {
		return out[:before], m.fail(err)
	}
	return out, nil
}

// fail makes err final.
func (m *Machine) fail(err error) error {
	m.failed = fmt.Errorf("machine: partition %d stopped after entry %d: %w", m.keys.group, m.meta.index, err)
	return m.failed
}

func (m *Machine) checkOrder(entries []raft.Entry) {
	index, term := m.meta.index, m.meta.term
	for i := range entries {
		e := &entries[i]
		if e.Index != index+1 || e.Term < term {
			panic(fmt.Sprintf("machine: partition %d: entry %d of term %d given after entry %d of term %d",
				m.keys.group, e.Index, e.Term, index, term))
		}
		index, term = e.Index, e.Term
	}
}

// commit hands the batch with all that the entries changed to the engine.
func (m *Machine) commit() error {
	for _, s := range m.dirty {
		if !s.dirty { // dropped after it was changed
			continue
		}
		s.dirty = false
		m.keyBuf = m.keys.session(m.keyBuf[:0], s.id)
		m.valBuf = s.appendRecord(m.valBuf[:0])
		m.batch.Set(m.keyBuf, m.valBuf)
	}
	m.keyBuf = m.keys.key(m.keyBuf[:0], kindMeta)
	m.valBuf = m.meta.append(m.valBuf[:0])
	m.batch.Set(m.keyBuf, m.valBuf)
	err := m.engine.Apply(m.batch)

	m.batch = nil
	for _, r := range m.own {
		if i, found := r.s.find(r.seq); found {
			r.s.saved[i].enc = nil
		}
	}
	m.own = m.own[:0]
	clear(m.dirty)
	m.dirty = m.dirty[:0]
	m.overlay.reset()
	clear(m.command.Ops[:cap(m.command.Ops)]) // let go of the entries' memory
	return err
}

func (m *Machine) applyEntry(e *raft.Entry) (Result, error) {
	res := Result{Index: e.Index, Term: e.Term, ResultIndex: e.Index}
	m.chain.begin(m.meta.hash, e.Index, e.Term)
	if e.Kind == raft.EntryNormal {
		if decodeCommand(&m.command, e.Data) != nil {
			res.Status = StatusInvalid
		} else if err := m.run(&m.command, &res); err != nil {
			return Result{}, err
		}
	}
	m.chain.result(&res)
	m.meta.index, m.meta.term, m.meta.hash = e.Index, e.Term, m.chain.sum()
	return res, nil
}

// run carries out one command and fills its result.
func (m *Machine) run(c *Command, res *Result) error {
	if c.Time > m.meta.logTime {
		m.meta.logTime = c.Time
		m.chain.note(effectTime, uint64(c.Time), 0)
	}
	m.expireSessions()
	if m.limits.Check(c) != nil {
		res.Status = StatusInvalid
		return nil
	}
	if c.Kind == CmdOpenSession {
		m.openSession(res)
		return nil
	}
	if c.Session == 0 && c.Kind == CmdApply {
		return m.execute(c, res)
	}
	s := m.activeSession(c.Session, res.Index)
	if s == nil {
		res.Status = StatusSessionUnknown
		return nil
	}
	switch c.Kind {
	case CmdCloseSession:
		m.dropSession(s)
	case CmdKeepAlive:
		m.raiseFloor(s, c.Acked)
	case CmdApply:
		m.raiseFloor(s, c.Acked)
		return m.runOnce(s, c, res)
	case CmdOpenSession:
	}
	return nil
}

// runOnce executes a command of a session unless it was executed before: the
// decision is made here, from replicated state, and nowhere else (MACH-4).
func (m *Machine) runOnce(s *session, c *Command, res *Result) error {
	if c.Seq <= s.floor {
		res.Status = StatusSeqTooOld
		return nil
	}
	at, done := s.find(c.Seq)
	if done {
		return m.savedResult(s, at, res)
	}
	if c.Seq-s.floor > m.window() {
		res.Status = StatusWindowFull
		return nil
	}
	if err := m.execute(c, res); err != nil {
		return err
	}
	m.saveResult(s, at, c.Seq, res)
	return nil
}

// execute judges all conditions against the state before the command, then
// carries out all operations or none.
func (m *Machine) execute(c *Command, res *Result) error {
	res.Ops = m.newResults(len(c.Ops))
	for i := range c.Ops {
		op := &c.Ops[i]
		if op.Cond == CondNone {
			continue
		}
		actual, err := m.read(op.Key)
		if err != nil {
			return err
		}
		if !holds(op, &actual) {
			res.Status = StatusConditionFailed
			res.Ops[i] = actual
			res.Ops[i].CondFailed = true
		}
	}
	fits, err := m.resultFits(c, res)
	if err != nil {
		return err
	}
	if !fits {
		clear(res.Ops)
		res.Ops, res.Status = nil, StatusInvalid
		return nil
	}
	if res.Status != StatusOK {
		return nil
	}
	for i := range c.Ops {
		if err := m.carryOut(&c.Ops[i], res.Index, &res.Ops[i]); err != nil {
			return err
		}
	}
	return nil
}

// resultFits tells whether the values in the command's result stay within maxResult, as a saved result has to
// travel in one piece, in answers and in snapshots.
func (m *Machine) resultFits(c *Command, res *Result) (bool, error) {
	if len(c.Ops)*m.limits.MaxValue <= maxResult {
		return true, nil
	}
	size := 0
	for i := range c.Ops {
		op := &c.Ops[i]
		size += len(res.Ops[i].Value)
		if op.Kind != OpGet || res.Status != StatusOK {
			continue
		}
		now, err := m.read(op.Key)
		if err != nil {
			return false, err
		}
		most := len(now.Value)
		for j := range c.Ops[:i] {
			if put := &c.Ops[j]; put.Kind == OpPut && bytes.Equal(put.Key, op.Key) {
				most = max(most, len(put.Value))
			}
		}
		size += most
	}
	return size <= maxResult, nil
}

// holds reports whether the operation's condition is true of what is there.
func holds(op *Op, actual *OpResult) bool {
	switch op.Cond {
	case CondNone:
		return true
	case CondAbsent:
		return !actual.Found
	case CondExists:
		return actual.Found
	case CondVersion:
		return actual.Found && actual.Version == op.CondVersion
	case CondValue:
		return actual.Found && bytes.Equal(actual.Value, op.CondValue)
	}
	panic(fmt.Sprintf("machine: condition %d passed the decoder", op.Cond))
}

func (m *Machine) carryOut(op *Op, index uint64, res *OpResult) error {
	switch op.Kind {
	case OpPut:
		m.put(op.Key, op.Value, index)
		res.Version = index
	case OpErase:
		before, err := m.read(op.Key)
		if err != nil {
			return err
		}
		m.erase(op.Key)
		res.Found, res.Version = before.Found, index
	case OpGet:
		now, err := m.read(op.Key)
		if err != nil {
			return err
		}
		*res = now
	default:
		panic(fmt.Sprintf("machine: operation %d passed the decoder", op.Kind))
	}
	res.Applied = true
	return nil
}
