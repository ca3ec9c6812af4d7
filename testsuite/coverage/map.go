package coverage

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// mapBits is the number of cells of a Map, a power of two: with a million states four of five still
// find a cell of their own.
const mapBits = 1 << 22

// Seen is the set of states of one run.
type Seen map[uint64]struct{}

// Map says of each state whether a run has been in it, as far as cells of hashes can: two states in one cell count as
// one.
type Map struct {
	cells [mapBits / 64]uint64
	used  int // cells that are set
}

// Add adds what a run saw and returns in how many new cells that is.
func (m *Map) Add(s Seen) (fresh int) {
	for state := range s {
		cell := state % mapBits
		word, bit := cell/64, uint64(1)<<(cell%64)
		if m.cells[word]&bit == 0 {
			m.cells[word] |= bit
			fresh++
		}
	}
	m.used += fresh
	return fresh
}

// Merge adds what another map has.
func (m *Map) Merge(o *Map) {
	m.used = 0
	for i := range m.cells {
		m.cells[i] |= o.cells[i]
		m.used += bits.OnesCount64(m.cells[i])
	}
}

// States estimates how many states there were, from the cells that are not set (linear counting, Whang et al. 1990).
func (m *Map) States() int {
	free := max(mapBits-m.used, 1)
	return int(math.Round(-mapBits * math.Log(float64(free)/mapBits)))
}

// MarshalText implements encoding.TextMarshaler: the cells, packed.
func (m *Map) MarshalText() ([]byte, error) {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	var raw [8]byte
	for _, word := range m.cells {
		for i := range raw {
			raw[i] = byte(word >> (8 * i))
		}
		if _, err := w.Write(raw[:]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return []byte(base64.StdEncoding.EncodeToString(packed.Bytes())), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Map) UnmarshalText(text []byte) error {
	packed, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("coverage: no map: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), mapBits/8+1))
	if err != nil {
		return fmt.Errorf("coverage: no map: %w", err)
	}
	if len(raw) != mapBits/8 {
		return fmt.Errorf("coverage: a map of %d bytes, not of %d", len(raw), mapBits/8)
	}
	*m = Map{}
	for i := range m.cells {
		for j := range 8 {
			m.cells[i] |= uint64(raw[8*i+j]) << (8 * j)
		}
		m.used += bits.OnesCount64(m.cells[i])
	}
	return nil
}
