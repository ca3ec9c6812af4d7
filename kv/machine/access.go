package machine

import "encoding/binary"

// read returns what is under key at this point of the log: the writes of the
// batch being built, then the engine.
func (m *Machine) read(key []byte) (OpResult, error) {
	if w := m.overlay.find(key); w != nil {
		if w.version == 0 {
			return OpResult{}, nil
		}
		return OpResult{Found: true, Version: w.version, Value: w.value}, nil
	}
	if m.keyBuf == nil {
		m.keyBuf = make([]byte, 0, 64)
	}
	return m.fetch(m.keyBuf, key)
}

func (m *Machine) put(key, value []byte, index uint64) {
	m.keyBuf = m.keys.data(m.keyBuf[:0], key)
	m.valBuf = binary.AppendUvarint(m.valBuf[:0], index)
	m.valBuf = append(m.valBuf, value...)
	m.batch.Set(m.keyBuf, m.valBuf)
	m.overlay.add(key, value, index)
	m.chain.note(effectPut, index, 0)
	m.chain.data(key)
	m.chain.data(value)
}

func (m *Machine) erase(key []byte) {
	m.keyBuf = m.keys.data(m.keyBuf[:0], key)
	m.batch.Delete(m.keyBuf)
	m.overlay.add(key, nil, 0)
	m.chain.note(effectErase, 0, 0)
	m.chain.data(key)
}

// resultBlock is how many results are allocated at a time.
const resultBlock = 128

// newResults returns n zero results. They come from a block, because most
// commands have one operation and results are handed out by the hundred.
func (m *Machine) newResults(n int) []OpResult {
	if n > len(m.results) {
		if n > resultBlock/4 {
			return make([]OpResult, n)
		}
		m.results = make([]OpResult, resultBlock)
	}
	r := m.results[:n:n]
	m.results = m.results[n:]
	return r
}
