package wal

import "fmt"

// cursor is where in the sequence of frames a scan is.
type cursor struct {
	number uint64 // of the next frame
	chain  uint32 // checksum of the one before, 0 for none
}

// damage says what is wrong at an offset of a segment.
type damage struct {
	offset int64
	reason string
}

// scanned is what scanFrames found in a segment.
type scanned struct {
	last  int64 // offset of the last valid frame, 0 if none
	end   int64 // where the valid frames end
	dirty int64 // where the last byte beyond end that is not zero ends; end if all are zero
	// damage is set when a frame is damaged that had been followed by others, which an interrupted
	// write cannot do.
	damage *damage
}

// torn is how many bytes follow the valid frames.
func (s *scanned) torn() int64 { return s.dirty - s.end }

// scanFrames walks the frames of a segment, whose whole content is data, and calls
// visit for each valid one in order with its payload. visit may refuse one with a
// reason.
func scanFrames(data []byte, at place, c *cursor, visit func(offset int64, h frameHeader, payload []byte) string) scanned {
	s := scanned{end: segmentHdrSize}
	for {
		off := s.end
		h, payload, state, reason := frameAt(data, at, off, c)
		if state == frameBad {
			s.damage = &damage{off, reason}
			return s
		}
		if state != frameGood {
			s.dirty = max(lastNonZero(data), off)
			s.damage = findLater(data, at, off, h, state == frameIncomplete)
			return s
		}
		if reason := visit(off, h, payload); reason != "" {
			s.damage = &damage{off, reason}
			return s
		}
		c.number, c.chain = h.number+1, h.sum
		s.last, s.end = off, off+frameSize(int64(h.length))
	}
}

type frameState int

const (
	frameGood       frameState = iota
	frameAbsent                // there is no valid header
	frameIncomplete            // a valid header without its payload: an interrupted write, or damage
	frameBad                   // a valid frame that cannot be here
)

// frameAt looks at the frame at the offset.
func frameAt(data []byte, at place, off int64, c *cursor) (h frameHeader, payload []byte, state frameState, reason string) {
	if off >= int64(len(data)) {
		return h, nil, frameAbsent, ""
	}
	h, ok := decodeFrameHeader(data[off:], at, off)
	if !ok {
		return h, nil, frameAbsent, ""
	}
	switch {
	case h.number != c.number:
		return h, nil, frameBad, fmt.Sprintf("frame %d is where frame %d belongs", h.number, c.number)
	case h.prev != c.chain:
		return h, nil, frameBad, fmt.Sprintf("frame %d does not continue the frame before it", h.number)
	case h.kind < frameBatch || h.kind > lastKind:
		return h, nil, frameBad, fmt.Sprintf("frame %d is of unknown kind %d", h.number, h.kind)
	case h.length > maxPayload:
		return h, nil, frameBad, fmt.Sprintf("frame %d has an impossible length of %d bytes", h.number, h.length)
	}
	end := off + frameSize(int64(h.length))
	if end > int64(len(data)) || checksum(data[off+frameHdrSize:end]) != h.payload {
		return h, nil, frameIncomplete, ""
	}
	start := off + frameHdrSize
	return h, data[start : start+int64(h.length)], frameGood, ""
}

// findLater tells damage from an interrupted write. The frame at off is not valid; if
// it was the one being written when the node stopped, then nothing was ever written
// behind it. A valid frame header behind it, or any byte behind its known end, shows that
// it had been complete.
func findLater(data []byte, at place, off int64, h frameHeader, headerValid bool) *damage {
	from := off + frameAlign
	if headerValid {
		from = off + frameSize(int64(h.length))
	}
	for p := from; p+frameHdrSize <= int64(len(data)); p += frameAlign {
		if later, ok := decodeFrameHeader(data[p:], at, p); ok {
			return &damage{off, fmt.Sprintf("a frame is damaged, since frame %d follows at offset %d", later.number, p)}
		}
	}
	if last := lastNonZero(data); headerValid && last > from {
		return &damage{off, fmt.Sprintf("frame %d is damaged, since data follows it up to offset %d", h.number, last)}
	}
	return nil
}

// lastNonZero is where the last byte that is not zero ends.
func lastNonZero(data []byte) int64 {
	n := len(data)
	for n >= 8 && le.Uint64(data[n-8:]) == 0 {
		n -= 8
	}
	for n > 0 && data[n-1] == 0 {
		n--
	}
	return int64(n)
}
