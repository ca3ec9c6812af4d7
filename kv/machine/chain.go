package machine

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// chain collects the effects of one entry and rolls them into the state hash:
// hash' = xxhash64(hash, index, term, effects). Values enter by their own hash,
// so that they need not be copied.
type chain struct{ buf []byte }

// What an effect is about. Part of the hash, so never renumber.
const (
	effectPut byte = iota + 1
	effectErase
	effectOpen
	effectDrop
	effectTouch
	effectTime
	effectResult
	effectOpResult
)

// begin starts an entry after a state with the given hash.
func (h *chain) begin(hash, index, term uint64) {
	h.buf = binary.LittleEndian.AppendUint64(h.buf[:0], hash)
	h.buf = binary.LittleEndian.AppendUint64(h.buf, index)
	h.buf = binary.LittleEndian.AppendUint64(h.buf, term)
}

// note adds an effect with two numbers.
func (h *chain) note(effect byte, a, b uint64) {
	h.buf = append(h.buf, effect)
	h.buf = binary.AppendUvarint(h.buf, a)
	h.buf = binary.AppendUvarint(h.buf, b)
}

// data adds a byte string of any length.
func (h *chain) data(b []byte) {
	h.buf = binary.AppendUvarint(h.buf, uint64(len(b)))
	if len(b) <= 32 {
		h.buf = append(h.buf, b...)
		return
	}
	h.buf = binary.LittleEndian.AppendUint64(h.buf, xxhash.Sum64(b))
}

// result adds what the entry answers.
func (h *chain) result(res *Result) {
	var dup uint64
	if res.Duplicate {
		dup = res.ResultIndex
	}
	h.note(effectResult, uint64(res.Status), dup)
	for i := range res.Ops {
		op := &res.Ops[i]
		h.note(effectOpResult, uint64(op.flags()), op.Version)
		h.data(op.Value)
	}
}

// sum ends the entry and returns the new hash.
func (h *chain) sum() uint64 { return xxhash.Sum64(h.buf) }
