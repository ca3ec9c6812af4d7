package machine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// chunkVersion is the first byte of a chunk.
const chunkVersion = 1

// chunkFinal, in a chunk's flags, says that no pair follows it.
const chunkFinal byte = 1

// chunkHeader is the length of what comes before a chunk's pairs: version, flags,
// the number of its pairs (4 bytes), the running count of pairs after it (8), the running sums
// before and after it (8 each), all big endian.
const chunkHeader = 1 + 1 + 4 + 8 + 8 + 8

// tally is how far the pairs of an image were counted, in key order. The sum is a
// function of the pairs alone, not of how they were cut into chunks.
type tally struct{ pairs, sum uint64 }

// add counts one pair. The key is the one inside the image: kind and rest.
func (t *tally) add(scratch, key, value []byte) []byte {
	scratch = binary.BigEndian.AppendUint64(scratch[:0], t.sum)
	scratch = appendBytes(scratch, key)
	scratch = binary.BigEndian.AppendUint64(scratch, xxhash.Sum64(value))
	t.pairs++
	t.sum = xxhash.Sum64(scratch)
	return scratch
}

// beginChunk appends the header of a chunk, which endChunk completes.
func beginChunk(dst []byte) []byte {
	return append(dst, make([]byte, chunkHeader)...)
}

func endChunk(chunk []byte, before, after tally, final bool) {
	chunk[0] = chunkVersion
	if final {
		chunk[1] = chunkFinal
	}
	binary.BigEndian.PutUint32(chunk[2:], uint32(after.pairs-before.pairs))
	binary.BigEndian.PutUint64(chunk[6:], after.pairs)
	binary.BigEndian.PutUint64(chunk[14:], before.sum)
	binary.BigEndian.PutUint64(chunk[22:], after.sum)
}

// chunk is a decoded chunk's header and its encoded pairs.
type chunk struct {
	final         bool
	pairs         uint32
	before, after tally
	body          []byte
}

var (
	errChunkShort   = errors.New("the chunk ends early")
	errChunkVersion = errors.New("the chunk has a format version that this build does not know: run the same version on all nodes")
)

func decodeChunk(b []byte) (chunk, error) {
	if len(b) == 0 {
		return chunk{}, errChunkShort
	}
	if b[0] != chunkVersion {
		return chunk{}, errChunkVersion
	}
	if len(b) < chunkHeader {
		return chunk{}, errChunkShort
	}
	if b[1]&^chunkFinal != 0 {
		return chunk{}, fmt.Errorf("the chunk has unknown flags %#02x", b[1])
	}
	c := chunk{
		final:  b[1] == chunkFinal,
		pairs:  binary.BigEndian.Uint32(b[2:]),
		before: tally{sum: binary.BigEndian.Uint64(b[14:])},
		after:  tally{pairs: binary.BigEndian.Uint64(b[6:]), sum: binary.BigEndian.Uint64(b[22:])},
		body:   b[chunkHeader:],
	}
	c.before.pairs = c.after.pairs - uint64(c.pairs)
	return c, nil
}
