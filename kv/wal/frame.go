package wal

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/holdfastdb/holdfast/kv/env"
)

// All integers are little-endian. docs/formats.md is the reference.
const (
	segmentMagic   = "HOLDFWAL"
	formatVersion  = 2
	segmentHdrSize = 64

	frameMagic   = 0x4d524648 // "HFRM"
	frameHdrSize = 32
	// frameAlign is what offsets of frames are multiples of, so that a search for
	// frames in damaged bytes looks at few places.
	frameAlign = 8

	// maxPayload bounds a frame; offsets within a frame fit 32 bits.
	maxPayload = 1 << 30
)

// The kinds of frames.
const (
	frameBatch = 1
	// frameClose is written by Close: everything before it is complete.
	frameClose = 2
	// frameCheckpoint is the first frame of each segment but segment 1, and is nowhere else: the
	// state of all groups, so that the segments before may be deleted.
	frameCheckpoint = 3
	// frameFloor says that the segments before a number are needed no more.
	frameFloor = 4

	lastKind = frameFloor
)

// kindNames are for people.
var kindNames = [lastKind + 1]string{frameBatch: "batch", frameClose: "close", frameCheckpoint: "checkpoint", frameFloor: "floor"}

var (
	crcTable = crc32.MakeTable(crc32.Castagnoli)
	le       = binary.LittleEndian
)

func checksum(b []byte) uint32 { return crc32.Checksum(b, crcTable) }

func align(n int64) int64 { return (n + frameAlign - 1) &^ (frameAlign - 1) }

// segmentHeader starts each segment file.
type segmentHeader struct {
	version uint32
	chain   uint32 // checksum of the last frame before this segment, 0 if none
	cluster uint64
	node    env.NodeID
	number  uint64 // 1, 2, ...
	frame   uint64 // number of the first frame in this segment
	store   uint64 // number of the log, drawn when it was created
}

func (h *segmentHeader) encode() []byte {
	b := make([]byte, segmentHdrSize)
	copy(b, segmentMagic)
	le.PutUint32(b[8:], h.version)
	le.PutUint32(b[12:], h.chain)
	le.PutUint64(b[16:], h.cluster)
	le.PutUint64(b[24:], uint64(h.node))
	le.PutUint64(b[32:], h.number)
	le.PutUint64(b[40:], h.frame)
	le.PutUint64(b[48:], h.store)
	le.PutUint32(b[60:], checksum(b[:60]))
	return b
}

// decodeSegmentHeader reports whether b starts with an undamaged header, of any
// version: magic, version and checksum stay where they are in all of them.
func decodeSegmentHeader(b []byte) (segmentHeader, bool) {
	if len(b) < segmentHdrSize || string(b[:8]) != segmentMagic || le.Uint32(b[60:]) != checksum(b[:60]) {
		return segmentHeader{}, false
	}
	return segmentHeader{
		version: le.Uint32(b[8:]),
		chain:   le.Uint32(b[12:]),
		cluster: le.Uint64(b[16:]),
		node:    env.NodeID(le.Uint64(b[24:])),
		number:  le.Uint64(b[32:]),
		frame:   le.Uint64(b[40:]),
		store:   le.Uint64(b[48:]),
	}, true
}

// place is the checksum seed of a segment's frames: it ties them to the segment.
type place uint32

func (h *segmentHeader) place() place {
	var b [32]byte
	le.PutUint64(b[0:], h.cluster)
	le.PutUint64(b[8:], uint64(h.node))
	le.PutUint64(b[16:], h.store)
	le.PutUint64(b[24:], h.number)
	return place(checksum(b[:]))
}

// frameHeader starts each frame. Its checksum covers the payload's, and thereby
// stands for the whole frame in the chain.
type frameHeader struct {
	kind    byte
	number  uint64 // 1, 2, ... over all segments
	length  uint32 // of the payload
	prev    uint32 // checksum of the frame before, 0 for the first
	payload uint32 // checksum of the payload
	sum     uint32 // checksum of the above, the segment's place and the offset
}

// encode writes the header for a frame at the given offset into b and sets sum.
func (h *frameHeader) encode(b []byte, at place, offset int64) {
	le.PutUint32(b[0:], frameMagic)
	b[4], b[5], b[6], b[7] = h.kind, 0, 0, 0
	le.PutUint64(b[8:], h.number)
	le.PutUint32(b[16:], h.length)
	le.PutUint32(b[20:], h.prev)
	le.PutUint32(b[24:], h.payload)
	h.sum = headerSum(b, at, offset)
	le.PutUint32(b[28:], h.sum)
}

// decodeFrameHeader reports whether an undamaged frame header is at the start
// of b, which was read at the given offset. It does not look at the payload.
func decodeFrameHeader(b []byte, at place, offset int64) (frameHeader, bool) {
	if len(b) < frameHdrSize || le.Uint32(b) != frameMagic || le.Uint32(b[28:]) != headerSum(b, at, offset) {
		return frameHeader{}, false
	}
	return frameHeader{
		kind:    b[4],
		number:  le.Uint64(b[8:]),
		length:  le.Uint32(b[16:]),
		prev:    le.Uint32(b[20:]),
		payload: le.Uint32(b[24:]),
		sum:     le.Uint32(b[28:]),
	}, true
}

func headerSum(b []byte, at place, offset int64) uint32 {
	var o [8]byte
	le.PutUint64(o[:], uint64(offset))
	return crc32.Update(crc32.Update(uint32(at), crcTable, o[:]), crcTable, b[:28])
}

// frameSize is what a frame takes in its segment, in bytes.
func frameSize(payload int64) int64 { return align(frameHdrSize + payload) }
