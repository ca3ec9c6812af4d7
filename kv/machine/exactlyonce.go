package machine

import (
	"bytes"
	"fmt"
	"slices"
)

// expiryBurst bounds the sessions that one entry expires, so that a jump of the log
// time does not make one entry slow. The rest follow with later entries;
// activeSession refuses them in the meantime.
const expiryBurst = 64

// expireSessions drops sessions that were silent for longer than SessionTTL of log time.
func (m *Machine) expireSessions() {
	for range expiryBurst {
		s := m.sessions.oldest
		if s == nil || !m.expired(s) {
			return
		}
		m.dropSession(s)
	}
}

// expired compares log time only (dissertation §6.3): a replica's own clock would
// make replicas disagree.
func (m *Machine) expired(s *session) bool {
	return m.meta.logTime-s.lastActive > int64(m.limits.SessionTTL)
}

// openSession opens the session whose id is the entry's index.
func (m *Machine) openSession(res *Result) {
	for len(m.sessions.byID) >= m.limits.MaxSessions {
		m.dropSession(m.sessions.oldest)
	}
	s := &session{id: res.Index, lastActive: m.meta.logTime, lastIndex: res.Index}
	m.sessions.add(s)
	m.markDirty(s)
	m.chain.note(effectOpen, s.id, 0)
	res.Session = s.id
}

// dropSession forgets the session: expired, evicted or closed.
func (m *Machine) dropSession(s *session) {
	hasOwn := false
	m.sessions.results -= len(s.saved)
	for i := range s.saved {
		m.sessions.bytes -= s.saved[i].memory()
		hasOwn = hasOwn || s.saved[i].own
	}
	delete(m.sessions.byID, s.id)
	m.sessions.unlink(s)
	s.dirty = false
	m.keyBuf = m.keys.session(m.keyBuf[:0], s.id)
	m.batch.Delete(m.keyBuf)
	if hasOwn {
		m.batch.DeleteRange(m.keys.saved(nil, s.id, 0), m.keys.saved(nil, s.id+1, 0))
	}
	m.chain.note(effectDrop, s.id, uint64(len(s.saved)))
}

// activeSession returns the session, which is thereby heard of at index, or nil
// if there is none or it has expired. It is never created again: the client
// must learn that the protection is gone.
func (m *Machine) activeSession(id, index uint64) *session {
	s := m.sessions.byID[id]
	if s == nil {
		return nil
	}
	if m.expired(s) {
		m.dropSession(s)
		return nil
	}
	s.lastActive, s.lastIndex = m.meta.logTime, index
	m.sessions.unlink(s)
	m.sessions.push(s)
	m.markDirty(s)
	m.chain.note(effectTouch, s.id, s.floor)
	return s
}

func (m *Machine) markDirty(s *session) {
	if !s.dirty {
		s.dirty = true
		m.dirty = append(m.dirty, s)
	}
}

// raiseFloor drops the saved results up to acked. The floor never sinks: an old
// copy of a command carries an old Acked.
func (m *Machine) raiseFloor(s *session, acked uint64) {
	if acked <= s.floor {
		return
	}
	n := 0
	for ; n < len(s.saved) && s.saved[n].seq <= acked; n++ {
		r := &s.saved[n]
		m.sessions.bytes -= r.memory()
		if r.own {
			m.keyBuf = m.keys.saved(m.keyBuf[:0], s.id, r.seq)
			m.batch.Delete(m.keyBuf)
		}
	}
	m.sessions.results -= n
	s.saved = slices.Delete(s.saved, 0, n)
	s.floor = acked
}

// window is how far above its floor a session may go. It depends on replicated
// state alone.
func (m *Machine) window() uint64 {
	w := uint64(m.limits.SessionWindow)
	if m.sessions.results >= m.limits.MaxSavedResults {
		w = max(w/64, 1)
	}
	return w
}

// saveResult remembers the first result of number seq, at its place in s.saved.
func (m *Machine) saveResult(s *session, at int, seq uint64, res *Result) {
	m.valBuf = appendSaved(m.valBuf[:0], res)
	r := saved{seq: seq, index: res.Index}
	if bytes.Equal(m.valBuf, plainPut) {
		r.enc = plainPut
	} else {
		r.enc = slices.Clone(m.valBuf)
	}
	if len(r.enc) > inlineResult || m.sessions.bytes+len(r.enc) > m.limits.MaxSavedBytes {
		r.own = true
		m.keyBuf = m.keys.saved(m.keyBuf[:0], s.id, seq)
		m.batch.Set(m.keyBuf, r.enc)
		m.own = append(m.own, ownResult{s, seq})
	}
	m.sessions.results++
	m.sessions.bytes += r.memory()
	s.saved = slices.Insert(s.saved, at, r)
}

// savedResult answers with the result of the first execution, not with what the
// command would do now.
func (m *Machine) savedResult(s *session, at int, res *Result) error {
	r := &s.saved[at]
	res.Duplicate, res.ResultIndex = true, r.index
	enc := r.enc
	if enc == nil {
		var found bool
		var err error
		m.keyBuf = m.keys.saved(m.keyBuf[:0], s.id, r.seq)
		enc, found, err = m.engine.Get(m.keyBuf)
		if err != nil {
			return fmt.Errorf("read the saved result of request %d of session %d: %w", r.seq, s.id, err)
		}
		if !found {
			return damagef("the saved result of request %d of session %d is gone: the data is damaged; "+
				"remove this replica's data and let it be rebuilt from its group", r.seq, s.id)
		}
	}
	if err := decodeSaved(res, enc); err != nil {
		return damagef("the saved result of request %d of session %d is damaged: %w", r.seq, s.id, err)
	}
	return nil
}
